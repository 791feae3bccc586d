"""The record of an attempt, and the files beside it: trace, diff of the project, logs.

A trace begins with its checksum, and a diff is named by its digest, so that damage is noticed.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.attempt import Attempt, AttemptReport, Outcome, Trace, parse_attempt
from ..core.digest import short
from ..core.errors import Corrupted
from ..core.extremes import extremes_of
from ..core.machine_usage import without_usage
from ..core.reads import Surroundings
from . import attempts, disk, rights, trace_file
from .layout import Layout
from .mentions import complete
from .parts import Parts
from .staging import Staging
from .trace_file import latest

if TYPE_CHECKING:
    from .commit import Sealed

_LARGEST = 1 << 18  # [bytes] of a diff that is kept


def write_beside(parts: Parts, attempt: Attempt, diff: bytes, trace: Trace) -> None:
    """Writes the trace and the diff of an attempt. Call it before its record is written.

    The record syncs the directory.
    """
    write_trace(parts, attempt, trace)
    if diff and len(diff) <= _LARGEST:
        folder, name = parts.layout.attempts(attempt.dref), f"{diff_digest(diff)}.diff"
        # Attempts of one derivation share a diff. It is not synced: a torn one is written again.
        if not os.path.exists(f"{folder}/{name}") or damage(folder, name):
            disk.put(f"{folder}/{name}", diff, tmp=parts.tmp, durable=False)


def write_trace(parts: Parts, attempt: Attempt, trace: Trace) -> None:
    """Writes the `latest` of a trace of an attempt. Call it before its record is written."""
    if trace:
        path = parts.layout.beside(attempt.dref, attempt.context, attempt.number, "trace")
        disk.put(path, trace_file.text_of(trace), tmp=parts.tmp, durable=parts.durable)


def with_extremes(attempt: Attempt, trace: Trace) -> Attempt:
    """The record of an attempt with the extremes of the `latest` of its trace (UG1)."""
    told = without_usage(trace, attempt.metrics)
    return attempt._replace(extremes=extremes_of(told) if trace else None)


def record_of(staged: Staging, told: AttemptReport, outcome: Outcome, stop: int) -> Attempt:
    """The record of an attempt that ended at `stop`, without its realization and metrics."""
    claimed = staged.claim
    resumed = {} if staged.resumed is None else {"resumed": staged.resumed}
    resumed |= {"dead": claimed.dead} if claimed.dead else {}
    reads = staged.reads()
    return Attempt(
        id=disk.fresh_name(), dref=staged.dref, context=staged.context.digest,
        number=claimed.number, outcome=outcome, rref=None, error=None, seed=claimed.seed,
        start=claimed.start, stop=max(stop, claimed.start),
        host=os.uname().nodename, pid=os.getpid(),
        realizer=told.realizer, source=told.source,
        versions={**told.versions, **attempts.versions()}, metrics=told.metrics,
        notes={**told.notes, **resumed}, reads=told.reads if reads is None else reads,
    )  # fmt: skip


def record_of_success(
    staging: Staging, told: AttemptReport, sealed: "Sealed", around: Surroundings, stop: int
) -> Attempt:
    """The record of an attempt with a sealed output that ended at `stop` [ns since the epoch]."""
    record = record_of(staging, told, "succeeded", stop)
    reads = complete(around, record.reads, record.notes, staging.out, sealed.manifest)
    metrics = {**sealed.metrics, **told.metrics}
    tree = sealed.manifest.digest
    return record._replace(rref=sealed.rref, tree=tree, metrics=metrics, reads=reads)


def recorded(folder: str, outline: Attempt) -> Attempt | None:
    """An attempt of which an outline is known, by its record; None if it is not in this folder."""
    name = f"{outline.context}.{outline.number}.json"
    try:
        found = attempts.read_records(folder, [name])
    except FileNotFoundError:
        found = [parse_attempt(text) for text in attempts.packed_contents(folder, name)]
    return next((attempt for attempt in found if attempt.id == outline.id), None)


def read_trace(layout: Layout, attempt: Attempt) -> Trace:
    """The metrics that an attempt told over its steps. Raises Corrupted.

    Of one without a record, those that it has told so far.
    """
    folder, number = layout.attempts(attempt.dref), attempt.number
    if attempt.outcome in ("running", "died"):
        from .told import read  # for its weight

        return latest(read(attempts.live_path(folder, attempt.context, number)).whole_trace)
    return trace_file.read(f"{folder}/{attempt.context}.{number}.trace")


def read_diff(layout: Layout, attempt: Attempt) -> bytes:
    """The diff of the project from its revision; empty if there is none, or it was too long."""
    digest = attempt.versions.get("git diff")
    try:
        return disk.read(f"{layout.attempts(attempt.dref)}/{digest}.diff") if digest else b""
    except FileNotFoundError:
        return b""


def diff_digest(diff: bytes) -> str:
    """The short digest that names a diff."""
    return short("pystore diff 1", diff)


def damage(folder: str, name: str) -> str:
    """What is wrong with a trace or a diff; empty if nothing is."""
    try:
        content = disk.read(f"{folder}/{name}")
        if name.endswith(".diff"):
            return "" if f"{diff_digest(content)}.diff" == name else "it does not match its name"
        trace_file.check(content)
    except Corrupted as error:
        return error.what
    return ""


def logdir(layout: Layout, staged: Staging) -> Path:
    """A directory beside the record of an attempt, which stays and is not checked."""
    number = staged.claim.number
    path = Path(layout.beside(staged.dref, staged.context.digest, number, "logs"))
    rights.ensure_folder(path)
    return path
