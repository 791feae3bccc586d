"""Substituting: a store that looks elsewhere before something is built.

SB1  A matcher decides on recorded metrics: bytes come for what it has chosen, and no other.
SB2  A place that is dead, slow or lying is told to the listener, warned of, and left for the rest
    of the call. It never fails what can be built here.
SB3  Records are kept when something was chosen or is built by what they say; never those of a place
    whose bytes were not sound.
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
from ...core.same_run import Runs
from .. import below
from ..adopt import resolved_digest, resolved_with
from ..store import Store
from . import names
from .address import shown
from .history import Copy, known, localized, record_copies
from .names import Listing
from .parallel import in_time
from .place import Options
from .receive import Wanted, copies_of, fetch, is_here
from .record import Record
from .remote import Remote, open_remote

P = ParamSpec("P")
Result = TypeVar("Result")

LOOK = 20.0  # [s] that a place has to say what it has
BRING = 60.0  # [s] that it has for one object


class Source:
    """A place to look in, until it fails."""

    def __init__(
        self, url: str, trusted: frozenset[str] | None, options: Options | None = None
    ) -> None:
        self.url = shown(os.fspath(url))  # as it may be shown
        self._given = url
        self._trusted = trusted
        self._options = options
        self._remote: Remote | None = None
        self.failed = False

    def leave(self) -> None:
        """Asks it nothing more, and ends what is under way."""
        self.failed = True
        if self._remote is not None:
            self._remote.place.stop()

    @property
    def remote(self) -> Remote:
        """What is there, opened at the first use."""
        if self._remote is None:
            self._remote = open_remote(
                self._given, trusted=self._trusted, patience=BRING, options=self._options
            )
        return self._remote


@dataclass
class Offer:
    """A realization that a place has, under the name that it would have here."""

    source: Source
    original: RRef
    config: Config
    context: Context


@dataclass
class Found:
    """What places say about one derivation in one context."""

    config: Config
    context: Context
    copies: dict[Source, list[Copy]] = field(default_factory=dict)
    offers: dict[RRef, list[Offer]] = field(default_factory=dict)

    def forget(self, source: Source) -> None:
        """Leaves out what this place has said."""
        self.copies.pop(source, None)
        left = {r: [o for o in offers if o.source is not source] for r, offers in
                self.offers.items()}  # fmt: skip
        self.offers = {rref: offers for rref, offers in left.items() if offers}


class Substituting(Store):
    """The very same store as `store`, with other places to look in."""

    def __init__(self, store: Store, sources: Sequence[Source]) -> None:
        vars(self).update(vars(store))
        self._inner = store
        self._sources = list(sources)
        self._found: dict[DRef, Found] = {}
        self._listener: Listener = ignore

    def __reduce__(self) -> tuple[object, ...]:
        return _itself, (self._inner,)  # whoever builds elsewhere looks nowhere

    def ask_substituters(
        self, config: Config, context: Context, listener: Listener, source: str = ""
    ) -> bool:
        """Whether a place knows of attempts that are not recorded here, or has bytes."""
        self._listener = listener
        found = self._found[config.dref] = Found(config, context)
        for place in self._sources:
            if not place.failed:
                self._ask(place, config.dref, self._search, place, found, source)
        return bool(found.offers) or any(found.copies.values())

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """What is here and what could be fetched, as one."""
        here = super().candidates(dref, context, reads)
        found = self._found.get(dref)
        if found is None or found.context != context:
            return here
        return [self._read(found, c, reads) for c in _merged(self, here, found)]

    def _read(self, found: Found, candidate: Candidate, reads: Iterable[str]) -> Candidate:
        """With the files that the matcher reads, where they are no recorded metrics."""
        lacking = [name for name in reads if name not in candidate.latest.metrics]
        if not lacking or candidate.gone or is_here(self, candidate.rref):
            return candidate
        for offer in list(found.offers.get(candidate.rref, ())):
            files = self._ask(offer.source, candidate.rref.dref, _files, offer, lacking)
            if files is not None:
                return replace(candidate, files=files)
        return replace(candidate, gone=True)

    def hold(self, rrefs: tuple[RRef, ...]) -> bool:
        """Fetches what of these is elsewhere. Returns False when one cannot be had."""
        found = self._found.get(rrefs[0].dref) if rrefs else None
        if found is not None:
            lacking = [rref for rref in rrefs if not is_here(self, rref)]
            if not self._fetch_all(found, lacking):
                return False
            self.keep_found(found.config.dref)
        return super().hold(rrefs)

    def keep_found(self, dref: DRef) -> None:
        """Records the attempts that were found, so that what is built now has other seeds."""
        if (found := self._found.get(dref)) is not None:
            for copies in found.copies.values():
                record_copies(self, found.config, found.context, copies)

    # --- one place ---------------------------------------------------------------------

    def _search(self, source: Source, found: Found, code: str) -> None:
        copies, offers = in_time(lambda: _look(self, source, found, code), LOOK)
        found.copies[source] = copies
        for rref, offer in offers:
            found.offers.setdefault(rref, []).append(offer)

    def _fetch_all(self, found: Found, rrefs: Iterable[RRef]) -> bool:
        """Fetches what can be had of these. Returns whether that was all."""
        fetched = [self._fetch(found, rref) for rref in rrefs]
        return all(fetched)

    def _fetch(self, found: Found, rref: RRef) -> bool:
        for offer in list(found.offers.get(rref, ())):
            if self._ask(offer.source, rref.dref, self._bring, found, offer):
                return True
            if found.offers.get(rref):
                found.offers[rref].remove(offer)
        found.offers.pop(rref, None)
        return False

    def _bring(self, found: Found, offer: Offer) -> bool:
        remote = offer.source.remote
        try:
            parcel = in_time(lambda: remote.parcel(offer.original), LOOK)
        except FileNotFoundError:
            return False
        copies = found.copies[offer.source]
        wanted = Wanted(offer.config, offer.context, parcel, copies)
        try:
            fetch(self, remote, [wanted], self._listener)
        except NotInStore:
            return False  # a miss: the place has not all of it
        return True

    def _ask(
        self, source: Source, dref: DRef, question: Callable[P, Result], *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result | None:  # fmt: skip
        """The answer; None where the place fails now, or has failed before (SB2)."""
        if source.failed:
            return None
        try:
            return question(*args, **kwargs)
        except PystoreError as error:
            source.leave()
            for found in self._found.values():
                found.forget(source)
            self._listener(SourceFailed(dref, source.url, error.what))
            warnings.warn(
                f"{source.url} is left out for the rest of this call: {error}",
                PystoreWarning,
                stacklevel=2,
            )
            return None


def _itself(store: Store) -> Store:
    return store


def _look(
    store: Store, source: Source, found: Found, code: str
) -> tuple[list[Copy], list[tuple[RRef, Offer]]]:
    """The attempts of a derivation in a context, and of what does the same to the same."""
    remote, config, context = source.remote, found.config, found.context
    copies: list[Copy] = []
    offers: dict[RRef, Offer] = {}
    for listing, told in _told(store, remote, found, code):
        copies += told
        for copy in told:
            made, ours = copy.record.attempt.rref, copy.record.under(config.dref, context)
            if made and ours and listing.has(names.realization(made)):
                offers.setdefault(ours, Offer(source, made, config, context))
    return copies, list(offers.items())


def _told(
    store: Store, remote: Remote, found: Found, code: str
) -> Iterator[tuple[Listing, list[Copy]]]:
    """The attempts, derivation by derivation."""
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
            # Equal configs do not mean equal code, of stages by hand.
            codes = ("", code) if code and dref != asked[0] else ()
            told = [c for c in copies if not codes or c.record.attempt.source in codes]
            yield listing, [c for c in told if not obstacle(c.record.attempt, around)]


def _copies(remote: Remote, listing: Listing, context: str) -> list[Copy]:
    asked = [(listing, digest, identity) for digest, identity in listing.attempts(context)]
    return [copy for _, copy in copies_of(remote, asked)]


def _resolves(remote: Remote, record: Record, resolved: str) -> bool:
    """Whether an attempt did what a resolved config says: for that index, nobody signs."""
    try:
        config = remote.config(record.attempt.dref)
        return resolved_with(config, record.context, remote.tree) == resolved
    except FileNotFoundError:
        return False  # a miss


def _merged(store: Store, here: list[Candidate], found: Found) -> list[Candidate]:
    """The candidates of a store, with what was found elsewhere."""
    merged = {candidate.rref: candidate for candidate in here}
    tried = known(store, found.config, found.context.digest)
    tried += [attempt for candidate in here for attempt in candidate.attempts]
    rejected = below.marked(store.layout, found.config.dref, "rejected")
    runs = Runs(tried, repetitions=False)
    for copy in (copy for copies in found.copies.values() for copy in copies):
        attempt = localized(store, found.config, found.context, copy.record)
        if attempt is None or attempt.rref is None or attempt.rref.digest in rejected:
            continue
        if runs.add(attempt):
            merged[attempt.rref] = _with(merged.get(attempt.rref), attempt)
    return [replace(c, gone=c.gone and c.rref not in found.offers) for c in merged.values()]


def _with(candidate: Candidate | None, attempt: Attempt) -> Candidate:
    if candidate is None:
        assert attempt.rref is not None
        return Candidate(attempt.rref, (attempt,), gone=True)
    tries = sorted([*candidate.attempts, attempt], key=lambda attempt: attempt.order)
    return replace(candidate, attempts=tuple(tries))


def _files(offer: Offer, paths: Iterable[str]) -> dict[str, bytes] | None:
    remote = offer.source.remote
    try:
        parcel = remote.parcel(offer.original)
        found = {path: remote.artifact(parcel, os.fsencode(path)) for path in paths}
    except FileNotFoundError:
        return None  # a miss
    return {path: content for path, content in found.items() if content is not None}
