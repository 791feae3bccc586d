"""Interruption: what a run that was stopped leaves, and how it goes on."""

from pathlib import Path

from ...model.attempt import Attempt
from ...model.errors import PystoreError
from ...model.events import AttemptFailed
from ...store.store import Store
from .hearing import Hearing


def interrupted(hearing: Hearing, store: Store) -> PystoreError:
    """Says how much is kept: what was committed, and what the running attempts leave."""
    records = [found for event in hearing.stopped if (found := _record(event, store))]
    left = [path for record in records if (path := _staging(record))]
    goes_on = [path for record in records if (path := _scratch(record, store)).exists()]
    return PystoreError(
        "interrupted",
        done=hearing,
        stopped="\n".join(f"attempt {e.number} of {e.dref}" for e in hearing.stopped) or None,
        wrote="\n".join(map(str, left)) or None,
        checkpoint="\n".join(map(str, goes_on)) or None,
        remedy="run it again: what was built is kept"
        + (", and it goes on from its checkpoint" if goes_on else ""),
    )


def _record(event: AttemptFailed, store: Store) -> Attempt | None:
    found = [a for a in store.attempts(event.dref) if a.number == event.number]
    return max(found, key=lambda a: a.order) if found else None


def _staging(attempt: Attempt) -> Path | None:
    path = Path(str(attempt.notes.get("staging", "")))
    return path if path.name and path.exists() else None


def _scratch(attempt: Attempt, store: Store) -> Path:
    return Path(store.layout.beside(attempt.dref, attempt.context, attempt.number, "scratch"))
