"""Meant: the derivations that a stage or a name stands for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.dataclasses import dataclass, field
from ...core.holding import Holding
from ...core.left_out import NOTHING, LeftOut
from ...core.ports import CodeReader
from ...core.refs import DRef


class Maker(Protocol):
    """A code, which knows the attempts that it has made."""

    def has_made(self, attempt: Attempt) -> bool:
        """Whether this code may have made an attempt."""


@dataclass(frozen=True)
class Meant:
    """Derivations, and by which code their attempts are meant."""

    drefs: tuple[DRef, ...]
    left_out: LeftOut = NOTHING
    # Of derivations with attempts by several codes, the code that is meant.
    origins: Mapping[DRef, Maker] = field(default_factory=dict)
    # What was read to find the code.
    known: Mapping[DRef, Holding] = field(default_factory=dict)

    def holdings(self, store: CodeReader) -> dict[DRef, Holding]:
        """What the store holds of these derivations."""
        more = store.holdings([dref for dref in self.drefs if dref not in self.known])
        return {dref: self.known.get(dref) or more[dref] for dref in self.drefs}

    def places(self, held: Holding) -> Sequence[int]:
        """The places of the attempts of a derivation that are meant, first to last."""
        origin = self.origins.get(held.dref)
        if origin is None:
            return range(held.attempts.count)
        strange = set(others(held.attempts, origin))
        return [at for at in range(held.attempts.count) if at not in strange]


def others(tries: AttemptColumns, maker: Maker) -> list[int]:
    """The places of the attempts that another code has made."""
    made: dict[tuple[str, str, str], bool] = {}
    found = []
    for at, how in enumerate(tries.makers()):
        if how not in made:
            made[how] = maker.has_made(tries.outline(at))
        if not made[how]:
            found.append(at)
    return found


def merged(several: Iterable[Meant]) -> Meant:
    """All of these together."""
    drefs: dict[DRef, None] = {}
    origins: dict[DRef, Maker] = {}
    known: dict[DRef, Holding] = {}
    left_out = NOTHING
    for one in several:
        drefs |= dict.fromkeys(one.drefs)
        origins |= one.origins
        known |= one.known
        left_out += one.left_out
    return Meant(tuple(drefs), left_out, origins, known)
