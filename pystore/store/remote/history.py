"""History: attempts that ran in another store are recorded here, too.

HI1  They merge by their random ids: importing twice adds nothing. Their numbers are local.
HI2  A record counts for a realization only in the context in which that was made.
HI3  A kill leaves no attempt that never was: the claim of a copy's number says what it is.
"""

import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ...core.attempt import Attempt, attempt_text
from ...core.config import Config
from ...core.context import Context
from ...core.errors import Corrupted, NotInStore, PystoreWarning
from .. import attempt_files, attempts, disk, locks
from ..store import Store
from .record import Record

_DAY = 86_400 * 10**9  # [ns]
_PATIENCE = 10.0  # [s] for another process that imports the same


@dataclass(frozen=True)
class Copy:
    """An attempt of another store, with what lies beside it there."""

    record: Record
    beside: Mapping[str, bytes] = field(default_factory=dict)  # "trace", "log", "diff"


def known(store: Store, config: Config, context: str = "") -> list[Attempt]:
    """The attempts that have ended, of all contexts whose digest begins so."""
    return attempts.ended(store.layout.attempts(config.dref), context)


def record_copies(store: Store, config: Config, context: Context, copies: Iterable[Copy]) -> int:
    """Records those attempts that are not known yet, for a derivation in a context.

    Those of another derivation or context are noted as adopted. Returns how many were new.
    """
    store.record([config])
    lock = locks.BuildLock(store.layout.lock(config.dref, "import"))
    lock.acquire(_PATIENCE)  # without it, two processes may record one attempt twice
    try:
        with store.session.open_gate():
            return _record(store, config, context, copies)
    finally:
        lock.release()


def _record(store: Store, config: Config, context: Context, copies: Iterable[Copy]) -> int:
    before = known(store, config, context.digest)
    ids, runs = {a.id for a in before}, {run_of(a) for a in before}
    count = 0
    for copy in sorted(copies, key=lambda copy: copy.record.attempt.order):
        attempt = localized(store, config, context, copy.record)
        if attempt is None or attempt.id in ids or run_of(attempt) in runs:
            continue
        if not count:
            _mark(store, config)
        begun = store.claim(config.dref, context, attempts.COPY, attempt.seed, attempt.start)
        _write(store, attempt._replace(number=begun.number), copy.beside)
        ids.add(attempt.id)
        runs.add(run_of(attempt))
        count += 1
    if count and store.durable:
        disk.sync_directory(store.layout.attempts(config.dref))
    return count


def _mark(store: Store, config: Config) -> None:
    """Says that numbers and seeds do not go together any more, before that is so (S7)."""
    path = f"{store.layout.attempts(config.dref)}/{attempts.IMPORTED}"
    with suppress(FileExistsError):
        disk.write_new(path, b"", durable=store.durable)


def run_of(attempt: Attempt) -> tuple[object, ...]:
    """What an adopted attempt shares with its original."""
    return "adopted" in attempt.notes, attempt.run


def localized(store: Store, config: Config, context: Context, record: Record) -> Attempt | None:
    """The attempt as it counts for a derivation in a context; None where it does not."""
    attempt = record.attempt
    if attempt.start > time.time_ns() + _DAY:
        warnings.warn(
            f"an attempt of {config.dref} began in the future, says its record; it is left out",
            PystoreWarning,
            stacklevel=2,
        )
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


def _belongs(store: Store, record: Record) -> bool:
    """Whether what it made, when that is here, was made in its context (HI2)."""
    rref = record.attempt.rref
    if rref is None or record.attempt.tree is not None:
        return True  # checked as the record was read
    try:
        return store.context(rref).digest == record.attempt.context
    except NotInStore:
        return True
    except Corrupted:
        return False


def _write(store: Store, attempt: Attempt, files: Mapping[str, bytes]) -> None:
    layout, tmp, durable = store.layout, store.layout.tmp, store.durable
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
