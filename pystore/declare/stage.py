"""@stage: a plain function becomes a stage.

SG1  Calling a stage returns a Derivation that holds its inputs: nothing is written.
SG2  What a stage reads and writes stands in its signature: parameters, inputs, outputs.
SG3  Its code is part of its identity, as far as `code` says; `ignore`d parameters are not.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    SupportsIndex,
    overload,
)

from ..core.config import Config
from ..core.derivation import Derivation
from ..core.errors import BadConfig, BadStage
from ..core.matchers import Matcher, match_latest
from ..core.printable import listed
from ..core.realizer import Realizer
from ..core.refs import DRef, check_name, selfref
from ..core.resources import Resources
from .build import Build
from .output import Output
from .parameter_types import Kinds, check_given, kinds_of_all
from .programs import is_program
from .registry import Registry, check_call
from .view import RESERVED, View, resolve, views

P = ParamSpec("P")

_RESERVED = frozenset((*RESERVED, "code", "name"))
_DEPTHS = ("project", "function")
_PLAIN = (bool, int, str, type(None))


if TYPE_CHECKING:
    from .identity.code import Code

    class _Seen(Derivation, View):
        """What a stage's call is to a type checker: a derivation that may stand for its view."""

else:
    _Seen = Derivation


class Staged(_Seen):
    """A derivation of a @stage function."""

    __slots__ = ("stage",)

    stage: Stage[Any]

    @property
    def origin(self) -> str:
        """The function that it was made from."""
        return f"{self.stage.__module__}.{self.stage.__qualname__}"

    def run(self, **options: Any) -> View:
        """Realizes it, and returns its view. Takes the options of `realize`."""
        return View(self.stage.realize(self, **options), options.get("store"))


@dataclass(frozen=True, eq=False)
class StageRealizer:
    """Calls the stage's function with what its config says."""

    stage: Stage[Any]
    ignored: Mapping[str, Any]
    identified = True  # its code is in the config as far as it should be

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.stage.function

    @property
    def portable_key(self) -> object:
        """Equal for realizers that are the same when they are sent to another process.

        It names objects by their ids: while it is used, the realizer must be kept.
        """
        return id(self.stage), *((name, _told_apart(value)) for name, value in self.ignored.items())

    def _noted(self, b: Build) -> AbstractContextManager[None]:
        """Notes the code that runs, which must be the one that was declared."""
        stage = self.stage
        if stage.options.code not in _DEPTHS:
            return nullcontext()
        from .identity.standing import noted

        return noted(b, stage.function, stage.options.code, stage.brought)

    def imported_code(self) -> str:
        """The digest of its code as it is in this process, if it was found here by its name."""
        stage = self.stage
        if stage.brought is not None or stage.options.code not in _DEPTHS:
            return ""
        from .identity.standing import excused

        digest = stage.code().digest
        return "" if excused(stage.function, stage.options.code) else digest

    def __call__(self, b: Build) -> None:
        """Runs the function."""
        inputs = views(b._staging.context, b._store, b.recorder)
        values = resolve(b.config.value, inputs, b.outpath)
        for parts in b.config.promises:
            b.outpath.joinpath(*parts).parent.mkdir(parents=True, exist_ok=True)
        arguments = {name: values[name] for name in self.stage.parameters if name in values}
        arguments |= self.ignored
        if self.ignored:
            b.note("ignored", {name: repr(value)[:200] for name, value in self.ignored.items()})
        if self.stage.takes_build:
            arguments["build"] = b
        with self._noted(b):
            result = self.stage.function(**arguments)
        if result is not None:
            raise BadStage(
                f"the stage {self.stage.stage_name} returned a value, which would be lost",
                returned=repr(result)[:200],
                remedy="write it to a file: add a parameter file=output('file'); `pystore commit "
                "STAGING`, or commit(staging), saves this training without the value",
            )


class Stage(Generic[P]):
    """A stage made from a function. Call it for a Derivation; with a Registry first, for a DRef."""

    def __init__(
        self, function: Callable[..., Any], options: Options, realize: Callable[..., Any]
    ) -> None:
        self.function = function
        self.realize = realize  # this room declares, and knows nobody who builds
        self.stage_name = check_name(options.name or function.__name__)
        self.options = options
        self.signature, self.takes_build = _checked_signature(function, options)
        self.parameters = tuple(self.signature.parameters)
        self.brought: Code | None = None  # read elsewhere, where its source was at hand
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    @cached_property
    def kinds(self) -> Mapping[str, Kinds]:
        """What its annotations say of its parameters."""
        return kinds_of_all(self.function, self.signature.parameters.values())

    @property
    def parts(self) -> Mapping[str, str]:
        """What of the code is part of the identity, each with its digest."""
        return self.code().parts if self.options.code in _DEPTHS else {}

    @overload
    def __call__(self, m: Registry, /, *args: P.args, **kwargs: P.kwargs) -> DRef: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Staged: ...
    # mypy cannot see that *args: Any takes what a ParamSpec does.
    def __call__(self, *args: Any, **kwargs: Any) -> DRef | Staged:  # type: ignore[misc]
        """Declares it."""
        if args and isinstance(args[0], Registry):
            return args[0].add(self._declared(args[1:], kwargs))
        return self._declared(args, kwargs)

    def _declared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged:
        if any("." in name for name in kwargs):
            from .inner import called  # only where a dotted name is given

            return called(self, args, kwargs)
        values = self._bound(args, kwargs)
        ignored = {name: values.pop(name) for name in self.options.ignore if name in values}
        try:
            config = Config({"name": self.stage_name, **self._code(), **values})
        except BadConfig as error:
            error.having(stage=self.stage_name)
            raise
        realizer = Realizer(StageRealizer(self, ignored))
        staged = Staged(config, self.options.matcher, realizer, self.options.terms)
        staged.stage = self
        return staged

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
        return {"code": self.code().digest if code in _DEPTHS else code}

    def code(self) -> Code:
        """What its code consists of, now."""
        if self.brought is not None:
            return self.brought
        from .identity.code import code_of  # a script of hand-written stages never needs it

        return code_of(self.function, self.options.code or "function")

    def __repr__(self) -> str:
        return f"<stage {self.stage_name}{self.signature}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        # By name where another process can import it, as functions are.
        return self.__qualname__ if _importable(self) else super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        # What it declares by default stays here: it may be a whole graph. The source may not be
        # at hand elsewhere, so what the code consists of goes along.
        function = _without_defaults(self.function)
        bare = [p.replace(default=p.empty) for p in self.signature.parameters.values()]
        return {
            **self.__dict__,
            "function": function,
            "__wrapped__": function,
            "signature": self.signature.replace(parameters=bare),
            "brought": self.code() if self.options.code in _DEPTHS else None,
        }


def _told_apart(value: Any) -> object:
    """Equal for plain values that are the same, where `==` takes 1 and True for one."""
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


@dataclass(frozen=True)
class Options:
    """What @stage was told."""

    matcher: Matcher = field(default_factory=match_latest)
    name: str | None = None
    ignore: tuple[str, ...] = ()
    code: str | None = "project"
    terms: Resources = field(default_factory=Resources)


def checked_code(code: str | None) -> str | None:
    """The option `code` of @stage. Raises BadStage for what is no text, or a misspelt word."""
    from difflib import get_close_matches

    if code is not None and not isinstance(code, str):
        raise BadStage(
            f"code={code!r} is no text",
            remedy='write code="project" (the default), code="function", code="v1", or None',
        )
    if code is None or code in _DEPTHS or not get_close_matches(code, _DEPTHS, cutoff=0.7):
        return code
    raise BadStage(
        f"code={code!r} would be a version's name, and looks like a misspelt word",
        remedy='write code="function", code="project", or a name such as code="v1"',
    )


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


def _checked_signature(
    function: Callable[..., Any], options: Options
) -> tuple[inspect.Signature, bool]:
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadStage(
                f"a stage cannot take {parameter}",
                stage=function.__qualname__,
                remedy="name each parameter: what a stage depends on stands in its signature",
            )
        if name in _RESERVED:
            raise BadStage(
                f"the parameter {name!r} of a stage would hide the {name} of its view",
                stage=function.__qualname__,
                reserved=", ".join(sorted(_RESERVED)),
                remedy="choose another name",
            )
    strange = set(options.ignore) - set(signature.parameters)
    if strange:
        raise BadStage(
            "ignore names what is no parameter",
            stage=function.__qualname__,
            strange=listed(sorted(strange)),
            parameters=listed(signature.parameters),
            remedy="name parameters of the function, or leave it out",
        )
    kept = [p for name, p in signature.parameters.items() if name != "build"]
    return signature.replace(parameters=kept), len(kept) < len(signature.parameters)
