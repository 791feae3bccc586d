"""Receiving: what a remote has and the store lacks, checked, inputs first.

RV1  Only what is missing moves; what is here is not asked for again, but for new attempts of it.
RV2  Each realization is whole and recorded before one that was built from it (S2).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...core.config import Config
from ...core.context import Context
from ...core.errors import ChecksumMismatch, Corrupted, NotInStore, Untrusted
from ...core.events import Fetched, Listener, Progress, ignore
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from ..store import Store
from .ancestry import in_order, inputs
from .arrival import Arrival
from .bill_of_parts import BillOfParts
from .history import Copy, record_copies
from .names import Listing
from .parts import Part
from .record import Record
from .remote import Remote

Cargo = tuple["Wanted", str, Part | None]
Key = tuple[DRef, str]  # a derivation and the digest of a context
Copies = dict[Key, list[Copy]]
Ask = tuple[Listing, str, str]  # of which derivation, the context, the id


@dataclass
class Wanted:
    """A realization to fetch, and the name that it will have here."""

    config: Config
    context: Context
    bill: BillOfParts
    copies: list[Copy]  # the attempts of its derivation in its context
    arrival: Arrival | None = None
    left: int = 0  # parts that are under way
    fresh: int = 0  # attempts that were new here


def receive(
    store: Store, refs: Iterable[DRef | RRef], remote: Remote, listener: Listener = ignore
) -> Transfer:
    """Makes sure that the store has these realizations of the remote, and their inputs.

    Of a derivation, all that are there. Attempts come with them. Raises NotInStore when something
    is not there, ChecksumMismatch when it is not what its name says, Untrusted, FetchError.
    """
    return _Receiver(store, remote, listener).receive(refs)


class _Receiver:
    def __init__(self, store: Store, remote: Remote, listener: Listener) -> None:
        self._store = store
        self._remote = remote
        self._listener = listener
        self._listings: dict[DRef, Listing] = {}
        self._known: dict[tuple[DRef, str, str], Copy | None] = {}  # by context and id

    def receive(self, refs: Iterable[DRef | RRef]) -> Transfer:
        asked = list(refs)
        self._list(ref.dref for ref in asked)
        targets = sorted({rref for ref in asked for rref in self._realizations(ref)})
        bills = self._missing(targets)
        order = in_order({rref: bill.context for rref, bill in bills.items()})
        self._list(rref.dref for rref in order)
        configs = self._configs(order, bills)
        copies = self._copies(targets, bills)
        for rref in bills:
            self._check_made(rref, copies)
        count = self._record((rref for rref in targets if rref not in bills), copies)
        wanted = [self._wanted(configs[r.dref], bills[r], copies) for r in order]
        size = fetch(self._store, self._remote, wanted, self._listener)
        count += sum(one.fresh for one in wanted)
        return Transfer(tuple(targets), tuple(order), count, size)

    def _wanted(self, config: Config, bill: BillOfParts, copies: Copies) -> "Wanted":
        context = bill.context
        return Wanted(config, context, bill, copies.get((config.dref, context.digest), []))

    def _list(self, drefs: Iterable[DRef]) -> None:
        new = sorted(set(drefs) - set(self._listings))
        self._listings.update(self._remote.each(self._remote.listing, new))

    def _realizations(self, ref: DRef | RRef) -> list[RRef]:
        if isinstance(ref, RRef):
            return [ref]
        listing = self._listings[ref]
        found = {rref: is_here(self._store, rref) for rref in listing.realizations}
        if not all(found.values()):  # only what a record names, that may be believed, is there
            made = self._made(listing)
            found = {rref: here for rref, here in found.items() if here or rref in made}
        if not found and listing.realizations and self._remote.trusted is not None:
            raise self._untrusted(ref)
        if not found:
            raise _absent(ref, self._remote)
        return list(found)

    def _made(self, listing: Listing) -> set[RRef | None]:
        asked = [(listing, context, identity) for context, identity in listing.attempts()]
        return {copy.record.attempt.rref for _, copy in self._copies_of(asked)}

    def _copies_of(self, asked: Iterable[Ask]) -> Iterator[tuple[Ask, Copy]]:
        """The attempts that may be believed, each read once."""
        asks = {(ask[0].dref, *ask[1:]): ask for ask in asked}
        new = {key: ask for key, ask in asks.items() if key not in self._known}
        self._known.update(dict.fromkeys(new))
        for (listing, context, identity), copy in copies_of(self._remote, new.values()):
            self._known[(listing.dref, context, identity)] = copy
        for key, ask in asks.items():
            if (found := self._known[key]) is not None:
                yield ask, found

    def _missing(self, targets: list[RRef]) -> dict[RRef, BillOfParts]:
        found: dict[RRef, BillOfParts] = {}
        seen, wave = set(targets), targets
        while wave:
            self._store.hold(tuple(wave))  # before the look: gc takes nothing from then on
            here = {rref for rref in wave if is_here(self._store, rref)}
            lacking = [rref for rref in wave if rref not in here]
            found.update(self._remote.each(self._bill, lacking))
            needs = {need for rref in lacking for need in inputs(found[rref].context)}
            wave = sorted(needs - seen)
            seen |= needs
        return found

    def _bill(self, rref: RRef) -> BillOfParts:
        try:
            return self._remote.bill(rref)
        except FileNotFoundError:
            raise _absent(rref, self._remote) from None

    def _configs(self, order: list[RRef], bills: dict[RRef, BillOfParts]) -> dict[DRef, Config]:
        drefs = sorted({rref.dref for rref in order})
        found = dict(self._remote.each(self._config, drefs))
        for rref in order:
            if set(bills[rref].context) != set(found[rref.dref].inputs):
                raise ChecksumMismatch(
                    "a context that does not fit its config",
                    ref=rref,
                    url=self._remote.url,
                    remedy="nothing of it was used; ask who runs the remote",
                )
        return found

    def _config(self, dref: DRef) -> Config:
        try:
            return self._store.config(dref)
        except (NotInStore, Corrupted):
            pass
        try:
            return self._remote.config(dref)
        except FileNotFoundError:
            raise _absent(dref, self._remote) from None

    # --- attempts ----------------------------------------------------------------------

    def _copies(self, targets: list[RRef], bills: dict[RRef, BillOfParts]) -> Copies:
        """The attempts of all that is fetched, and what is new about the other targets."""
        asked: dict[Key, list[Ask]] = {}
        for rref in [*bills, *targets]:
            context = self._context(rref, bills)
            key, listing = (rref.dref, context.digest), self._listings[rref.dref]
            if key not in asked:
                have = set() if rref in bills else self._ids(rref.dref, context)
                found = listing.attempts(context.digest)
                asked[key] = [(listing, c, i) for c, i in found if i not in have]
        copies: Copies = {}
        for (listing, digest, _), copy in self._copies_of(
            ask for asks in asked.values() for ask in asks
        ):
            copies.setdefault((listing.dref, digest), []).append(copy)
        return copies

    def _context(self, rref: RRef, bills: dict[RRef, BillOfParts]) -> Context:
        return bills[rref].context if rref in bills else self._store.context(rref)

    def _ids(self, dref: DRef, context: Context) -> set[str]:
        return {a.id for a in self._store.attempts(dref) if a.context == context.digest}

    def _record(self, rrefs: Iterable[RRef], copies: Copies) -> int:
        """Records what is new about realizations that are here."""
        count = 0
        for rref in rrefs:
            config, context = self._store.config(rref.dref), self._store.context(rref)
            if found := copies.get((rref.dref, context.digest)):
                count += record_copies(self._store, config, context, found)
        return count

    def _check_made(self, rref: RRef, copies: Copies) -> None:
        made = (c for found in copies.values() for c in found if c.record.attempt.rref == rref)
        if any(made):
            return
        if self._remote.trusted is not None and self._listings[rref.dref].attempts():
            raise self._untrusted(rref)
        raise _absent(rref, self._remote)

    def _untrusted(self, ref: DRef | RRef) -> Untrusted:
        return Untrusted(
            "no trusted key has signed this",
            ref=ref,
            url=self._remote.url,
            trusted=listed(sorted(self._remote.trusted or ())),
            remedy="ask who pushed it to push it again with a key that you trust",
        )


def copies_of(remote: Remote, asked: Iterable[Ask]) -> Iterator[tuple[Ask, Copy]]:
    """The attempts that may be believed, with what lies beside them."""
    for ask, found in remote.each(lambda ask: _copy(remote, ask), asked):
        if found is not None:
            yield ask, found


def _copy(remote: Remote, ask: Ask) -> Copy | None:
    try:
        record = remote.record(*ask)
    except FileNotFoundError:
        return None
    return None if record is None else Copy(record, _beside(remote, record))


def _beside(remote: Remote, record: Record) -> dict[str, bytes]:
    """What lies beside an attempt; what was too large to travel, or is missing, is left out."""
    found: dict[str, bytes] = {}
    for suffix in record.beside:
        try:
            found[suffix] = remote.beside(record, suffix)
        except FileNotFoundError:
            continue
    if digest := record.attempt.versions.get("git diff"):
        try:
            found["diff"] = remote.diff(record.attempt.dref, digest)
        except FileNotFoundError:
            pass
    return found


def is_here(store: Store, rref: RRef) -> bool:
    """Whether the store has it, as far as it knows whole."""
    try:
        store.path(rref)
    except (NotInStore, Corrupted):
        return False
    return True


# --- bytes -----------------------------------------------------------------------------


def fetch(store: Store, remote: Remote, wanted: list[Wanted], listener: Listener = ignore) -> int:
    """Brings realizations with their attempts; returns how many bytes were moved.

    What has come stays for the next try when a transfer breaks off. Raises FetchError when the
    disk cannot take it.
    """
    total = sum(one.bill.manifest.size for one in wanted)
    moved = done = 0
    try:
        for (one, _, part), size in remote.each(
            lambda cargo: _bring(remote, cargo), _cargo(store, wanted)
        ):
            moved += size
            if part and one.arrival:
                one.arrival.check(part)
                done += part.size
            one.left -= 1
            listener(Progress(one.config.dref, done, total, "bytes"))
            if not one.left and one.arrival:
                arrival, one.arrival = one.arrival, None
                one.fresh = arrival.finish(one.copies)
                size = one.bill.manifest.size
                listener(Fetched(one.config.dref, (arrival.rref,), remote.url, size))
    except ChecksumMismatch:
        _end(wanted, Arrival.discard)
        raise
    finally:
        _end(wanted, Arrival.leave)
    return moved


def _cargo(store: Store, wanted: list[Wanted]) -> Iterator[Cargo]:
    for one in wanted:
        one.arrival = Arrival(store, one.config, one.context, one.bill.manifest)
        parts: list[tuple[str, Part | None]] = [*one.arrival.missing(one.bill.digests)]
        parts = parts or [("", None)]
        one.left = len(parts)
        yield from ((one, digest, part) for digest, part in parts)


def _bring(remote: Remote, cargo: Cargo) -> int:
    one, digest, part = cargo
    if part is None:
        return 0
    assert one.arrival is not None
    try:
        content = remote.part(digest, part.size)
    except FileNotFoundError:
        raise NotInStore(
            "the remote has not all of this",
            ref=one.bill.rref,
            url=remote.url,
            missing=digest,
            remedy="ask who has it to push it again with repair=True",
        ) from None
    one.arrival.write(part, content)
    return len(content)


def _end(wanted: Iterable[Wanted], how: Callable[[Arrival], None]) -> None:
    for one in wanted:
        if one.arrival is not None:
            arrival, one.arrival = one.arrival, None
            how(arrival)


def _absent(ref: DRef | RRef, remote: Remote) -> NotInStore:
    return NotInStore(
        "the remote does not hold this",
        ref=ref,
        url=remote.url,
        remedy="ask who has it to push it: push(ref, url)",
    )
