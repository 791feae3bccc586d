"""Receiving realizations from a remote: checked, and inputs first.

RV1  Only what the store lacks is moved. Of a realization that is here, only new attempts are read.
RV2  A realization is whole and recorded before one that was built from it (S2).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from ...core.config import Config
from ...core.context import Context
from ...core.dataclasses import dataclass, field
from ...core.errors import ChecksumMismatch, Corrupted, NotInStore, PystoreError, Untrusted
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
from .object_parts import Part
from .record import Record
from .remote import Remote
from .travelling_notes import receive_notes

Cargo = tuple["Wanted", str, Part | None]
Bills = dict[RRef, BillOfParts]
Key = tuple[DRef, str]  # a derivation and the digest of a context
Copies = dict[Key, list[Copy]]
Name = tuple[DRef, str, str]  # of an attempt: derivation, digest of the context, id


@dataclass
class Wanted:
    """A realization to fetch, and the derivation and context that it is fetched for."""

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
    """Fetches realizations, with inputs and attempts, where the store lacks them.

    A derivation stands for all its realizations at the remote. Raises NotInStore when something
    is not there, ChecksumMismatch when it is not what its name says, Untrusted, FetchError.
    """
    return _Receiver(store, remote, listener).receive(refs)


@dataclass
class _Receiver:
    store: Store
    remote: Remote
    listener: Listener
    listings: dict[DRef, Listing] = field(default_factory=dict)
    known: dict[Name, Copy | None] = field(default_factory=dict)  # None: not to be believed

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
        size = fetch(self.store, self.remote, wanted, self.listener)
        count += sum(one.fresh for one in wanted)
        here = {rref.dref for rref in [*targets, *order]}
        noted = receive_notes(self.store, self.remote, (self.listings[d] for d in sorted(here)))
        return Transfer(tuple(targets), tuple(order), count, size, notes=noted)

    def _wanted(self, config: Config, bill: BillOfParts, copies: Copies) -> "Wanted":
        context = bill.context
        return Wanted(config, context, bill, copies.get((config.dref, context.digest), []))

    def _list(self, drefs: Iterable[DRef]) -> None:
        new = sorted(set(drefs) - set(self.listings))
        self.listings.update(self.remote.each(self.remote.listing, new))

    def _realizations(self, ref: DRef | RRef) -> list[RRef]:
        if isinstance(ref, RRef):
            return [ref]
        listing = self.listings[ref]
        found = {rref: is_here(self.store, rref) for rref in listing.realizations}
        if not all(found.values()):  # a realization counts only if a believable record names it
            made = self._made(listing)
            found = {rref: here for rref, here in found.items() if here or rref in made}
        if not found:
            raise self._unnamed(ref, listing.realizations)
        return list(found)

    def _made(self, listing: Listing) -> set[RRef | None]:
        """The realizations that some believable attempt has made."""
        tried = self._read((listing.dref, *found) for found in listing.attempts())
        return {copy.record.attempt.rref for copy in tried}

    def _read(self, names: Iterable[Name]) -> list[Copy]:
        """The believable attempts among these, each read once."""
        asked = list(dict.fromkeys(names))
        new = [name for name in asked if name not in self.known]
        self.known.update(self.remote.each(self._copy, new))
        return [copy for name in asked if (copy := self.known[name]) is not None]

    def _copy(self, name: Name) -> Copy | None:
        dref, context, identity = name
        return read_copy(self.remote, self.listings[dref], context, identity)

    def _missing(self, targets: list[RRef]) -> Bills:
        found: Bills = {}
        seen, wave = set(targets), targets
        while wave:
            self.store.hold(tuple(wave))  # before looking, so that gc removes nothing afterwards
            lacking = [rref for rref in wave if not is_here(self.store, rref)]
            found.update(self.remote.each(self._bill, lacking))
            needs = {need for rref in lacking for need in inputs(found[rref].context)}
            wave = sorted(needs - seen)
            seen |= needs
        return found

    def _bill(self, rref: RRef) -> BillOfParts:
        try:
            return self.remote.bill(rref)
        except FileNotFoundError:
            raise self.remote.absent(rref) from None

    def _configs(self, order: list[RRef], bills: Bills) -> dict[DRef, Config]:
        drefs = sorted({rref.dref for rref in order})
        found = dict(self.remote.each(self._config, drefs))
        for rref in order:
            if set(bills[rref].context) != set(found[rref.dref].inputs):
                raise ChecksumMismatch(
                    "a context that does not fit its config",
                    ref=rref,
                    url=self.remote.url,
                    remedy="nothing of it was used; ask who runs the remote",
                )
        return found

    def _config(self, dref: DRef) -> Config:
        try:
            return self.store.config(dref)
        except (NotInStore, Corrupted):
            pass
        try:
            return self.remote.config(dref)
        except FileNotFoundError:
            raise self.remote.absent(dref) from None

    # --- attempts ----------------------------------------------------------------------

    def _copies(self, targets: list[RRef], bills: Bills) -> Copies:
        """The attempts of all that is fetched, and the new attempts of the other targets."""
        asked: dict[Key, list[Name]] = {}
        for rref in [*bills, *targets]:
            dref, new = rref.dref, rref in bills
            digest = (bills[rref].context if new else self.store.context(rref)).digest
            if (dref, digest) not in asked:
                have = () if new else {a.id for a in self.store.attempts(dref)}
                found = self.listings[dref].attempts(digest)
                asked[dref, digest] = [(dref, c, i) for c, i in found if i not in have]
        copies: Copies = {}
        for copy in self._read(name for names in asked.values() for name in names):
            attempt = copy.record.attempt
            copies.setdefault((attempt.dref, attempt.context), []).append(copy)
        return copies

    def _record(self, rrefs: Iterable[RRef], copies: Copies) -> int:
        """Records the new attempts of realizations that are here."""
        count = 0
        for rref in rrefs:
            config, context = self.store.config(rref.dref), self.store.context(rref)
            if found := copies.get((rref.dref, context.digest)):
                count += record_copies(self.store, config, context, found)
        return count

    def _check_made(self, rref: RRef, copies: Copies) -> None:
        made = (c for found in copies.values() for c in found if c.record.attempt.rref == rref)
        if not any(made):
            raise self._unnamed(rref, self.listings[rref.dref].attempts())

    def _unnamed(self, ref: DRef | RRef, there: object) -> PystoreError:
        """The error where no believable record names a realization; is anything `there`?"""
        if self.remote.trusted is None or not there:
            return self.remote.absent(ref)
        return Untrusted(
            "no trusted key has signed this",
            ref=ref,
            url=self.remote.url,
            trusted=listed(sorted(self.remote.trusted)),
            remedy="ask who pushed it to push it again with a key that you trust",
        )


def read_copy(remote: Remote, listing: Listing, context: str, identity: str) -> Copy | None:
    """An attempt with the files beside it; None where it is missing, or not to be believed."""
    try:
        record = remote.record(listing, context, identity)
    except FileNotFoundError:
        return None
    if record is None:
        return None
    return Copy(record, _beside(remote, record), signed=remote.trusted is not None)


def _beside(remote: Remote, record: Record) -> dict[str, bytes]:
    """The files beside an attempt; some may be missing, because they were too large to send."""
    found: dict[str, bytes] = {}
    for suffix in record.beside:
        with suppress(FileNotFoundError):
            found[suffix] = remote.beside(record, suffix)
    if digest := record.attempt.versions.get("git diff"):
        with suppress(FileNotFoundError):
            found["diff"] = remote.diff(record.attempt.dref, digest)
    return found


def is_here(store: Store, rref: RRef) -> bool:
    """Whether the store has a realization, and knows of no damage to it."""
    try:
        store.path(rref)
    except (NotInStore, Corrupted):
        return False
    return True


# --- bytes -----------------------------------------------------------------------------


def fetch(store: Store, remote: Remote, wanted: list[Wanted], listener: Listener = ignore) -> int:
    """Fetches realizations with their attempts; returns the number of moved bytes.

    When a transfer breaks off, the parts that have come stay for the next try. Raises FetchError
    when the disk has no room.
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
