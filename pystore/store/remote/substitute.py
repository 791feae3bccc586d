"""Substituting: finding results at remotes before something is built.

SB1  A matcher decides on recorded metrics. Only the realizations that it chose are fetched.
SB2  A remote that is dead, slow or lying is left out for the rest of the call, with a warning and
    an event. The call goes on and builds.
SB3  The attempts that were found are recorded when one of their realizations was chosen, or when
    something is built all the same; but not those of a remote whose bytes were damaged. Notes and
    tags of the derivation come with them.
SB4  What a remote rejects is not chosen, wherever its bytes are; of a remote with trusted keys, a
     rejection that one of them has signed.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import NamedTuple, TypeVar, TypeVarTuple

from ...core.adoption import obstacle
from ...core.attempt import Attempt
from ...core.candidate import Candidate
from ...core.config import Config
from ...core.context import Context
from ...core.dataclasses import dataclass, field, replace
from ...core.errors import NotInStore, PystoreError, PystoreWarning
from ...core.events import Listener, SourceFailed, ignore
from ...core.reads import Surroundings
from ...core.refs import DRef, RRef
from ...core.same_run import Runs
from .. import below
from ..adopt import resolved_digest, resolved_with
from ..store import Store
from . import names
from .history import Copy, known, localized, record_copies
from .names import Listing
from .optional_remote import OptionalRemote
from .parallel import in_time
from .receive import Wanted, fetch, is_here, read_copy
from .record import Record
from .remote import Remote
from .travelling_notes import new_notes, put_notes, rejected_by

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

LOOK = 20.0  # [s] for a remote to answer what it has


class Told(NamedTuple):
    """What one remote has for a derivation in a context."""

    copies: list[Copy]
    offers: dict[RRef, RRef]  # realizations: here → there
    rejected: frozenset[RRef]  # by the references that they get here
    notes: dict[str, bytes]  # of the derivation, but for those that are here


@dataclass
class Found:
    """The attempts and realizations that remotes have for one derivation in one context."""

    config: Config
    context: Context
    told: dict[OptionalRemote, Told] = field(default_factory=dict)

    @property
    def copies(self) -> list[Copy]:
        """The attempts that remotes know, each as often as it was told."""
        return [copy for told in self.told.values() for copy in told.copies]

    def offered(self, rref: RRef) -> list[tuple[OptionalRemote, RRef]]:
        """The remotes that have a realization, each with its reference there."""
        several = self.told.items()
        return [(origin, told.offers[rref]) for origin, told in several if rref in told.offers]

    def is_rejected(self, rref: RRef) -> bool:
        """Whether a remote says that a realization must not be used (SB4)."""
        return any(rref in told.rejected for told in self.told.values())


class Substituting:
    """Finds results for a store at remotes, and fetches them into the store."""

    def __init__(self, store: Store, remotes: Sequence[OptionalRemote]) -> None:
        self._store = store
        self._remotes = list(remotes)
        self._found: dict[DRef, Found] = {}
        self._listener: Listener = ignore

    def ask(self, config: Config, context: Context, listener: Listener, source: str = "") -> bool:
        """Whether a remote knows of attempts that are not recorded here, or has bytes."""
        self._listener = listener
        found = self._found[config.dref] = Found(config, context)
        for origin in self._remotes:
            self._try(origin, config.dref, self._search, origin, found, source)
        return any(told.offers or told.copies for told in found.told.values())

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """The candidates of the store and those that could be fetched, merged."""
        here = self._store.candidates(dref, context, reads)
        found = self._found.get(dref)
        if found is None or found.context != context:
            return here
        return [self._with_files(found, c, reads) for c in merged(self._store, here, found)]

    def _with_files(self, found: Found, candidate: Candidate, reads: Iterable[str]) -> Candidate:
        """The candidate with the files that the matcher reads, but for those that are metrics."""
        lacking = [name for name in reads if name not in candidate.latest.metrics]
        if not lacking or candidate.gone or is_here(self._store, candidate.rref):
            return candidate
        for origin, original in found.offered(candidate.rref):
            files = self._try(origin, candidate.rref.dref, _files, origin, original, lacking)
            if files is not None:
                return replace(candidate, files=files)
        return replace(candidate, gone=True)

    def fetch(self, rrefs: tuple[RRef, ...]) -> bool:
        """Fetches those of these realizations that the store lacks. Returns whether it has all."""
        found = self._found.get(rrefs[0].dref) if rrefs else None
        if found is None:
            return True
        lacking = [rref for rref in rrefs if not is_here(self._store, rref)]
        fetched = [self._fetch(found, rref) for rref in lacking]  # as many as can be had
        if all(fetched):
            self.record_found(found.config.dref)
        return all(fetched)

    def record_found(self, dref: DRef) -> None:
        """Records the attempts that were found, so that what is built now has other seeds."""
        if (found := self._found.get(dref)) is not None:
            for told in found.told.values():
                record_copies(self._store, found.config, found.context, told.copies)
                if told.notes:
                    self._store.record([found.config])
                    put_notes(self._store, dref, told.notes)

    # --- one remote --------------------------------------------------------------------

    def _search(self, origin: OptionalRemote, found: Found, code: str) -> None:
        found.told[origin] = in_time(lambda: _look(self._store, origin.remote, found, code), LOOK)

    def _fetch(self, found: Found, rref: RRef) -> bool:
        for origin, original in found.offered(rref):
            if self._try(origin, rref.dref, self._fetch_from, origin, found, original):
                return True
            if origin in found.told:
                found.told[origin].offers.pop(rref, None)
        return False

    def _fetch_from(self, origin: OptionalRemote, found: Found, original: RRef) -> bool:
        remote = origin.remote
        try:
            bill = in_time(lambda: remote.bill(original), LOOK)
        except FileNotFoundError:
            return False
        wanted = Wanted(found.config, found.context, bill, found.told[origin].copies)
        try:
            fetch(self._store, remote, [wanted], self._listener)
        except NotInStore:
            return False  # the remote lacks some parts
        return True

    def _try(
        self,
        origin: OptionalRemote,
        dref: DRef,
        question: Callable[[*Arguments], Result],
        *arguments: *Arguments,
    ) -> Result | None:
        """The answer to a question; None where the remote fails now, or has failed (SB2)."""
        if origin.failed:
            return None
        try:
            return question(*arguments)
        except PystoreError as error:
            origin.give_up()
            for found in self._found.values():
                found.told.pop(origin, None)
            self._listener(SourceFailed(dref, origin.url, error.what))
            warnings.warn(
                f"{origin.url} is left out for the rest of this call: {error}",
                PystoreWarning,
                stacklevel=2,
            )
            return None


def _look(store: Store, remote: Remote, found: Found, code: str) -> Told:
    copies: list[Copy] = []
    offers: dict[RRef, RRef] = {}
    notes: dict[str, bytes] = {}
    bad: dict[DRef, Set[RRef]] = {}  # rejected there or here, by their references there
    rejected: set[RRef] = set()
    for listing, told in _attempts_at(store, remote, found, code):
        copies += told
        dref = listing.dref
        if dref not in bad:
            new = new_notes(store, remote, listing)
            bad[dref] = rejected_by(dref, new) | store.rejected(dref)
            notes = new if dref == found.config.dref else notes
        for copy in told:
            made = copy.record.attempt.rref
            ours = copy.record.under(found.config.dref, found.context)
            if made and ours and made in bad[dref]:
                rejected.add(ours)
            elif made and ours and listing.has(names.realization(made)):
                offers.setdefault(ours, made)
    return Told(copies, offers, frozenset(rejected), notes)


def _attempts_at(
    store: Store, remote: Remote, found: Found, code: str
) -> Iterator[tuple[Listing, list[Copy]]]:
    """The attempts of the derivation, then those of each with an equal resolved config."""
    asked = found.config.dref, found.context.digest
    listing = remote.listing(asked[0])
    yield listing, _copies(remote, listing, asked[1])
    if not found.context:
        return
    resolved = resolved_digest(store.parts.layout, found.config, found.context)
    around = Surroundings(found.config, found.context, store)
    for dref, context in remote.equals(resolved):
        listing = remote.listing(dref)
        copies = _copies(remote, listing, context) if (dref, context) != asked else []
        if copies and _resolves(remote, copies[0].record, resolved):
            # Stages made by hand may have equal configs and different code.
            codes = ("", code) if code and dref != asked[0] else ()
            told = [c for c in copies if not codes or c.record.attempt.source in codes]
            yield listing, [c for c in told if not obstacle(c.record.attempt, around)]


def _copies(remote: Remote, listing: Listing, context: str) -> list[Copy]:
    found = remote.each(lambda name: read_copy(remote, listing, *name), listing.attempts(context))
    return [copy for _, copy in found if copy is not None]


def _resolves(remote: Remote, record: Record, resolved: str) -> bool:
    """Whether an attempt has this resolved config; the index that says so is not signed."""
    try:
        config = remote.config(record.attempt.dref)
        return resolved_with(config, record.context, remote.tree) == resolved
    except FileNotFoundError:
        return False


def merged(store: Store, here: list[Candidate], found: Found) -> list[Candidate]:
    """The candidates of the store with the attempts that remotes have told."""
    merged = {candidate.rref: candidate for candidate in here}
    tried = known(store, found.config, found.context.digest)
    tried += [attempt for candidate in here for attempt in candidate.attempts]
    rejected = below.marked(store.parts.layout, found.config.dref, "rejected")
    runs = Runs(tried, repetitions=False)
    for copy in found.copies:
        attempt = localized(store, found.config, found.context, copy.record)
        if attempt is None or attempt.rref is None or attempt.rref in rejected:
            continue
        if runs.add(attempt):
            merged[attempt.rref] = _with(merged.get(attempt.rref), attempt)
    return [
        replace(one, gone=one.gone and not found.offered(rref))
        for rref, one in merged.items()
        if not found.is_rejected(rref)
    ]


def _with(candidate: Candidate | None, attempt: Attempt) -> Candidate:
    if candidate is None:
        assert attempt.rref is not None
        return Candidate(attempt.rref, (attempt,), gone=True)
    tries = sorted([*candidate.attempts, attempt], key=lambda attempt: attempt.order)
    return replace(candidate, attempts=tuple(tries))


def _files(origin: OptionalRemote, original: RRef, paths: Iterable[str]) -> dict[str, bytes] | None:
    return files_at(origin.remote, original, paths)


def files_at(remote: Remote, rref: RRef, paths: Iterable[str]) -> dict[str, bytes] | None:
    """These files of a realization at a remote; None where some of it is missing there."""
    try:
        bill = remote.bill(rref)
        found = {path: remote.artifact(bill, os.fsencode(path)) for path in paths}
    except FileNotFoundError:
        return None
    return {path: content for path, content in found.items() if content is not None}
