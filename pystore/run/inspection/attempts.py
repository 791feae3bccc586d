"""Attempts: those of some derivations or realizations, the newest first."""

from collections.abc import Iterable

from ...model.attempt import Attempt
from ...model.errors import NotInStore
from ...model.refs import DRef, RRef
from ...store.store import Store


def newest_first(refs: Iterable[DRef | RRef], store: Store) -> list[Attempt]:
    """The attempts of these derivations, and those that made these realizations."""
    found = [attempt for ref in refs for attempt in _of(ref, store)]
    return sorted(found, key=lambda attempt: attempt.order, reverse=True)


def _of(ref: DRef | RRef, store: Store) -> list[Attempt]:
    if isinstance(ref, DRef):
        return store.attempts(ref)
    return [attempt for attempt in store.attempts(ref.dref) if attempt.rref == ref]


def chosen_attempt(refs: Iterable[DRef | RRef], number: int | None, store: Store) -> Attempt:
    """The newest of the attempts, or the newest with this number. Raises NotInStore."""
    refs = list(refs)
    found = newest_first(refs, store)
    for attempt in found:
        if number is None or attempt.number == number:
            return attempt
    raise NotInStore(
        "no such attempt",
        ref=refs[0] if len(refs) == 1 else refs[0].name,
        attempt=number,
        there_are=", ".join(map(str, sorted({a.number for a in found})[:20])) or "none",
        remedy="pystore log",
    )
