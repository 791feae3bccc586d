"""Sending: what a remote lacks goes there: bytes first, the records of attempts last.

So whoever finds a record finds what it speaks of; after a crash, a retry sends what is missing.
A record that can be read is never replaced: others may have signed it.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ...core.context import Context
from ...core.errors import Corrupted, PystoreWarning
from ...core.events import Listener, Progress, Sent, ignore
from ...core.printable import counted
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from ..adopt import resolved_digest
from ..store import Store
from . import names, record
from .ancestry import closed, in_order
from .history import Copy
from .names import Listing
from .remote import Remote, write_mark
from .shipment import Shipment, copies
from .signing import Key

_SMALL = 1 << 18  # [bytes] up to which sending is cheaper than asking

Object = tuple[str, bytes]  # a name and a content


@dataclass
class _Bytes:
    size: int = 0  # that were moved
    done: int = 0
    total: int = 0


def send(
    store: Store,
    rrefs: Iterable[RRef],
    remote: Remote,
    *,
    key: Key | None = None,
    repair: bool = False,
    diffs: bool = True,
    listener: Listener = ignore,
) -> Transfer:
    """Makes sure that the remote has these realizations, their inputs, and their attempts.

    With `repair`, what seems to be there is sent again, but for records that can be read; without
    `diffs`, how the project's files differed from their revision stays here. Raises NotInStore,
    Corrupted, UnkeepableOutput before anything is sent; BadPlace, FetchError.
    """
    wanted = sorted(set(rrefs))
    return _Sender(store, remote, key, repair, diffs, listener).send(wanted)


class _Sender:
    def __init__(
        self,
        store: Store,
        remote: Remote,
        key: Key | None,
        repair: bool,
        diffs: bool,
        listener: Listener,
    ) -> None:
        self._store = store
        self._remote = remote
        self._key = key
        self._repair = repair
        self._diffs = diffs
        self._listener = listener
        self._listings: dict[DRef, Listing] = {}
        self._tally = _Bytes()

    def send(self, wanted: list[RRef]) -> Transfer:
        contexts = closed(self._store, wanted, self._has)
        self._store.hold(tuple(contexts))
        order = in_order(contexts)
        self._list({rref.dref for rref in order})
        lacking = [rref for rref in order if self._repair or not self._has(rref)]
        shipments = [Shipment(self._store, rref) for rref in lacking]
        copies = copies_in(self._store, contexts, diffs=self._diffs)
        there = self._records(copies)
        sent = [copy for copy in copies if _name(copy) not in there]
        again = [copy for copy in copies if self._repair and _says(there.get(_name(copy)), copy)]
        if shipments or sent:
            write_mark(self._remote.place)
        self._send_bytes(shipments)
        self._put_all(self._texts(shipments, contexts))
        self._put_all(item for copy in [*sent, *again] for item in _beside(copy))
        signatures = list(self._signatures(copies, there))
        self._put_all(signatures)
        self._put_all((_name(copy), copy.record.text) for copy in sent)
        size, signed = self._tally.size, len(signatures)
        return Transfer(tuple(wanted), tuple(lacking), len(sent), size, signed)

    def _list(self, drefs: Iterable[DRef]) -> None:
        new = sorted(set(drefs) - set(self._listings))
        self._listings.update(self._remote.each(self._remote.listing, new))

    def _has(self, rref: RRef) -> bool:
        self._list([rref.dref])
        return self._listings[rref.dref].has(names.realization(rref))

    def _knows(self, copy: Copy) -> bool:
        return self._listings[copy.record.attempt.dref].has(_name(copy))

    def _records(self, copies: Iterable[Copy]) -> dict[str, bytes | None]:
        """The texts of the records that are there, by name; None where none is asked for.

        With `repair`, one that cannot be read is as good as absent.
        """
        known = [copy for copy in copies if self._knows(copy)]
        found: dict[str, bytes | None] = {_name(copy): None for copy in known}
        asked = [copy for copy in known if self._repair or self._lacks_signature(copy)]
        for copy, text in self._remote.each(self._read, asked):
            found[_name(copy)] = text
            if text is None and self._repair:
                del found[_name(copy)]
        return found

    def _read(self, copy: Copy) -> bytes | None:
        attempt = copy.record.attempt
        try:
            text = self._remote.place.read(_name(copy), record.LARGEST)
            record.parse_record(attempt.dref, attempt.context, attempt.id, text)
        except (FileNotFoundError, Corrupted):
            return None
        return text

    def _lacks_signature(self, copy: Copy) -> bool:
        if self._key is None:
            return False
        return not self._listings[copy.record.attempt.dref].has(_signature(copy, self._key))

    def _put_all(self, objects: Iterable[Object]) -> None:
        for _ in self._remote.each(lambda item: self._remote.place.write(*item), objects):
            pass

    # --- bytes -------------------------------------------------------------------------

    def _send_bytes(self, shipments: list[Shipment]) -> None:
        self._tally.total = sum(shipment.manifest.size for shipment in shipments)
        tally, before, last = self._tally, 0, None
        for (rref, _, content), moved in self._remote.each(self._put, _parts(shipments)):
            if last not in (None, rref):
                self._tell(last, tally.size - before)
                before = tally.size
            tally.size, tally.done, last = tally.size + moved, tally.done + len(content), rref
            self._listener(Progress(rref.dref, tally.done, tally.total, "bytes"))
        self._tell(last, tally.size - before)

    def _tell(self, rref: RRef | None, size: int) -> None:
        if rref is not None:
            self._listener(Sent(rref.dref, (rref,), self._remote.url, size))

    def _put(self, item: tuple[RRef, str, bytes]) -> int:
        _, digest, content = item
        place, name = self._remote.place, names.part(digest)
        fresh = len(content) <= _SMALL or place.size(name) != len(content)
        if not self._repair and not fresh:
            return 0
        place.write(name, content)
        return len(content)

    # --- texts -------------------------------------------------------------------------

    def _texts(
        self, shipments: list[Shipment], contexts: Mapping[RRef, Context]
    ) -> Iterator[Object]:
        store, told = self._store, set()
        for rref in (shipment.rref for shipment in shipments):
            config = store.config(rref.dref)
            name = names.config(rref.dref)
            if name not in told and (self._repair or not self._listings[rref.dref].has(name)):
                yield name, config.text.encode()
                told.add(name)
            if context := contexts[rref]:
                digest = resolved_digest(store.layout, config, context)
                yield names.resolved(digest, rref.dref, context.digest), b""
        for shipment in shipments:
            yield names.realization(shipment.rref), shipment.bill.text

    def _signatures(
        self, copies: list[Copy], there: Mapping[str, bytes | None]
    ) -> Iterator[Object]:
        if self._key is None:
            return
        strange = 0
        for copy in copies:
            text = there.get(_name(copy), copy.record.text)
            if _says(text, copy):
                yield _signature(copy, self._key), self._key.sign(text or b"")
            elif self._lacks_signature(copy):
                strange += 1
        if strange:
            warnings.warn(
                f"{counted(strange, 'attempt')} at {self._remote.url} not signed: their records "
                "there say something else than this store",
                PystoreWarning,
                stacklevel=2,
            )


def _says(text: bytes | None, copy: Copy) -> bool:
    """Whether a record at a remote says what ours does, or knows less: nothing else is signed."""
    ours = copy.record
    unknowing = replace(ours, attempt=ours.attempt._replace(tree=None))
    return text in (ours.text, unknowing.text)


def _parts(shipments: list[Shipment]) -> Iterator[tuple[RRef, str, bytes]]:
    for shipment in shipments:
        for digest, content in shipment.parts():
            yield shipment.rref, digest, content


def _name(copy: Copy) -> str:
    attempt = copy.record.attempt
    return names.attempt(attempt.dref, attempt.context, attempt.id)


def _beside(copy: Copy) -> Iterator[Object]:
    attempt = copy.record.attempt
    for suffix, content in copy.beside.items():
        if suffix == "diff":
            yield names.diff(attempt.dref, attempt.versions["git diff"]), content
        else:
            yield names.attempt(attempt.dref, attempt.context, attempt.id, suffix), content


def copies_in(store: Store, contexts: Mapping[RRef, Context], *, diffs: bool = True) -> list[Copy]:
    """All attempts of these derivations in these contexts, whatever came of them."""
    found: list[Copy] = []
    for (dref, _), context in {(r.dref, c.digest): c for r, c in contexts.items()}.items():
        ended = [attempt for attempt in store.attempts(dref) if attempt.id]
        tried = [attempt for attempt in ended if attempt.context == context.digest]
        found += copies(store, tried, context, diffs=diffs)
    return [replace(copy, record=record.fitting(copy.record)) for copy in found]


def texts_of(
    store: Store,
    shipments: list[Shipment],
    contexts: Mapping[RRef, Context],
    key: Key | None,
    *,
    diffs: bool = True,
) -> Iterator[Object]:
    """All objects but the parts, which were read; with the signatures of a key."""
    for shipment in shipments:
        config = store.config(shipment.rref.dref)
        yield names.config(config.dref), config.text.encode()
        yield names.realization(shipment.rref), shipment.bill.text
    for copy in copies_in(store, contexts, diffs=diffs):
        yield from _beside(copy)
        yield _name(copy), copy.record.text
        if key is not None:
            yield _signature(copy, key), key.sign(copy.record.text)


def _signature(copy: Copy, key: Key) -> str:
    return _name(copy)[: -len("json")] + f"{key.public}.sig"
