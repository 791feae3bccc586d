"""Copying from one store of this machine into another.

A file system with reflinks shares the bytes; else they are copied. All are hashed again. Two
stores never share a file, so that damage to one store does not damage the other.
"""

import os
from collections.abc import Iterable

from ...core.context import Context
from ...core.errors import BadPlace, ChecksumMismatch
from ...core.events import Fetched, Listener, Progress, ignore
from ...core.refs import RRef
from ...core.transfer import Transfer
from ..store import Store
from .ancestry import hold_with_ancestors
from .arrival import Arrival
from .history import record_copies
from .receive import is_here
from .shipment import Shipment, copies_in
from .travelling_notes import copy_notes


def copy_realizations(
    source: Store, target: Store, rrefs: Iterable[RRef], listener: Listener = ignore
) -> Transfer:
    """Copies realizations, with inputs and attempts, where `target` lacks them.

    Raises BadPlace when both are the same store; NotInStore, Corrupted; FetchError when the disk
    of `target` has no room.
    """
    # Not by the id of the store: a plain copy of a folder has the same one.
    if os.path.samefile(source.root, target.root):
        raise BadPlace("both are one store", path=target.root, remedy="name two stores")
    wanted = sorted(set(rrefs))
    contexts = hold_with_ancestors(source, wanted, lambda rref: is_here(target, rref))
    target.hold(tuple(contexts))  # before looking, so that gc removes nothing afterwards
    lacking = [rref for rref in contexts if not is_here(target, rref)]
    shipments = [Shipment(source, rref) for rref in lacking]
    total, done = sum(s.manifest.size for s in shipments), 0
    count = sum(
        _merge(source, target, rref, contexts[rref]) for rref in set(contexts) - set(lacking)
    )
    for shipment in shipments:
        count += _bring(source, target, shipment, contexts[shipment.rref])
        done += shipment.manifest.size
        dref = shipment.rref.dref
        listener(Progress(dref, done, total, "bytes"))
        listener(Fetched(dref, (shipment.rref,), str(source.root), shipment.manifest.size))
    noted = copy_notes(source, target, contexts)
    return Transfer(tuple(wanted), tuple(lacking), count, total, notes=noted)


def _merge(source: Store, target: Store, rref: RRef, context: Context) -> int:
    known = {attempt.id for attempt in target.attempts(rref.dref)}  # a store below counts
    found = copies_in(source, {rref: context})
    new = [copy for copy in found if copy.record.attempt.id not in known]
    return record_copies(target, source.config(rref.dref), context, new) if new else 0


def _bring(source: Store, target: Store, shipment: Shipment, context: Context) -> int:
    config = source.config(shipment.rref.dref)
    arrival = Arrival(target, config, context, shipment.manifest)
    out = os.fsencode(source.path(shipment.rref))
    try:
        for entry in shipment.manifest.entries:
            if entry.kind == "file" and entry.size:
                arrival.take(entry.path, out + b"/" + entry.path)
        return arrival.finish(copies_in(source, {shipment.rref: context}))
    except (ChecksumMismatch, OSError) as error:  # no network in between: the source is damaged
        raise shipment.damaged(str(getattr(error, "because", error))) from None
    finally:
        arrival.discard()
