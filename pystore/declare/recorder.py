"""Recorder: notes what a realizer reads of its inputs beyond the bytes of their files.

Reading a file is not noted, since adoption compares the bytes. Everything else that a stage sees
of an input may differ for another input with the same bytes.

RC1  Reads in a thread or in a forked child are noted, too; an input that is sent to another
    process, where reads are not noted, counts as read whole.
RC2  When it is unknown which realizer reads, the read counts for all that run in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from ..core.attempt import Attempt
from ..core.context import Context
from ..core.dataclasses import dataclass
from ..core.ports import StoreReader
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
from ..store.staging import Staging


class Recorder:
    """Notes the reads of one attempt."""

    def __init__(self, staging: Staging, store: StoreReader) -> None:
        self._staging = staging
        self._store = store
        self._reading = staging.noted()

    def __reduce__(self) -> tuple[object, ...]:
        self.all_inputs()
        self.of_store()
        return type(None), ()  # RC1

    def note(self, kind: Kind, place: str, seen: str) -> None:
        """Notes what was seen at a place. Raises OSError when the note cannot be written."""
        self._reading.note(key_of(kind, place), digest_of(kind, seen))

    def tree(self, place: str, rref: RRef) -> None:
        """Notes that the files of an input's input may be read."""
        self.note("tree", place, self._store.tree(rref))

    def all_inputs(self) -> None:
        """Notes that the references of all inputs were read."""
        for dref in self._staging.context:
            self.input(dref)

    def input(self, dref: DRef) -> None:
        """Notes that the references chosen for an input were read."""
        for number, rref in enumerate(ordered(self._staging.context[dref], self._store)):
            for place in self._places[dref]:
                self.note("rref", below(place, number), rref)

    def derivation(self, dref: DRef) -> None:
        """Notes that the config of an input was read through its reference."""
        for place in self._places.get(dref, ()):
            self.note("dref", below(place, 0), dref)

    def of_store(self) -> None:
        """Notes that the store was asked something whose answer depends on its other contents."""
        self.note("store", "", "")

    @cached_property
    def _places(self) -> Mapping[DRef, list[str]]:
        places: dict[DRef, list[str]] = {}
        for place, dref in references(self._staging.config.value):
            places.setdefault(dref, []).append(place)
        return places


@dataclass(frozen=True)
class Place:
    """The place of one input in a config, whose reads are noted."""

    recorder: Recorder
    at: str

    def value(self, name: str, values: Mapping[str, Any], context: Context) -> None:
        """Notes that a parameter was read, or was looked for and is absent."""
        seen = text_of_value(values.get(name, Missing()), context)
        self.recorder.note("value", below(self.at, name), seen)

    def config(self, values: Mapping[str, Any], context: Context) -> None:
        """Notes that the whole config was read."""
        self.recorder.note("value", self.at, text_of_value(values, context))

    def rref(self, rref: RRef) -> None:
        """Notes that the reference of the realization was read."""
        self.recorder.note("rref", self.at, rref)

    def dref(self, dref: DRef) -> None:
        """Notes that the reference of the derivation was read."""
        self.recorder.note("dref", self.at, dref)

    def attempts(self, made: list[Attempt]) -> None:
        """Notes that the attempts that made the realization were read."""
        self.recorder.note("attempts", self.at, text_of_attempts(made))


_recorder: ContextVar[Recorder | None] = ContextVar("pystore recorder", default=None)
_running: list[Recorder] = []


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Notes what is asked of the store inside the block."""
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
    """Notes that the config of a derivation was read, if a realizer runs."""
    for recorder in _recorders():
        recorder.derivation(dref)


def store_was_read() -> None:
    """Notes that the store was asked something that cannot be asked again, if a realizer runs."""
    for recorder in _recorders():
        recorder.of_store()


def _recorders() -> list[Recorder]:
    own = _recorder.get()
    return list(_running) if own is None else [own]
