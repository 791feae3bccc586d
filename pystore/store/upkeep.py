"""Upkeep: public functions for pins, gc, compact, verify and verdicts; of the current store."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..core.attempt import AttemptReport
from ..core.errors import BadStage
from ..core.events import Listener, ignore
from ..core.gc_policy import GcPolicy
from ..core.pin_change import PinChange
from ..core.refs import RRef, check_name, parse_ref
from . import pin_changes as changes
from . import pins as roots
from . import remove as removal
from . import reopening
from .compact import Compacted
from .compact import compact as join
from .current import current_store
from .gc import Garbage, Keepable, collect
from .staging import Staging
from .store import Store
from .verify import Report
from .verify import verify as rehash


def pin(rref: str, name: str, *, store: Store | None = None) -> None:
    """Makes sure that gc keeps a realization, and all it was built from, under this name.

    A name that is taken now means the new one. Raises NotInStore, BadName.
    """
    roots.pin(current_store(store), RRef(rref), name)


def unpin(name: str, *, store: Store | None = None) -> None:
    """Makes sure that this name keeps nothing any more. Raises BadName when it is no pin."""
    roots.unpin(current_store(store), name)


def pins(*, store: Store | None = None) -> dict[str, RRef]:
    """The pinned realizations, by name."""
    return roots.pins(current_store(store))


def pin_history(name: str | None = None, *, store: Store | None = None) -> list[PinChange]:
    """Who let a pin name which realization, when, and in place of which one; the first first.

    Without a name, of all pins, also of those that were removed. `pins_at(url)` tells how pins at a
    remote moved. Raises BadName when there was never such a pin.
    """
    store = current_store(store)
    found = changes.pin_history(store, name if name is None else check_name(name))
    if name is not None:
        changes.check_known(store, name, found or name in roots.pins(store))
    return found


def gc(
    keep: Iterable[Keepable] | Keepable | None = None,
    *,
    dry_run: bool = True,
    store: Store | None = None,
) -> Garbage:
    """Removes realizations that nothing keeps, and what dead processes left; dry by default.

    Kept are pins, what living processes use, what `keep` names, and all that these were built
    from. `keep` takes RRefs, paths of links into the store or of directories of such links, and
    `keep_latest(n)` or `keep_best(file, n)`, which choose in each derivation. Without it, the
    latest of each derivation is kept, and what the matchers that have been used would choose;
    `gc(())` keeps neither. Attempts and their metrics stay. Raises NotInStore when something to
    keep is not there.
    """
    if isinstance(keep, (str, os.PathLike, GcPolicy)):
        keep = [keep]
    if keep is not None and not isinstance(keep, Iterable):
        raise BadStage(
            "gc keeps RRefs, paths, and policies such as keep_latest(2)",
            given=repr(keep)[:200],
            remedy="call the policy: gc(keep_latest(2))",
        )
    return collect(current_store(store), keep, dry_run=dry_run)


def verify(
    store: Store | None = None,
    *,
    quarantine: bool = False,
    listener: Listener = ignore,
    only: Iterable[str] | None = None,
) -> Report:
    """Rehashes everything and names each damage; what is damaged is not served from then on.

    `only` names derivations, with all their realizations, or realizations, in place of everything.

    With `quarantine`, damaged realizations are moved to `trash/`, where they lie until the next
    gc. `realize` builds them again, first with the seed of their own attempt.

    Raises NotInStore, BadRef for what `only` names.
    """
    if store is not None and not isinstance(store, Store):
        raise BadStage(
            "verify takes a store first",
            given=repr(store)[:200],
            remedy="verify(Store(path)); of the current one all, or some: verify(only=[ref])",
        )
    named = [only] if isinstance(only, str) else only
    refs = None if named is None else [parse_ref(ref) for ref in named]
    store = current_store(store)
    return rehash(store, quarantine=quarantine, listener=listener, only=refs)


def compact(store: Store | None = None, *, listener: Listener = ignore) -> Compacted:
    """Joins the records of attempts that ended more than a day ago, in each derivation.

    Many small files become one. Nothing changes for who reads the store, but for versions before
    this: they do not open it any more. Traces, logs and notes stay as they are.
    """
    if store is not None and not isinstance(store, Store):
        raise BadStage(
            "compact takes a store",
            given=repr(store)[:200],
            remedy="compact(Store(path)), or compact() for the current one",
        )
    return join(current_store(store), listener=listener)


def rmref(ref: str, *, force: bool = False, store: Store | None = None) -> None:
    """Removes a realization's bytes (its attempts stay), or a derivation with everything.

    Raises NotInStore; InUse when others were built from it, a pin keeps it, or another process
    uses it, unless `force`.
    """
    removal.remove(current_store(store), parse_ref(ref), force=force)


def reject(rref: str, reason: str, *, store: Store | None = None) -> None:
    """Takes a realization out of matching and statistics: `reject(rref, "label leak")`.

    So it does with each copy that other derivations have adopted. Bytes and reason stay. Raises
    NotInStore when no attempt made it.
    """
    if not (isinstance(reason, str) and reason.strip()):
        raise BadStage(
            "a rejection needs its reason", rref=rref, remedy='reject(rref, "label leak")'
        )
    removal.reject(current_store(store), RRef(rref), reason)


def rejected(dref: str, *, store: Store | None = None) -> dict[RRef, str]:
    """The rejected realizations of a derivation, or of that of a realization, and why."""
    ref = parse_ref(dref)
    return removal.rejected(current_store(store), ref.dref)


def commit(staging: str | os.PathLike[str], *, store: Store | None = None) -> RRef:
    """Tries the commit of a failed attempt's staging again, after you have mended it.

    The error of the attempt says where it is. Raises what the first try raised, if it still holds.
    """
    store = current_store(store)
    reopened = store.reopen(Path(staging))
    try:
        return store.commit(reopened, _told(store, reopened)).rref
    except BaseException:
        reopening.give_back(store.parts, reopened)
        raise


def _told(store: Store, reopened: Staging) -> AttemptReport:
    """The report of the failed attempt: its metrics count for the realization made now."""
    where = str(reopened.path)
    tries = [a for a in store.attempts(reopened.dref) if a.notes.get("staging") == where]
    if not tries:
        return AttemptReport()  # the disk was too full to record it
    last, notes = tries[-1], dict(tries[-1].notes)
    for name in ("staging", "traceback"):
        notes.pop(name, None)
    outside = set(notes.get("outside", ()))
    told = AttemptReport(
        last.realizer, last.source, outside, notes, dict(last.metrics), store.trace(last)
    )
    told.reads = None if last.reads is None else dict(last.reads)
    return told
