"""Substituting: finding results at other places before something is built.

SB1  A matcher decides on recorded metrics: only the bytes of the realizations that it chose are
    fetched.
SB2  A remote that is dead, slow or lying is told to the listener, warned of, and left out for the
    rest of the call. It never fails what can be built here.
SB3  The attempts that were found are recorded when a realization was chosen or is built because of
    them; those of a remote whose bytes were damaged are never recorded.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ParamSpec, TypeVar

from ...core.adoption import obstacle
from ...core.attempt import Attempt
from ...core.candidate import Candidate
from ...core.config import Config
from ...core.context import Context
from ...core.errors import NotInStore, PystoreError, PystoreWarning
from ...core.events import Listener, SourceFailed, ignore
from ...core.reads import Surroundings
from ...core.refs import DRef, RRef
from .. import below
from ..adopt import resolved_digest, resolved_with
from ..store import Store
from . import names
from .history import Copy, known, localized, record_copies, run_of
from .names import Listing
from .optional_remote import OptionalRemote
from .parallel import in_time
from .receive import Wanted, copies_of, fetch, is_here
from .record import Record
from .remote import Remote

P = ParamSpec("P")
Result = TypeVar("Result")

LOOK = 20.0  # [s] in which a remote must say what it has


@dataclass(frozen=True, eq=False)
class Offer:
    """A realization that a remote has, and for which derivation and context it would count here."""

    origin: OptionalRemote
    original: RRef  # its name at the remote
    config: Config
    context: Context


@dataclass
class Found:
    """The attempts and realizations that remotes have for one derivation in one context."""

    config: Config
    context: Context
    copies: dict[OptionalRemote, list[Copy]] = field(default_factory=dict)
    offers: dict[RRef, list[Offer]] = field(default_factory=dict)  # by the name here

    def forget(self, origin: OptionalRemote) -> None:
        """Removes everything that this remote has told."""
        self.copies.pop(origin, None)
        for rref, offers in list(self.offers.items()):
            self.offers[rref] = [offer for offer in offers if offer.origin is not origin]
            if not self.offers[rref]:
                del self.offers[rref]


class Substituting:
    """Finds results for a store at other places, and fetches them into the store."""

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
        return bool(found.offers) or any(found.copies.values())

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """The candidates of the store and those that could be fetched, merged."""
        here = self._store.candidates(dref, context, reads)
        found = self._found.get(dref)
        if found is None or found.context != context:
            return here
        return [self._with_files(found, c, reads) for c in _merged(self._store, here, found)]

    def _with_files(self, found: Found, candidate: Candidate, reads: Iterable[str]) -> Candidate:
        """The candidate with the files that the matcher reads and no attempt has as metrics."""
        lacking = [name for name in reads if name not in candidate.latest.metrics]
        if not lacking or candidate.gone or is_here(self._store, candidate.rref):
            return candidate
        for offer in list(found.offers.get(candidate.rref, ())):
            files = self._try(offer.origin, candidate.rref.dref, _files, offer, lacking)
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
            for copies in found.copies.values():
                record_copies(self._store, found.config, found.context, copies)

    # --- one remote --------------------------------------------------------------------

    def _search(self, origin: OptionalRemote, found: Found, code: str) -> None:
        copies, offers = in_time(lambda: _look(self._store, origin, found, code), LOOK)
        found.copies[origin] = copies
        for rref, offer in offers.items():
            found.offers.setdefault(rref, []).append(offer)

    def _fetch(self, found: Found, rref: RRef) -> bool:
        for offer in list(found.offers.get(rref, ())):
            if self._try(offer.origin, rref.dref, self._fetch_from, found, offer):
                return True
            if found.offers.get(rref):
                found.offers[rref].remove(offer)
        found.offers.pop(rref, None)
        return False

    def _fetch_from(self, found: Found, offer: Offer) -> bool:
        remote = offer.origin.remote
        try:
            bill = in_time(lambda: remote.bill(offer.original), LOOK)
        except FileNotFoundError:
            return False
        wanted = Wanted(offer.config, offer.context, bill, found.copies[offer.origin])
        try:
            fetch(self._store, remote, [wanted], self._listener)
        except NotInStore:
            return False  # the remote lacks some of it
        return True

    def _try(
        self, origin: OptionalRemote, dref: DRef, question: Callable[P, Result], *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result | None:  # fmt: skip
        """The answer to a question; None where the remote fails now, or has failed (SB2)."""
        if origin.failed:
            return None
        try:
            return question(*args, **kwargs)
        except PystoreError as error:
            origin.give_up()
            for found in self._found.values():
                found.forget(origin)
            self._listener(SourceFailed(dref, origin.url, error.what))
            warnings.warn(
                f"{origin.url} is left out for the rest of this call: {error}",
                PystoreWarning,
                stacklevel=2,
            )
            return None


def _look(
    store: Store, origin: OptionalRemote, found: Found, code: str
) -> tuple[list[Copy], dict[RRef, Offer]]:
    """The attempts that a remote has, and the realizations by the names that they have here."""
    config, context = found.config, found.context
    copies: list[Copy] = []
    offers: dict[RRef, Offer] = {}
    for listing, told in _attempts_at(store, origin.remote, found, code):
        copies += told
        for copy in told:
            made, ours = copy.record.attempt.rref, copy.record.under(config.dref, context)
            if made and ours and listing.has(names.realization(made)):
                offers.setdefault(ours, Offer(origin, made, config, context))
    return copies, offers


def _attempts_at(
    store: Store, remote: Remote, found: Found, code: str
) -> Iterator[tuple[Listing, list[Copy]]]:
    """The attempts of the derivation, then those of each with an equal resolved config."""
    asked = found.config.dref, found.context.digest
    listing = remote.listing(asked[0])
    yield listing, _copies(remote, listing, asked[1])
    if not found.context:
        return
    resolved = resolved_digest(store.layout, found.config, found.context)
    around = Surroundings(found.config, found.context, store)
    for dref, context in remote.equals(resolved):
        listing = remote.listing(dref)
        copies = _copies(remote, listing, context) if (dref, context) != asked else []
        if copies and _resolves(remote, copies[0].record, resolved):
            # Stages by hand may have equal configs and different code.
            codes = ("", code) if code and dref != asked[0] else ()
            told = [c for c in copies if not codes or c.record.attempt.source in codes]
            yield listing, [c for c in told if not obstacle(c.record.attempt, around)]


def _copies(remote: Remote, listing: Listing, context: str) -> list[Copy]:
    asked = [(listing, digest, identity) for digest, identity in listing.attempts(context)]
    return [copy for _, copy in copies_of(remote, asked)]


def _resolves(remote: Remote, record: Record, resolved: str) -> bool:
    """Whether an attempt has this resolved config. Nobody signs the index that says so."""
    try:
        config = remote.config(record.attempt.dref)
        return resolved_with(config, record.context, remote.tree) == resolved
    except FileNotFoundError:
        return False


def _merged(store: Store, here: list[Candidate], found: Found) -> list[Candidate]:
    """The candidates of the store with the attempts that remotes have told."""
    merged = {candidate.rref: candidate for candidate in here}
    tried = known(store, found.config, found.context.digest)
    tried += [attempt for candidate in here for attempt in candidate.attempts]
    rejected = below.marked(store.layout, found.config.dref, "rejected")
    ids, runs = {a.id for a in tried}, {run_of(a) for a in tried}
    for copy in (copy for copies in found.copies.values() for copy in copies):
        attempt = localized(store, found.config, found.context, copy.record)
        if attempt is None or attempt.rref is None or attempt.rref in rejected:
            continue
        if attempt.id not in ids and run_of(attempt) not in runs:
            ids.add(attempt.id)
            runs.add(run_of(attempt))
            merged[attempt.rref] = _with(merged.get(attempt.rref), attempt)
    return [replace(c, gone=c.gone and c.rref not in found.offers) for c in merged.values()]


def _with(candidate: Candidate | None, attempt: Attempt) -> Candidate:
    if candidate is None:
        assert attempt.rref is not None
        return Candidate(attempt.rref, (attempt,), gone=True)
    tries = sorted([*candidate.attempts, attempt], key=lambda attempt: attempt.order)
    return replace(candidate, attempts=tuple(tries))


def _files(offer: Offer, paths: Iterable[str]) -> dict[str, bytes] | None:
    """These files of an offered realization; None where the remote lacks some of it."""
    remote = offer.origin.remote
    try:
        bill = remote.bill(offer.original)
        found = {path: remote.artifact(bill, os.fsencode(path)) for path in paths}
    except FileNotFoundError:
        return None
    return {path: content for path, content in found.items() if content is not None}
