"""@stage: a plain function becomes a stage.

SG1  Calling a stage returns a Derivation that holds its inputs: nothing is written.
SG2  The signature of a stage says what it reads and writes: parameters, inputs, outputs.
SG3  Its code is part of its identity, as far as `code` says; `ignore`d parameters are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, SupportsIndex, cast

from ..core.config import Config
from ..core.dataclasses import dataclass
from ..core.derivation import Derivation
from ..core.errors import BadConfig, BadStage
from ..core.realizer import Realizer
from ..core.refs import check_name, selfref
from .build import Build
from .calls import CalledTwoWays, check_call
from .dotted_names import parted, with_changes
from .output import Output
from .parameter_types import ParameterType, check_given, types_of
from .programs import is_program
from .stage_options import DEPTHS, Options, checked_signature
from .view import View, resolve, views

P = ParamSpec("P")

_PLAIN = (bool, int, str, type(None))


if TYPE_CHECKING:
    from .identity.code import Code

    class _Seen(Derivation, View):
        """For type checkers, a derivation of a stage may be given where a view is expected."""

else:
    _Seen = Derivation


class Staged(_Seen):
    """A derivation of a @stage function."""

    __slots__ = ("stage",)

    stage: Stage[Any]

    @property
    def origin(self) -> str:
        """The full name of the function that the stage was made from."""
        return f"{self.stage.__module__}.{self.stage.__qualname__}"

    def run(self, **options: Any) -> View:
        """Realizes it, and returns its view. Takes the options of `realize`."""
        return View(self.stage.realize(self, **options), options.get("store"))


@dataclass(frozen=True, eq=False)
class StageRealizer:
    """Calls the function of a stage with the arguments that the config of a build says."""

    stage: Stage[Any]
    ignored: Mapping[str, Any]
    identified = True  # the config holds the digest of its code, if the stage wants that

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.stage.function

    @property
    def portable_key(self) -> object:
        """A key that is equal for realizers that are the same when they are sent elsewhere.

        It holds ids of objects, so it is valid while the realizer lives.
        """
        return id(self.stage), *((name, _distinct(value)) for name, value in self.ignored.items())

    def _noted(self, b: Build) -> AbstractContextManager[None]:
        """Notes the code that runs, and checks that it is the declared one."""
        stage = self.stage
        if stage.options.code not in DEPTHS:
            return nullcontext()
        block: AbstractContextManager[None]
        block = _changes().noted(b, stage.functions, stage.options.code, stage.sent_code)
        return block

    def imported_code(self) -> str:
        """The digest of the code in this process; "" if the process did not import the code."""
        stage = self.stage
        if stage.sent_code is not None or stage.options.code not in DEPTHS:
            return ""
        digest = stage.code().digest
        changed = _changes().changed_by_a_stage(stage.functions, stage.options.code)
        return "" if changed else digest

    def __call__(self, b: Build) -> None:
        """Runs the function."""
        inputs = views(b._staging.context, b._store, b.recorder)
        values = resolve(b.config.value, inputs, b.outpath)
        for parts in b.config.promises:
            b.outpath.joinpath(*parts).parent.mkdir(parents=True, exist_ok=True)
        if self.ignored:
            b.note("ignored", {name: repr(value)[:200] for name, value in self.ignored.items()})
        with self._noted(b):
            result = self.stage.work(b, {**values, **self.ignored})
        if result is not None:
            raise BadStage(
                f"the stage {self.stage.stage_name} returned a value, which would be lost",
                returned=repr(result)[:200],
                remedy="write it to a file: add a parameter file=output('file'); `pystore commit "
                "STAGING`, or commit(staging), saves this training without the value",
            )


class Stage(CalledTwoWays[P, Staged]):
    """A stage made from a function. Call it for a Derivation; with a Registry first, for a DRef."""

    keeps_value = False  # whether `work` keeps the value that the function returns

    def __init__(
        self, function: Callable[..., Any], options: Options, realize: Callable[..., Any]
    ) -> None:
        super().__init__(function)
        self.function = function
        self.realize = realize  # an argument, since declaring does not depend on running
        self.stage_name = check_name(options.name or function.__name__)
        self.options = options
        self.signature, self.takes_build = checked_signature(function, options)
        self.parameters = tuple(self.signature.parameters)
        self.sent_code: Code | None = None  # found by the process that sent the stage here

    @cached_property
    def parameter_types(self) -> Mapping[str, ParameterType]:
        """The types of its parameters, as far as annotations say them."""
        return types_of(self.function, self.signature.parameters.values())

    @property
    def parts(self) -> Mapping[str, str]:
        """The parts of the code that are part of the identity, each with its digest."""
        return self.code().parts if self.options.code in DEPTHS else {}

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions whose code is the code of the stage, by their roles."""
        return {"": self.function}

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys of its configs; None if the signature does not tell them."""
        found = {"name", *self.parameters} - set(self.options.ignore)
        return frozenset(found | ({"code"} if self.options.code is not None else set()))

    def work(self, b: Build, values: Mapping[str, Any]) -> Any:
        """Calls the function with its arguments, which are among these values."""
        arguments = {name: values[name] for name in self.parameters if name in values}
        if self.takes_build:
            arguments["build"] = b
        return self.function(**arguments)

    def _declared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged:
        if any("." in name for name in kwargs):
            return self._with_dotted_names(args, kwargs)
        values = self._bound(args, kwargs)
        ignored = {name: values.pop(name) for name in self.options.ignore if name in values}
        return self._staged(values, ignored)

    def _staged(self, values: Mapping[str, Any], ignored: Mapping[str, Any]) -> Staged:
        try:
            config = Config({"name": self.stage_name, **self._code(), **values})
        except BadConfig as error:
            error.having(stage=self.stage_name)
            raise
        realizer = Realizer(StageRealizer(self, ignored))
        staged = Staged(config, self.options.matcher, realizer, self.options.resources)
        staged.stage = self
        return staged

    def _with_dotted_names(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged:
        plain = {name: value for name, value in kwargs.items() if "." not in name}
        given = self._arguments(args, plain)
        defaults = {p.name: p.default for p in self.signature.parameters.values()}
        own, inner = parted({**kwargs, **given}, defaults, _taken)
        return cast("Staged", with_changes(self._declared((), own), inner, _taken))

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return check_call(self.stage_name, self.signature, args, kwargs).arguments

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = check_call(self.stage_name, self.signature, args, kwargs)
        check_given(self, bound.arguments)
        for name, value in bound.arguments.items():
            promised = self.signature.parameters[name].default
            if isinstance(promised, Output) and not isinstance(value, Output):
                raise BadStage(
                    f"{name} is a file that {self.stage_name} writes, and no parameter",
                    given=repr(value)[:200],
                    remedy=f"leave it out, or name another file: {name}={promised!r}",
                )
        bound.apply_defaults()
        return {name: _plain(value) for name, value in bound.arguments.items()}

    def _code(self) -> dict[str, str]:
        code = self.options.code
        if code is None:
            return {}
        return {"code": self.code().digest if code in DEPTHS else code}

    def code(self) -> Code:
        """The code of its function, as it is now."""
        if self.sent_code is not None:
            return self.sent_code
        code: Code = _changes().code_of_all(self.functions, self.options.code or "function")
        return code

    def __repr__(self) -> str:
        return f"<stage {self.stage_name}{self.signature}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        # By name, as functions are, if another process can import it.
        return self.__qualname__ if _importable(self) else super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        # Defaults are left out, since they may be a whole graph of derivations. The digest of the
        # code goes along, since another process may lack the source.
        function = _without_defaults(self.function)
        bare = [p.replace(default=p.empty) for p in self.signature.parameters.values()]
        return {
            **self.__dict__,
            "function": function,
            "__wrapped__": function,
            "signature": self.signature.replace(parameters=bare),
            "sent_code": self.code() if self.options.code in DEPTHS else None,
        }


def _changes() -> Any:
    """What reads the code of functions, and knows how it changed."""
    from .identity import changes  # for weight: 25 modules that read code

    return changes


def _taken(target: Derivation | None, name: str, present: Any, value: Any) -> Any:
    """A value for a dotted name, once it is checked by the stage whose parameter it is."""
    if isinstance(target, Staged):
        check_given(target.stage, {name: value})
    return value() if isinstance(value, Stage) else value


def _distinct(value: Any) -> object:
    """A key that tells values apart which `==` takes for one, such as 1 and True."""
    if type(value) is float:
        return repr(value)  # 0.0 and -0.0
    return (type(value), value) if type(value) in _PLAIN else id(value)


def _importable(stage: Stage[Any]) -> bool:
    found: Any = sys.modules.get(stage.__module__)
    for part in stage.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is stage and not is_program(stage.__module__)


def _without_defaults(function: Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(function, FunctionType):
        return function
    bare = FunctionType(
        function.__code__, function.__globals__, function.__name__, None, function.__closure__
    )
    bare.__module__, bare.__qualname__ = function.__module__, function.__qualname__
    return bare


def _plain(value: Any) -> Any:
    """The value as a config takes it: stages called, outputs as promises."""
    if isinstance(value, Stage):
        return value()
    if isinstance(value, Output):
        return [selfref, *value.parts]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
