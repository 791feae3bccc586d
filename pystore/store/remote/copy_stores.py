"""Between: copying from one store of this machine into another.

The bytes are shared where the file system can do that (reflinks), copied where not, and hashed
again before they count; stores never share files, so that damage to one is damage to one.
"""

import os
from collections.abc import Iterable

from ...core.context import Context
from ...core.errors import BadPlace, ChecksumMismatch
from ...core.events import Fetched, Listener, Progress, ignore
from ...core.refs import RRef
from ...core.transfer import Transfer
from ..store import Store
from .ancestry import closed, in_order
from .arrival import Arrival
from .history import record_copies
from .receive import is_here
from .send import copies_in
from .shipment import Shipment


def copy_between(
    source: Store, target: Store, rrefs: Iterable[RRef], listener: Listener = ignore
) -> Transfer:
    """Makes sure that `target` has these realizations of `source`, their inputs and attempts.

    Raises BadPlace when both are one store; NotInStore, Corrupted; FetchError when the disk of
    `target` cannot take them.
    """
    if os.path.samefile(source.root, target.root):  # a plain copy of a store has its id
        raise BadPlace("both are one store", path=target.root, remedy="name two stores")
    wanted = sorted(set(rrefs))
    contexts = closed(source, wanted, lambda rref: is_here(target, rref))
    source.hold(tuple(contexts))
    order = in_order(contexts)
    target.hold(tuple(order))  # before the look: gc takes nothing from then on
    lacking = [rref for rref in order if not is_here(target, rref)]
    shipments = [Shipment(source, rref) for rref in lacking]
    total, done = sum(s.manifest.size for s in shipments), 0
    count = sum(_merge(source, target, rref, contexts[rref]) for rref in set(order) - set(lacking))
    for shipment in shipments:
        count += _bring(source, target, shipment, contexts[shipment.rref])
        done += shipment.manifest.size
        dref = shipment.rref.dref
        listener(Progress(dref, done, total, "bytes"))
        listener(Fetched(dref, (shipment.rref,), str(source.root), shipment.manifest.size))
    return Transfer(tuple(wanted), tuple(lacking), count, total)


def _merge(source: Store, target: Store, rref: RRef, context: Context) -> int:
    known = {attempt.id for attempt in target.attempts(rref.dref)}  # also in a store below it
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
    except ChecksumMismatch as error:  # nothing came between: the source is wrong
        raise shipment.damaged(str(error.because)) from None
    except OSError as error:
        raise shipment.damaged(str(error)) from None
    finally:
        arrival.discard()
