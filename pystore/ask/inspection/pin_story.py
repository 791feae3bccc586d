"""Pin story: how pins changed, here and at remotes, in one list."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ...core.dataclasses import dataclass, replace
from ...core.refs import RRef
from ...store.pin_changes import pin_history
from ...store.remote.pin_move import PinMove, moves_seen
from ...store.store import Store


@dataclass(frozen=True)
class PinStep:
    """A change of a pin of a store, or a move of a pin at a remote."""

    pin: str
    rref: RRef | None  # None: the pin was removed
    before: RRef | None  # that the pin named before
    time: int  # [ns since the epoch, UTC]
    by: str | None  # user@host
    url: str | None = None  # of the remote that the pin of the store followed
    number: int | None = None  # of a move at a remote
    host: str | None = None  # where a move at a remote was made

    def to_dict(self) -> dict[str, Any]:
        """The step as `pystore pins --history --json` prints it: the fields by name."""
        return asdict(self)


def story(store: Store) -> list[PinStep]:
    """The changes of all pins, and the moves at remotes that were made or followed here.

    By pin, and first to last.
    """
    own = [
        PinStep(one.pin, one.rref, one.before, one.time, one.by, one.url or None)
        for one in pin_history(store)
    ]
    return sorted([*own, *moved(moves_seen(store))], key=lambda step: (step.pin, step.time))


def moved(moves: Iterable[PinMove]) -> list[PinStep]:
    """The moves of pins at a remote, sorted by pin and first to last, each with the one before."""
    told: list[PinStep] = []
    for move in moves:
        before = told[-1].rref if told and told[-1].pin == move.pin else None
        made = PinStep(move.pin, move.rref, before, move.time, move.by or None)
        told.append(replace(made, number=move.number, host=move.host))
    return told
