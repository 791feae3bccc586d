"""Innermost: the value that the innermost `with` block uses, in this thread or task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, NamedTuple, TypeVar
from weakref import ref

Value = TypeVar("Value")


class _Use(Generic[Value]):
    """A block that uses a value, for as long as the block refers to this.

    Ctrl-C may come when the block ends, and keep the block from saying so.
    """

    def __init__(self, value: Value) -> None:
        self.value = value


class _Known(NamedTuple, Generic[Value]):
    use: ref[_Use[Value]]
    around: _Known[Value] | None


class Innermost(Generic[Value]):
    """Values that blocks use, one block within another."""

    def __init__(self, name: str) -> None:
        self._known: ContextVar[_Known[Value] | None] = ContextVar(name, default=None)

    def get(self) -> Value | None:
        """The value of the innermost block; None outside of all blocks."""
        known = self._known.get()
        while known is not None:
            if (use := known.use()) is not None:
                return use.value
            known = known.around
        return None

    @contextmanager
    def using(self, value: Value) -> Iterator[Value]:
        """Makes this the innermost value inside the block."""
        use = _Use(value)
        token = self._known.set(_Known(ref(use), self._known.get()))
        try:
            yield value
        finally:
            self._known.reset(token)
