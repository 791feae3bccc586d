"""Ended: the attempts of some stages that have ended, with all that an export tells of them."""

import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ...core.attempt import Attempt, Trace
from ...core.dataclasses import dataclass
from ...core.errors import Corrupted, PystoreWarning
from ...core.left_out import LeftOut
from ...core.note import Note, tags_among
from ...core.options import Scope
from ...declare.parameters import Parameters
from ...store.store import Store
from ..experiments.family import members
from ..experiments.results import results
from ..finding.conditions import Where
from ..inspection.attempts import with_notes
from .whole_parameters import whole_parameters


@dataclass(frozen=True)
class Told:
    """An attempt that has ended, with its parameters, notes and traces."""

    attempt: Attempt
    parameters: Parameters  # all of them, also those of inputs
    differing: Parameters  # those that tell it from its family
    noted: tuple[Note, ...]
    store: Store

    @property
    def reference(self) -> str:
        """Its realization, or its derivation if it has made none."""
        return self.attempt.rref or self.attempt.dref

    @property
    def tags(self) -> str:
        """Its tags, with a blank between two."""
        return " ".join(tags_among(self.noted))

    @property
    def notes(self) -> str:
        """The texts of its notes, the oldest first."""
        return "\n".join(note.text for note in self.noted if note.text)

    def points(self) -> Trace:
        """Steps, names and values of its metrics; a metric that has no steps is at step 0.

        Of a value that a second try has told again, the last counts.
        """
        traced = {(step, name): value for step, name, value in self._trace()}
        stepped = {name for _, name in traced}
        alone = {(0, n): v for n, v in self.attempt.metrics.items() if n not in stepped}
        return [(step, name, value) for (step, name), value in {**alone, **traced}.items()]

    def _trace(self) -> Trace:
        try:
            return self.store.trace(self.attempt)
        except Corrupted as error:
            warnings.warn(
                f"the trace of attempt {self.attempt.number} of {self.attempt.dref} is damaged, "
                f"so its last values alone are exported: {error.what}",
                PystoreWarning,
                stacklevel=2,
            )
            return []


@dataclass(frozen=True)
class Ended:
    """The attempts that have ended, each once."""

    several: tuple[Told, ...]
    unfinished: int  # attempts that still run
    left_out: LeftOut
    rejected: Mapping[str, str]  # the ids of attempts whose results were rejected, and why

    def __iter__(self) -> Iterator[Told]:
        return iter(self.several)

    def names(self) -> list[str]:
        """The names of their stages, sorted."""
        return sorted({one.attempt.dref.name for one in self})


def ended(what: Any, code: Scope, store: Store, where: Where | None = None) -> Ended:
    """The attempts of stages, names or derivations that have ended, without rejected results.

    With `where`, those that fit. Raises BadStage when there is nothing to show.
    """
    found = results(what, metrics=[], where=where, code=code, store=store)
    rows = {row.attempt.id: row for row in found if row.attempt.outcome != "running"}
    noted = with_notes([row.attempt for row in rows.values()], store)
    config_of = cache(store.config)  # derivations share inputs
    whole = {
        dref: whole_parameters(config_of(dref), config_of)
        for dref in {row.attempt.dref for row in rows.values()}
    }
    several = tuple(
        Told(row.attempt, whole[row.attempt.dref], row.parameters, one.noted, store)
        for row, one in zip(rows.values(), noted, strict=True)
    )
    unfinished = sum(row.attempt.outcome == "running" for row in found)
    why = _rejected(what, code, store) if found.rejected else {}
    return Ended(several, unfinished, found.left_out, why)


def _rejected(what: Any, code: Scope, store: Store) -> dict[str, str]:
    held = members(what, store, code).holdings(store)
    return {
        one.id: store.rejection(one.rref)
        for holding in held.values()
        if holding.rejected
        for one in holding.attempts.outlines()
        if one.rref is not None and one.rref.digest in holding.rejected
    }
