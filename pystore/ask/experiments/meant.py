"""Meant: the derivations that a stage or a name stands for."""

from collections.abc import Mapping
from typing import Protocol

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass, field
from ...core.left_out import NOTHING, LeftOut
from ...core.ports import StoreReader
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
    # The attempts that were read to find the code.
    tries: Mapping[DRef, list[Attempt]] = field(default_factory=dict)

    def attempts(self, dref: DRef, store: StoreReader) -> list[Attempt]:
        """The attempts of a derivation that are meant, first to last."""
        tries, origin = self.tries.get(dref), self.origins.get(dref)
        tries = store.attempts(dref) if tries is None else tries
        return [a for a in tries if origin is None or origin.has_made(a)]
