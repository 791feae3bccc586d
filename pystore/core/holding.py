"""Holding: what a store holds of one derivation, as far as tables need it."""

from collections.abc import Callable, Sequence
from functools import cached_property

from .attempt_columns import AttemptColumns
from .config import Config
from .dataclasses import dataclass
from .refs import DRef, RRef


@dataclass(frozen=True)
class Holding:
    """The attempts of a derivation, its config, and the realizations that are here."""

    dref: DRef
    load_attempts: Callable[[], AttemptColumns]
    load_config: Callable[[], Config | None]
    here: Sequence[str]  # the digests of the realizations whose bytes are here, sorted
    built: int | None  # [ns since the epoch, UTC] the latest, by the directories
    rejected: frozenset[str]  # digests of realizations that must not be used
    damaged: frozenset[str]
    matchers: tuple[str, ...]  # the names of the files of matchers that have chosen here
    imported: bool  # whether attempts of other stores are among these
    noted: bool = False  # whether somebody has put notes or tags here

    @cached_property
    def attempts(self) -> AttemptColumns:
        """The attempts, first to last."""
        return self.load_attempts()

    @cached_property
    def config(self) -> Config | None:
        """The config; None if it is damaged or not here."""
        return self.load_config()

    def realizations(self) -> list[RRef]:
        """The realizations whose bytes are here, sorted."""
        return RRef.each(self.here, self.dref)

    @property
    def usable(self) -> frozenset[str]:
        """The digests of the realizations that are here, and neither rejected nor damaged."""
        return frozenset(self.here).difference(self.rejected, self.damaged)
