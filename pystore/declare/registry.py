"""Declaring by hand: registries, configs and derivations, as Pylightnix had them."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, ParamSpec, overload

from ..core.config import Config
from ..core.derivation import Derivation, check_agrees, collect, unknown
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import Matcher
from ..core.printable import listed
from ..core.realizer import Realizer
from ..core.refs import DRef
from ..core.resources import Resources
from ..store.ports import StoreProtocol
from .build import Build

P = ParamSpec("P")


class Registry(Mapping[DRef, Derivation]):
    """The derivations that stages have declared, by DRef: the first argument of such a stage.

    With `overwrite`, as in the long-lived in-place registry, a second declaration of a DRef
    replaces the first, for its dependents too, with a warning; otherwise it must agree.
    """

    def __init__(self, *, overwrite: bool = False) -> None:
        self._known: dict[DRef, Derivation] = {}
        self._overwrite = overwrite

    def __getitem__(self, dref: DRef) -> Derivation:
        return self._known[dref]

    def __iter__(self) -> Iterator[DRef]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} derivations>"

    def add(self, derivation: Derivation) -> DRef:
        """Declares a derivation, and all that it holds.

        Raises BadStage when an input is not declared here, or one DRef means two things.
        """
        self.add_all([derivation])
        return derivation.dref

    def add_all(self, derivations: Sequence[Derivation]) -> None:
        """Declares these, and all that they hold, each once. Raises BadStage as `add` does."""
        new: dict[DRef, Derivation] = {}
        collect(derivations, new)
        for one in new.values():
            if not self._overwrite and one.dref in self._known:
                check_agrees(self._known[one.dref], one)
            for need in one.config.inputs:
                if need not in self._known and need not in new:
                    raise unknown(need, needed_by=one.dref)
        for one in new.values():
            self._put(one)

    def _put(self, derivation: Derivation) -> None:
        old = self._known.get(derivation.dref)
        if old is not None and not old.agrees(derivation):
            warnings.warn(
                f"Overwriting matcher or realizer of derivation {derivation.dref}, "
                f"configured as: {derivation.config.text}",
                PystoreWarning,
                stacklevel=4,
            )
        self._known[derivation.dref] = derivation


def mkconfig(value: Mapping[str, Any]) -> Config:
    """The config with these values; made for `mkconfig(locals())`.

    A registry or a module among them is dropped. Raises BadConfig, which names the place, when
    a value is not JSON.
    """
    if not isinstance(value, Mapping):
        return Config(value)
    dropped = (Registry, ModuleType)
    return Config({key: v for key, v in value.items() if not isinstance(v, dropped)})


def mkdrv(
    m: Registry,
    config: Config | Mapping[str, Any],
    matcher: Matcher,
    realizer: Realizer | Callable[[Build], object] | None = None,
    *,
    resources: Mapping[str, object] | None = None,
    timeout: float | None = None,
    retries: int | None = None,
) -> DRef:
    """Declares a derivation in a registry and returns its reference; touches nothing else.

    `resources`, `timeout` [s] and `retries` are as those of `@stage`, and no identity.

    Raises BadStage when an input of the config is not declared in `m`.
    """
    if not isinstance(m, Registry) or realizer is None:
        raise BadStage(
            "the first argument of mkdrv is the registry of the stage",
            given=repr(m)[:200],
            remedy="write def stage(m): return mkdrv(m, config, matcher, realizer)",
        )
    terms = Resources.of(resources, timeout, retries)
    return m.add(Derivation(config, matcher, realizer, terms))


def check_call(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """The arguments of a stage, by parameter. Raises BadStage when it does not take them."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise BadStage(
            f"the stage {name} does not take these arguments",
            because=str(error),
            takes=listed(map(_written, signature.parameters.values())) or "nothing",
            closest=", ".join(_closest(kwargs, signature)) or None,
            remedy="name the parameters: train(epochs=3). A stage by hand is def stage(m, …); what "
            "a @stage calls build is the Build",
        ) from None


def _closest(given: Mapping[str, Any], signature: inspect.Signature) -> list[str]:
    from difflib import get_close_matches  # only on the way to an error

    known = signature.parameters
    return [near for key in given.keys() - known for near in get_close_matches(key, known, 1)]


def _written(parameter: inspect.Parameter) -> str:
    """A parameter as one reads it: of an input, which stage it is."""
    if isinstance(parameter.default, Derivation):
        return f"{parameter.name}={parameter.default.config.name}()"
    return str(parameter)


class TwoWayStage(Generic[P]):
    """A stage that serves both ways: `f(…)` is a Derivation, `f(m, …)` declares it in `m`."""

    def __init__(self, declare: Callable[P, Derivation]) -> None:
        self.__wrapped__ = declare
        self.__name__ = declare.__name__
        self.__qualname__ = declare.__qualname__
        self.__doc__ = declare.__doc__
        self.__module__ = declare.__module__

    @overload
    def __call__(self, m: Registry, /, *args: P.args, **kwargs: P.kwargs) -> DRef: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Derivation: ...
    # mypy cannot see that *args: Any takes what a ParamSpec does.
    def __call__(self, *args: Any, **kwargs: Any) -> DRef | Derivation:  # type: ignore[misc]
        """Declares it."""
        if args and isinstance(args[0], Registry):
            return args[0].add(self._declared(args[1:], kwargs))
        return self._declared(args, kwargs)

    def _declared(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Derivation:
        check_call(self.__name__, inspect.signature(self.__wrapped__), args, kwargs)
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<stage {self.__qualname__}>"


def two_way(declare: Callable[P, Derivation]) -> TwoWayStage[P]:
    """Makes a stage that serves both ways from a function that returns a Derivation."""
    return TwoWayStage(declare)


_in_place: dict[tuple[Path, str], Registry] = {}


def in_place_registry(store: StoreProtocol) -> Registry:
    """The long-lived registry of what was declared in place, for this store."""
    return _in_place.setdefault((store.root, store.id), Registry(overwrite=True))
