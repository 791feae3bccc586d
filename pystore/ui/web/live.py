"""Live: a realization that answers, until its last batch is done.

LV1  What a realization holds is let go of once, after it was replaced and its last batch is done.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...core.dataclasses import dataclass, field
from ...core.printable import printable
from ...core.refs import RRef
from .served import Loaded, Served


@dataclass
class Live:
    """A loaded and checked realization, with the facts that pages tell of it.

    All of its methods are called in the event loop.
    """

    loaded: Loaded
    expected: Mapping[str, Any]
    example: Any  # a row, or an item; None if nobody knows one
    about: Mapping[str, Any]
    _batches: int = 0
    _let_go: Callable[["Live"], None] | None = field(default=None, repr=False)

    @property
    def rref(self) -> RRef:
        """Its reference."""
        return self.loaded.rref

    def begin_batch(self) -> None:
        """Counts a batch that it answers."""
        self._batches += 1

    def end_batch(self) -> None:
        """Counts the end of a batch."""
        self._batches -= 1
        self._end_if_unused()

    def retire(self, let_go: Callable[["Live"], None]) -> None:
        """Calls `let_go` when no batch is in its hands any more."""
        self._let_go = let_go
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._let_go is not None and self._batches == 0:
            let_go, self._let_go = self._let_go, None
            let_go(self)


def load_checked(model: Served, rref: RRef) -> Live:
    """The realization, after it has predicted its examples again. Raises whatever it raises."""
    loaded = model.load(rref)
    try:
        loaded.check()
        expected, example = _finite(loaded.expected()), _finite(loaded.example())
        return Live(loaded, expected, example, _about(loaded))
    except BaseException:
        with suppress(Exception):
            loaded.close()
        raise


def _about(loaded: Loaded) -> dict[str, Any]:
    told = {
        "hyperparameters": dict(loaded.hyperparameters),
        "metrics": dict(loaded.metrics),
        "evidence": loaded.evidence(),
        "versions_differ": list(loaded.versions_differ),
        "code_differs": loaded.code_differs,
    }
    return {name: _finite(fact) for name, fact in told.items()}


def _finite(value: Any) -> Any:
    """The value as JSON has it: no NaN, no infinity."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str() | bool() | int() | None:
            return value
        case Mapping():
            return {str(name): _finite(one) for name, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
    return printable(str(value))
