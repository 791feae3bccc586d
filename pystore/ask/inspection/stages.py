"""Stages: what a store holds of each stage, whatever its parameters."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...core.attempt import Outcome
from ...core.dataclasses import dataclass
from ...core.holding import Holding
from ...core.note import tags_among
from ...core.refs import DRef
from ...store.notes import notes_in
from ...store.pins import pins
from ...store.store import Store
from ...store.users import users_of
from ..finding.conditions import Where, conditions
from ..finding.values import Values, fitting_places


@dataclass(frozen=True)
class ListedStage:
    """All derivations of one name; where there are conditions, those with attempts that fit."""

    name: str
    derivations: int
    realizations: int  # those that are here
    attempts: int
    running: int
    failed: int  # attempts that failed or died
    built: int | None  # [ns since the epoch, UTC] the latest of its realizations
    size: int  # [bytes] of the files of all its realizations
    pins: tuple[str, ...]
    used_by: tuple[str, ...]  # the processes that use something of it now, such as a service
    tags: tuple[str, ...]  # of its derivations, and of all in them

    def to_dict(self) -> dict[str, Any]:
        """The stage as a JSON object; `built` is in nanoseconds since 1970, UTC, or null."""
        return {name: list(x) if isinstance(x, tuple) else x for name, x in vars(self).items()}


def list_stages(store: Store, where: Where | None = None) -> list[ListedStage]:
    """The stages: pinned ones and those in use first, then those built last. No record is read.

    Raises BadStage for a condition that names nothing that there is.
    """
    held, tests = store.holdings(store.drefs()), conditions(where)
    places: Mapping[DRef, Sequence[int]] = {d: range(h.attempts.count) for d, h in held.items()}
    if tests:
        places = fitting_places(places, Values(held, store), tests)
        held = {dref: one for dref, one in held.items() if places[dref]}
    families: dict[str, list[Holding]] = {}
    for one in held.values():
        families.setdefault(one.dref.name, []).append(one)
    named: dict[str, list[str]] = {}
    for pin, rref in pins(store).items():
        named.setdefault(rref.name, []).append(pin)
    using: dict[str, dict[str, None]] = {}
    for rref, processes in users_of(store).items():
        using.setdefault(rref.name, {}).update(dict.fromkeys(processes))
    sizes = {dref: sum(one.sizes) for dref, one in store.listings(held).items()}
    rows = []
    for name, family in families.items():
        ended = Counter(outcome for one in family for outcome in _outcomes(one, places[one.dref]))
        rows.append(
            ListedStage(
                name,
                len(family),
                sum(_made(one, places[one.dref], bool(tests)) for one in family),
                sum(ended.values()),
                ended["running"],
                ended["failed"] + ended["died"],
                max((one.built or 0 for one in family), default=0) or None,
                sum(sizes[one.dref] for one in family),
                tuple(named.get(name, ())),
                tuple(using.get(name, ())),
                tags_among(note for one in family for note in notes_in(store, one)),
            )
        )
    return sorted(
        rows, key=lambda row: (not (row.pins or row.used_by), -(row.built or 0), row.name)
    )


def _made(held: Holding, places: Sequence[int], some: bool) -> int:
    """The number of realizations that are here: of some attempts, or of all."""
    if not some:
        return len(held.here)
    return len({held.attempts.made[at] for at in places} & set(held.here))


def _outcomes(held: Holding, places: Sequence[int]) -> Iterable[Outcome]:
    outcomes = held.attempts.outcomes if places else ()
    return (outcomes[at] for at in places)
