"""Calls of stages: with a registry first, they declare there; without, they return a derivation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from ..core.derivation import Derivation
from ..core.errors import BadStage
from ..core.later import later
from ..core.near_names import near_names
from ..core.printable import listed
from ..core.refs import DRef
from .registry import Registry

if TYPE_CHECKING:
    import inspect
    from inspect import BoundArguments, Parameter, Signature
else:
    later(globals(), "inspect")

P = ParamSpec("P")
D = TypeVar("D", bound=Derivation, covariant=True)


class CalledTwoWays(ABC, Generic[P, D]):
    """The base of both kinds of stages: `f(…)` is a derivation, `f(m, …)` declares it in `m`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    @overload
    def __call__(self, m: Registry, /, *args: P.args, **kwargs: P.kwargs) -> DRef: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> D: ...
    # mypy cannot see that *args: Any takes what a ParamSpec does.
    def __call__(self, *args: Any, **kwargs: Any) -> DRef | D:  # type: ignore[misc]
        """The derivation with these parameters; its reference when a registry comes first."""
        if args and isinstance(args[0], Registry):
            return args[0].add(self._declared(args[1:], kwargs))
        return self._declared(args, kwargs)

    @abstractmethod
    def _declared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> D:
        """The derivation with these parameters."""


class TwoWayStage(CalledTwoWays[P, Derivation]):
    """A stage made from a function that returns a derivation."""

    __wrapped__: Callable[P, Derivation]

    def _declared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Derivation:
        check_call(self.__name__, inspect.signature(self.__wrapped__), args, kwargs)
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<stage {self.__qualname__}>"


def two_way(declare: Callable[P, Derivation]) -> TwoWayStage[P]:
    """Makes a stage that serves both ways from a function that returns a Derivation."""
    return TwoWayStage(declare)


def check_call(
    name: str, signature: "Signature", args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> "BoundArguments":
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


def _closest(given: Mapping[str, Any], signature: "Signature") -> list[str]:

    known = signature.parameters
    return [near for key in given.keys() - known for near in near_names(key, known, 1)]


def _written(parameter: "Parameter") -> str:
    """A parameter as one reads it: of an input, which stage it is."""
    if isinstance(parameter.default, Derivation):
        return f"{parameter.name}={parameter.default.config.name}()"
    return str(parameter)
