"""Recorder: what a realizer reads of its inputs beyond their bytes, noted as it is read.

Files are no reads: adoption compares their bytes. All else that a stage may see of an input
could be another for an input with the same bytes.

RC1  What is read in a thread or in a forked child is noted as here; what is sent to another
    process, where nobody notes, counts as read whole.
RC2  Where it cannot be known whose realizer reads, all that run in this process have read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..core.attempt import Attempt
from ..core.context import Context
from ..core.reads import (
    Kind,
    Missing,
    below,
    digest_of,
    key_of,
    ordered,
    references,
    text_of_attempts,
    text_of_value,
)
from ..core.refs import DRef, RRef
from ..store.ports import StoreProtocol
from ..store.staging import Staging


class Recorder:
    """Notes what one attempt reads."""

    def __init__(self, staging: Staging, store: StoreProtocol) -> None:
        self._staging = staging
        self._store = store
        self._reading = staging.noted()

    def __reduce__(self) -> tuple[object, ...]:
        self.all_inputs()
        self.of_store()
        return type(None), ()  # RC1

    def note(self, kind: Kind, place: str, seen: str) -> None:
        """Notes what was seen at a place. Raises OSError when it cannot be noted."""
        self._reading.note(key_of(kind, place), digest_of(kind, seen))

    def tree(self, place: str, rref: RRef) -> None:
        """The bytes of an input's input may be read."""
        self.note("tree", place, self._store.tree(rref))

    def all_inputs(self) -> None:
        """The references of all inputs were read."""
        for dref in self._staging.context:
            self.input(dref)

    def input(self, dref: DRef) -> None:
        """The references chosen for an input were read."""
        for number, rref in enumerate(ordered(self._staging.context[dref], self._store)):
            for place in self._places[dref]:
                self.note("rref", below(place, number), rref)

    def derivation(self, dref: DRef) -> None:
        """The config of an input was read, of which only the reference was at hand."""
        for place in self._places.get(dref, ()):
            self.note("dref", below(place, 0), dref)

    def of_store(self) -> None:
        """The store was asked for what depends on what else is in it."""
        self.note("store", "", "")

    @cached_property
    def _places(self) -> Mapping[DRef, list[str]]:
        places: dict[DRef, list[str]] = {}
        for place, dref in references(self._staging.config.value):
            places.setdefault(dref, []).append(place)
        return places


@dataclass(frozen=True)
class Place:
    """Where a stage finds one input: what it reads there is noted."""

    recorder: Recorder
    at: str

    def value(self, name: str, values: Mapping[str, Any], context: Context) -> None:
        """A parameter was read, or was found not to be there."""
        seen = text_of_value(values.get(name, Missing()), context)
        self.recorder.note("value", below(self.at, name), seen)

    def config(self, values: Mapping[str, Any], context: Context) -> None:
        """The whole config was read."""
        self.recorder.note("value", self.at, text_of_value(values, context))

    def rref(self, rref: RRef) -> None:
        """The reference was read."""
        self.recorder.note("rref", self.at, rref)

    def dref(self, dref: DRef) -> None:
        """The reference of the derivation was read."""
        self.recorder.note("dref", self.at, dref)

    def attempts(self, made: list[Attempt]) -> None:
        """The attempts were read that made it."""
        self.recorder.note("attempts", self.at, text_of_attempts(made))


_recorder: ContextVar[Recorder | None] = ContextVar("pystore recorder", default=None)
_running: list[Recorder] = []


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Has what is asked of the store inside the block noted."""
    if recorder is None:
        yield  # it has no inputs
        return
    token = _recorder.set(recorder)
    _running.append(recorder)
    try:
        yield
    finally:
        _running.remove(recorder)
        _recorder.reset(token)


def derivation_was_read(dref: DRef) -> None:
    """Notes that the config behind a reference was read, where a realizer runs."""
    for recorder in _recorders():
        recorder.derivation(dref)


def store_was_read() -> None:
    """Notes that something was asked that nobody can ask again, where a realizer runs."""
    for recorder in _recorders():
        recorder.of_store()


def _recorders() -> list[Recorder]:
    own = _recorder.get()
    return list(_running) if own is None else [own]
