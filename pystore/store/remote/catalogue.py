"""Catalogue: the derivations and attempts of a remote, read without any artifact.

CQ1  Records count as in a transfer: they are checked, and with trusted keys they must be signed.
     A damaged one is left out with a warning, and so is one from the future.
CQ2  What a note there rejects is not chosen; with trusted keys, the note must be signed.
CQ3  With trusted keys, a realization is there only if a record that counts names it.
"""

import warnings
from collections.abc import Iterable
from functools import cached_property

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.config import Config
from ...core.errors import ChecksumMismatch, PystoreWarning
from ...core.holding import Holding
from ...core.note import Note, parse_note, rejected_in, standing
from ...core.refs import DRef, RRef
from .. import notes
from ..layout import well_formed
from .history import is_of_the_future
from .names import Listing
from .remote import Remote
from .travelling_notes import read_notes

Name = tuple[DRef, str, str]  # of an attempt: derivation, digest of the context, id


class Catalogue:
    """What a remote tells of its derivations. Each object is read once."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._listings: dict[DRef, Listing] = {}
        self._configs: dict[DRef, Config] = {}
        self._attempts: dict[DRef, list[Attempt]] = {}
        self._notes: dict[DRef, list[Note]] = {}

    @cached_property
    def _drefs(self) -> list[DRef]:
        homes = (f"dref:{name}" for name in self.remote.place.names("drv"))
        return sorted(well_formed(DRef, homes))

    def drefs(self) -> list[DRef]:
        """The derivations, sorted."""
        return self._drefs

    def listing(self, dref: DRef) -> Listing:
        """The names of all objects about a derivation."""
        self._list([dref])
        return self._listings[dref]

    def read(self, drefs: Iterable[DRef]) -> None:
        """Reads the listings and the attempts of derivations, several at a time."""
        asked = list(dict.fromkeys(drefs))
        self._list(asked)
        new = [dref for dref in asked if dref not in self._attempts]
        names = [(dref, *found) for dref in new for found in self._listings[dref].attempts()]
        self._attempts.update({dref: [] for dref in new})
        for (dref, _, _), attempt in self.remote.each(self._attempt, names):
            if attempt is not None and not is_of_the_future(attempt):
                self._attempts[dref].append(attempt)
        for dref in new:
            self._attempts[dref].sort(key=lambda attempt: attempt.order)

    def read_configs(self, drefs: Iterable[DRef]) -> None:
        """Reads the configs of derivations and of all from which these are built, as `read`."""
        wave = set(drefs)
        while wave := wave - self._configs.keys():
            read = dict(self.remote.each(self.config, sorted(wave)))
            self._configs.update(read)
            wave = {need for config in read.values() for need in config.inputs}

    def _list(self, drefs: Iterable[DRef]) -> None:
        new = [dref for dref in drefs if dref not in self._listings]
        self._listings.update(self.remote.each(self.remote.listing, new))

    def config(self, dref: DRef) -> Config:
        """The config of a derivation. Raises NotInStore, ChecksumMismatch."""
        if dref in self._configs:
            return self._configs[dref]
        try:
            return self.remote.config(dref)
        except FileNotFoundError:
            raise self.remote.absent(dref) from None

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are there, sorted (CQ3)."""
        found = self.listing(dref).realizations
        if self.remote.trusted is None:
            return found
        made = {attempt.rref for attempt in self.attempts(dref)}
        return [rref for rref in found if rref in made]

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts that count, first to last; their numbers are not known (CQ1)."""
        self.read([dref])
        return self._attempts[dref]

    def passed_over(self, dref: DRef) -> int:
        """How many attempts of a derivation are there and do not count."""
        return len(self.listing(dref).attempts()) - len(self.attempts(dref))

    def holdings(self, drefs: Iterable[DRef]) -> dict[DRef, Holding]:
        """What the remote holds of these derivations, as a store would tell it."""
        asked = list(drefs)
        self.read(asked)
        self.read_configs(asked)
        return {dref: self._holding(dref) for dref in asked}

    def _holding(self, dref: DRef) -> Holding:
        here, rejected = self.realizations(dref), self.rejected(dref)
        return Holding(
            dref, lambda: AttemptColumns.of(dref, self.attempts(dref)), lambda: self.config(dref),
            tuple(rref.digest for rref in here), None, frozenset(rref.digest for rref in rejected),
            frozenset(), (), imported=False,
        )  # fmt: skip

    def in_full(self, outline: Attempt) -> Attempt | None:
        """An attempt with all that its record says."""
        return next((a for a in self.attempts(outline.dref) if a.id == outline.id), None)

    def rejected(self, dref: DRef) -> frozenset[RRef]:
        """The realizations that a note at the remote rejects (CQ2)."""
        return rejected_in(self.notes(dref))

    def notes(self, dref: DRef) -> list[Note]:
        """The notes and the standing tags of a derivation and all in it, the oldest first."""
        if dref not in self._notes:
            listing = self.listing(dref)
            texts = read_notes(self.remote, listing, notes.names_in(listing.names))
            found = (parse_note(dref, name[:32], text) for name, text in texts.items())
            self._notes[dref] = standing(found)
        return self._notes[dref]

    def counts_since(self, attempt: Attempt) -> int:
        """The start of an attempt [ns since the epoch, UTC]; of an adopted one the end.

        When it was adopted no record says: it was after that.
        """
        return attempt.stop if "adopted" in attempt.notes else attempt.start

    def _attempt(self, name: Name) -> Attempt | None:
        listing = self._listings[name[0]]
        try:
            record = self.remote.record(listing, *name[1:])
        except FileNotFoundError:
            return None
        except ChecksumMismatch as error:
            warnings.warn(
                f"an attempt of {listing.dref} at {self.remote.url} is left out: "
                f"{error.facts.get('because')}",
                PystoreWarning,
                stacklevel=2,
            )
            return None
        return None if record is None else record.attempt
