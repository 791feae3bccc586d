"""Catalogue: the derivations and attempts of a remote, read without any artifact.

CQ1  Records count as in a transfer: they are checked, and with trusted keys they must be signed.
     A damaged one is left out with a warning.
CQ2  What a note there rejects is not chosen; with trusted keys, the note must be signed.
"""

import warnings
from collections.abc import Iterable
from functools import cached_property

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.config import Config
from ...core.errors import ChecksumMismatch, NotInStore, PystoreWarning
from ...core.holding import Holding
from ...core.note import parse_note
from ...core.refs import DRef, RRef
from .. import notes
from ..layout import well_formed
from .names import Listing
from .remote import Remote
from .travelling_notes import read_notes


class Catalogue:
    """What a remote tells of its derivations. Each object is read once."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._listings: dict[DRef, Listing] = {}
        self._configs: dict[DRef, Config] = {}
        self._attempts: dict[DRef, list[Attempt]] = {}

    @cached_property
    def _drefs(self) -> list[DRef]:
        homes = (f"dref:{name}" for name in self.remote.place.names("drv"))
        return sorted(well_formed(DRef, homes))

    def drefs(self) -> list[DRef]:
        """The derivations, sorted."""
        return self._drefs

    def listing(self, dref: DRef) -> Listing:
        """The names of all objects about a derivation."""
        if dref not in self._listings:
            self._listings[dref] = self.remote.listing(dref)
        return self._listings[dref]

    def config(self, dref: DRef) -> Config:
        """The config of a derivation. Raises NotInStore, ChecksumMismatch."""
        if dref not in self._configs:
            try:
                self._configs[dref] = self.remote.config(dref)
            except FileNotFoundError:
                raise NotInStore(
                    "the remote does not hold this",
                    ref=dref,
                    url=self.remote.url,
                    remedy="ask who has it to push it",
                ) from None
        return self._configs[dref]

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are there, sorted."""
        return self.listing(dref).realizations

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts that count, first to last; their numbers are not known (CQ1)."""
        if dref not in self._attempts:
            listing = self.listing(dref)
            read = self.remote.each(lambda name: self._attempt(listing, *name), listing.attempts())
            found = [attempt for _, attempt in read if attempt is not None]
            self._attempts[dref] = sorted(found, key=lambda attempt: attempt.order)
        return self._attempts[dref]

    def holdings(self, drefs: Iterable[DRef]) -> dict[DRef, Holding]:
        """What the remote holds of these derivations, as a store would tell it."""
        return {dref: self._holding(dref) for dref in drefs}

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
        listing = self.listing(dref)
        texts = read_notes(self.remote, listing, notes.names_in(listing.names))
        found = (parse_note(dref, name[:32], text) for name, text in texts.items())
        return frozenset(n.ref for n in found if n.because and isinstance(n.ref, RRef))

    def counts_since(self, attempt: Attempt) -> int:
        """The start of an attempt [ns since the epoch, UTC]: nothing tells when it was adopted."""
        return attempt.start

    def _attempt(self, listing: Listing, context: str, identity: str) -> Attempt | None:
        try:
            record = self.remote.record(listing, context, identity)
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
