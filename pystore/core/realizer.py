"""Realizer: the function that fills an output directory."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .dataclasses import dataclass
from .errors import BadStage


@dataclass(frozen=True, eq=False)
class Realizer:
    """A function of a Build. Two are equal when they run the same code.

    Values bound with `functools.partial` are not compared: bind only what is not identity, such
    as the URL of a download whose hash is in the config.
    """

    function: Callable[[Any], object]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise BadStage(
                "a realizer is a function of a Build",
                given=repr(self.function)[:200],
                remedy="write def build(b): …, and mkdrv(m, config, matcher, build_wrapper(build))",
            )

    def __call__(self, build: Any) -> object:
        """Runs the function."""
        return self.function(build)

    @property
    def adopts(self) -> bool:
        """Whether it takes results that other derivations have built from the same bytes."""
        return getattr(self.function, "adopts", True)

    @property
    def plain(self) -> Any:
        """The function inside of partial applications and wrappers."""
        function: Any = self.function
        while True:
            if isinstance(function, partial):
                function = function.func
            elif hasattr(function, "__wrapped__"):
                function = function.__wrapped__
            elif hasattr(function, "__func__"):
                function = function.__func__
            else:
                return function

    @property
    def name(self) -> str:
        """The function's qualified name."""
        plain = self.plain
        return getattr(plain, "__qualname__", None) or type(plain).__qualname__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Realizer) and _code(self.plain) == _code(other.plain)

    def __hash__(self) -> int:
        return hash(_code(self.plain))


def _code(function: Any) -> object:
    return getattr(function, "__code__", function)
