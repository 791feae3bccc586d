"""Sending realizations and attempts that a remote lacks: bytes first, records last.

So a reader who finds a record finds its realization, too. After a crash, a retry sends the rest.
A readable record is never replaced: others may have signed it.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from ...core.context import Context
from ...core.dataclasses import dataclass, field, replace
from ...core.errors import Corrupted, PystoreWarning
from ...core.events import Listener, Progress, Sent, ignore
from ...core.printable import counted
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from ..adopt import resolved_digest
from ..store import Store
from . import names, record
from .ancestry import hold_with_ancestors
from .history import Copy
from .names import Listing
from .remote import Remote, write_mark
from .shipment import Shipment, copies_in, nothing_to_send
from .signing import Key
from .travelling_notes import note_objects, notes_to_send

_SMALL = 1 << 18  # [bytes] up to which sending is cheaper than asking

Object = tuple[str, bytes]  # name and content


def send(
    store: Store,
    rrefs: Iterable[RRef],
    remote: Remote,
    *,
    withdrawn: Iterable[DRef] = (),
    key: Key | None = None,
    repair: bool = False,
    diffs: bool = True,
    listener: Listener = ignore,
) -> Transfer:
    """Sends realizations, their inputs and their attempts, where the remote lacks them.

    Of the derivations that are `withdrawn`, it sends the rejections, if the remote has any of them.
    With `repair`, everything but readable records is sent, even if it seems to be there. Without
    `diffs`, the uncommitted changes of the project stay here. Raises NotInStore, Corrupted,
    UnkeepableOutput before anything is sent; BadPlace, FetchError.
    """
    wanted = sorted(set(rrefs))
    sender = _Sender(store, remote, key, repair, diffs, listener)
    return sender.send(wanted, sorted(set(withdrawn)))


@dataclass
class _Sender:
    store: Store
    remote: Remote
    key: Key | None
    repair: bool
    diffs: bool
    listener: Listener
    listings: dict[DRef, Listing] = field(default_factory=dict)

    def send(self, wanted: list[RRef], withdrawn: list[DRef]) -> Transfer:
        contexts = hold_with_ancestors(self.store, wanted, self._has)
        self._list([*withdrawn, *{rref.dref for rref in contexts}])
        if withdrawn and not wanted and not any(self.listings[one].names for one in withdrawn):
            raise nothing_to_send(self.store, withdrawn[0])
        withdrawn = [dref for dref in withdrawn if self.listings[dref].names]
        lacking = [rref for rref in contexts if self.repair or not self._has(rref)]
        shipments = [Shipment(self.store, rref) for rref in lacking]
        copies = copies_in(self.store, contexts, diffs=self.diffs)
        there = self._records(copies)
        sent = [copy for copy in copies if _name(copy) not in there]
        again = [copy for copy in copies if self.repair and _says(there.get(_name(copy)), copy)]
        noted = notes_to_send(
            self.store, contexts, self.listings, self.key, withdrawn, repair=self.repair
        )
        if shipments or sent or noted:
            write_mark(self.remote.place)
        size = self._send_bytes(shipments)
        self._put_all(self._texts(shipments, contexts))
        self._put_all(item for copy in [*sent, *again] for item in _beside(copy))
        signatures = list(self._signatures(copies, there))
        self._put_all(signatures)
        self._put_all((_name(copy), copy.record.text) for copy in sent)
        self._put_all(noted.signatures)
        self._put_all(noted.notes)
        counts = len(sent), size, len(signatures), noted.fresh
        return Transfer(tuple(wanted), tuple(lacking), *counts)

    def _list(self, drefs: Iterable[DRef]) -> None:
        new = sorted(set(drefs) - set(self.listings))
        self.listings.update(self.remote.each(self.remote.listing, new))

    def _has(self, rref: RRef) -> bool:
        self._list([rref.dref])
        return self.listings[rref.dref].has(names.realization(rref))

    def _records(self, copies: Iterable[Copy]) -> dict[str, bytes | None]:
        """The texts of the records at the remote, by name; None for a text that was not needed.

        With `repair`, an unreadable record counts as absent.
        """
        known = [c for c in copies if self.listings[c.record.attempt.dref].has(_name(c))]
        found: dict[str, bytes | None] = {_name(copy): None for copy in known}
        asked = [copy for copy in known if self.repair or self._lacks_signature(copy)]
        for copy, text in self.remote.each(self._read, asked):
            found[_name(copy)] = text
            if text is None and self.repair:
                del found[_name(copy)]
        return found

    def _read(self, copy: Copy) -> bytes | None:
        attempt = copy.record.attempt
        try:
            text = self.remote.place.read(_name(copy), names.LARGEST_RECORD)
            record.parse_record(attempt.dref, attempt.context, attempt.id, text)
        except (FileNotFoundError, Corrupted):
            return None
        return text

    def _lacks_signature(self, copy: Copy) -> bool:
        if self.key is None:
            return False
        return not self.listings[copy.record.attempt.dref].has(_signature(copy, self.key))

    def _put_all(self, objects: Iterable[Object]) -> None:
        for _ in self.remote.each(lambda item: self.remote.place.write(*item), objects):
            pass

    # --- bytes -------------------------------------------------------------------------

    def _send_bytes(self, shipments: list[Shipment]) -> int:
        """Sends the parts; returns the number of moved bytes."""
        total, moved, done = sum(shipment.manifest.size for shipment in shipments), 0, 0
        sent = self.remote.each(self._put, _parts(shipments))
        for rref, parts in groupby(sent, lambda part: part[0][0]):
            before = moved
            for (_, _, content), size in parts:
                moved, done = moved + size, done + len(content)
                self.listener(Progress(rref.dref, done, total, "bytes"))
            self.listener(Sent(rref.dref, (rref,), self.remote.url, moved - before))
        return moved

    def _put(self, item: tuple[RRef, str, bytes]) -> int:
        _, digest, content = item
        place, name = self.remote.place, names.part(digest)
        fresh = len(content) <= _SMALL or place.size(name) != len(content)
        if not self.repair and not fresh:
            return 0
        place.write(name, content)
        return len(content)

    # --- texts -------------------------------------------------------------------------

    def _texts(
        self, shipments: list[Shipment], contexts: Mapping[RRef, Context]
    ) -> Iterator[Object]:
        configs = {s.rref.dref: self.store.config(s.rref.dref) for s in shipments}
        for dref, config in configs.items():
            if self.repair or not self.listings[dref].has(names.config(dref)):
                yield names.config(dref), config.text.encode()
        for rref in (shipment.rref for shipment in shipments):
            if context := contexts[rref]:
                digest = resolved_digest(self.store.parts.layout, configs[rref.dref], context)
                yield names.resolved(digest, rref.dref, context.digest), b""
        for shipment in shipments:
            yield names.realization(shipment.rref), shipment.bill.text

    def _signatures(
        self, copies: list[Copy], there: Mapping[str, bytes | None]
    ) -> Iterator[Object]:
        if self.key is None:
            return
        strange = 0
        for copy in copies:
            text = there.get(_name(copy), copy.record.text)
            if _says(text, copy):
                yield _signature(copy, self.key), self.key.sign(text or b"")
            elif self._lacks_signature(copy):
                strange += 1
        if strange:
            warnings.warn(
                f"{counted(strange, 'attempt')} at {self.remote.url} not signed: their records "
                "there say something else than this store",
                PystoreWarning,
                stacklevel=2,
            )


def _says(text: bytes | None, copy: Copy) -> bool:
    """Whether a record at a remote equals ours, or ours without `tree`: only these are signed."""
    ours = copy.record
    unknowing = replace(ours, attempt=ours.attempt._replace(tree=None))
    return text in (ours.text, unknowing.text)


def _parts(shipments: list[Shipment]) -> Iterator[tuple[RRef, str, bytes]]:
    for shipment in shipments:
        for digest, _, content in shipment.parts():
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


def texts_of(
    store: Store,
    shipments: list[Shipment],
    contexts: Mapping[RRef, Context],
    key: Key | None,
    *,
    diffs: bool = True,
) -> Iterator[Object]:
    """All objects but the parts, which must have been read; with the signatures of a key."""
    for shipment in shipments:
        config = store.config(shipment.rref.dref)
        yield names.config(config.dref), config.text.encode()
        yield names.realization(shipment.rref), shipment.bill.text
    for copy in copies_in(store, contexts, diffs=diffs):
        yield from _beside(copy)
        yield _name(copy), copy.record.text
        if key is not None:
            yield _signature(copy, key), key.sign(copy.record.text)
    yield from note_objects(store, contexts, key)


def _signature(copy: Copy, key: Key) -> str:
    return names.signature(_name(copy), key.public)
