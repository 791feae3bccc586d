"""Debugging: the Build of a target, which you run line by line yourself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.attempt import Attempt, AttemptReport
from ..core.errors import BadStage, NotInStore
from ..core.printable import listed
from ..core.refs import RRef, parse_ref
from ..declare.build import Build
from ..declare.instantiate import Target, declare
from ..declare.recorder import recording
from ..declare.registry import Registry
from ..run.verbs import realize_inputs
from ..store.current import current_store
from ..store.store import Store


class Debug(Build):
    """A Build that you commit or discard yourself: `b = Debug.start(target)`, then `b.commit()`."""

    @classmethod
    def start(cls, target: Target, *, store: Store | None = None) -> Debug:
        """The Build of one target, whose inputs are realized first.

        Raises BadStage when there are several targets.
        """
        store = current_store(store)
        closure = declare(target, Registry(), store)
        if len(closure.drefs) != 1:
            raise BadStage(
                "debug takes one target", given=listed(closure.drefs), remedy="name one of them"
            )
        derivation = closure[closure.drefs[0]]
        context = realize_inputs(closure, derivation, store)
        staging = store.begin(derivation.config, context)
        return cls(staging, store, AttemptReport(derivation.realizer.name))

    ended = False  # committed or discarded

    def commit(self) -> RRef:
        """Makes a realization of the output directory. After an error, it may be tried again."""
        rref = self._store.commit(self._staging, self._report).rref
        self.ended = True
        return rref

    def discard(self) -> None:
        """Ends the attempt as failed, and removes its directory."""
        self._store.fail(self._staging, self._report, RuntimeError("discarded"))
        self._staging.discard()
        self.ended = True


@contextmanager
def debug(target: Target, *, store: Store | None = None) -> Iterator[Debug]:
    """The Build of a target whose inputs are realized; leaving the block commits it.

    You may commit or discard it yourself before. An exception commits nothing and keeps the
    directory, which its note names. Raises BadStage when there are several targets, and what the
    builds of inputs and a commit raise.
    """
    build = Debug.start(target, store=store)
    try:
        with build._store.building(), recording(build.recorder):
            yield build
    except BaseException as error:
        if not build.ended and build._store.fail(build._staging, build._report, error):
            error.add_note(f"what was written is kept in {build._staging.path}")
        raise
    if not build.ended:
        build.commit()


class Failure:
    """A failed attempt, and the directory that it left."""

    def __init__(self, attempt: Attempt, staging: Path | None) -> None:
        self.attempt = attempt
        self.staging = staging  # None: it wrote nothing, or gc has removed it

    @property
    def error(self) -> str:
        """Its exception, with the traceback if that was recorded."""
        return str(self.attempt.notes.get("traceback") or self.attempt.error)

    def __repr__(self) -> str:
        return f"<Failure of {self.attempt.dref}, staging {self.staging}>\n{self.error}"


def last_failure(ref: str | None = None, *, store: Store | None = None) -> Failure:
    """The latest failed attempt of a derivation, or of all: its error, traceback and staging.

    Raises NotInStore when none has failed.
    """
    store = current_store(store)
    drefs = store.drefs() if ref is None else [store.config(parse_ref(ref).dref).dref]
    failed = [a for dref in drefs for a in store.attempts(dref) if a.outcome == "failed"]
    if not failed:
        raise NotInStore(
            "no attempt has failed",
            ref=ref,
            store=store.root,
            remedy="name another derivation, or use the store where it failed",
        )
    attempt = max(failed, key=lambda a: a.stop)
    staging = Path(str(attempt.notes.get("staging", "")))
    return Failure(attempt, staging if staging.name and staging.exists() else None)
