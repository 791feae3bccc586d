"""Recording attempts of other stores here.

HI1  An attempt is known by its random id: importing it twice adds nothing. Its number is local.
HI2  A record counts for a realization only in the context in which the realization was made.
HI3  The claim of an imported number is marked as a copy, so that a kill in between is not counted
    as a died attempt.
"""

import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress

from ...core.attempt import Attempt, attempt_text
from ...core.config import Config
from ...core.context import Context
from ...core.dataclasses import dataclass, field
from ...core.errors import Corrupted, NotInStore, PystoreWarning
from ...core.same_run import Runs
from .. import attempt_files, attempts, disk, locks
from ..beginning import claim
from ..store import Store
from .record import Record

_DAY = 86_400 * 10**9  # [ns]
_PATIENCE = 10.0  # [s] for another process that imports the same


@dataclass(frozen=True)
class Copy:
    """An attempt of another store, with the files beside it."""

    record: Record
    beside: Mapping[str, bytes] = field(default_factory=dict)  # "trace", "log", "diff"
    signed: bool = False  # whether a key that is trusted has signed the record


def known(store: Store, config: Config, context: str = "") -> list[Attempt]:
    """The ended attempts, in the context with this digest; by default in all contexts."""
    return attempts.ended(store.parts.layout.attempts(config.dref), context)


def record_copies(store: Store, config: Config, context: Context, copies: Iterable[Copy]) -> int:
    """Records attempts for a derivation in a context; returns how many were new.

    An attempt of another derivation or context is noted as adopted.
    """
    store.record([config])
    lock = locks.BuildLock(store.parts.layout.lock(config.dref, "import"))
    lock.acquire(_PATIENCE)  # without it, two processes may record one attempt twice
    try:
        with store.parts.session.open_gate():
            return _record(store, config, context, copies)
    finally:
        lock.release()


def _record(store: Store, config: Config, context: Context, copies: Iterable[Copy]) -> int:
    before = known(store, config, context.digest)
    runs = Runs(before, repetitions=False)
    count = 0
    for copy in sorted(copies, key=lambda copy: copy.record.attempt.order):
        attempt = localized(store, config, context, copy.record)
        if attempt is None or not runs.add(attempt):
            continue
        if not count:
            _mark(store, config)
        origin = attempts.SIGNED if copy.signed else attempts.COPY
        begun = claim(
            store.parts, config.dref, context, origin, seed=attempt.seed, after=attempt.start
        )
        _write(store, attempt._replace(number=begun.number), copy.beside)
        count += 1
    if count and store.parts.durable:
        disk.sync_directory(store.parts.layout.attempts(config.dref))
    return count


def _mark(store: Store, config: Config) -> None:
    """Marks the derivation as one where seeds do not follow from numbers any more (S7)."""
    path = f"{store.parts.layout.attempts(config.dref)}/{attempts.IMPORTED}"
    with suppress(FileExistsError):
        disk.write_new(path, b"", durable=store.parts.durable)


def localized(store: Store, config: Config, context: Context, record: Record) -> Attempt | None:
    """The attempt as one of this derivation and context; None where it does not count for them."""
    attempt = record.attempt
    if is_of_the_future(attempt):
        return None
    if (attempt.dref, attempt.context) == (config.dref, context.digest):
        return attempt if _belongs(store, record) else None
    rref = record.under(config.dref, context)
    if rref is None:
        return None
    return attempt._replace(
        id=disk.fresh_name(), dref=config.dref, context=context.digest, rref=rref,
        notes={**attempt.notes, "adopted": attempt.rref},
    )  # fmt: skip


def is_of_the_future(attempt: Attempt) -> bool:
    """Whether the record of an attempt says that it has not begun yet, of which a warning tells."""
    if attempt.start <= time.time_ns() + _DAY:
        return False
    warnings.warn(
        f"an attempt of {attempt.dref} began in the future, says its record; it is left out",
        PystoreWarning,
        stacklevel=3,
    )
    return True


def _belongs(store: Store, record: Record) -> bool:
    """False if its realization is here, and was made in another context (HI2)."""
    rref = record.attempt.rref
    if rref is None or record.attempt.tree is not None:
        return True  # checked when the record was read
    try:
        return store.context(rref).digest == record.attempt.context
    except NotInStore:
        return True
    except Corrupted:
        return False


def _write(store: Store, attempt: Attempt, files: Mapping[str, bytes]) -> None:
    layout, tmp, durable = store.parts.layout, store.parts.tmp, store.parts.durable
    folder = layout.attempts(attempt.dref)
    stem = f"{folder}/{attempt.context}.{attempt.number}"
    for suffix in ("trace", "log"):
        if suffix in files:
            disk.put(f"{stem}.{suffix}", files[suffix], tmp=tmp, durable=durable)
    diff = files.get("diff", b"")
    if diff and attempt_files.diff_digest(diff) == attempt.versions.get("git diff"):
        name = f"{folder}/{attempt_files.diff_digest(diff)}.diff"
        disk.put(name, diff, tmp=tmp, durable=durable)
    disk.put(f"{stem}.json", attempt_text(attempt), tmp=tmp, durable=durable)
