"""Stopping: requests to stop an attempt, and the record of one whose process was ended.

RQ1  A request names its staging: it stops the attempt that was meant, and no later one.
"""

import json
import os
from contextlib import suppress

from ..core.attempt import Attempt
from ..core.context import Context
from ..core.dataclasses import dataclass
from ..core.errors import Corrupted, NotInStore
from ..core.refs import DRef
from . import attempt_files, attempts, disk, rights
from .reader import Reader
from .staging import Staging


@dataclass(frozen=True)
class StopRequest:
    """The file `<context>.<number>.stop`: somebody asks that an attempt stop."""

    staging: str  # the name of its staging directory
    by: str  # who asks, in words

    @property
    def text(self) -> bytes:
        """The text of the file."""
        return json.dumps({"staging": self.staging, "by": self.by}).encode() + b"\n"


def ask_to_stop(store: Reader, attempt: Attempt, by: str) -> None:
    """Asks the process that runs an attempt to stop it; it looks a few times a second.

    Raises NotInStore when there is no such claim, NoAccess where we may not write.
    """
    layout, tmp = store.parts.layout, store.parts.tmp
    folder = layout.attempts(attempt.dref)
    begin = attempts.read_begin(folder, attempt.context, attempt.number)
    if not begin:
        raise NotInStore(
            "no attempt of this store runs under this number",
            dref=attempt.dref,
            attempt=attempt.number,
            remedy="pystore ps shows what runs; what the store below builds is stopped there",
        )
    request = StopRequest(os.path.basename(begin["staging"]), by)
    path = _path(folder, attempt.context, attempt.number)
    rights.explained(disk.put)(path, request.text, tmp=tmp, durable=False)


def withdraw(store: Reader, attempt: Attempt) -> None:
    """Takes a request back, when its attempt has ended."""
    folder = store.parts.layout.attempts(attempt.dref)
    disk.remove_file(_path(folder, attempt.context, attempt.number))


def request_of(staging: Staging) -> StopRequest | None:
    """The request to stop this attempt; None if nobody asks."""
    try:
        text = disk.read(_path_of(staging))
        said = json.loads(text)
        request = StopRequest(str(said["staging"]), str(said["by"])[:200])
    except (OSError, Corrupted, ValueError, KeyError, TypeError, RecursionError):
        return None
    return request if request.staging == staging.path.name else None


def forget_request(staging: Staging) -> None:
    """Removes the request to stop this attempt: it has ended."""
    with suppress(OSError):  # the next attempt removes it
        disk.remove_file(_path_of(staging))


def _path_of(staging: Staging) -> str:
    assert staging.telling is not None, "only an attempt with a claim can be asked"
    folder = os.path.dirname(staging.telling.path)
    return _path(folder, staging.context.digest, staging.claim.number)


def _path(folder: str, context: str, number: int) -> str:
    return f"{folder}/{context}.{number}.stop"


def record_stopped(store: Reader, dref: DRef, context: Context, number: int, error: str) -> None:
    """Records that an attempt was stopped; does nothing where its end is recorded already.

    Its process has ended, and cannot say so itself. The metrics that it told are in the record. A
    scratch that it left stays.
    """
    parts, folder = store.parts, store.parts.layout.attempts(dref)
    begin = attempts.read_begin(folder, context.digest, number)
    if not begin:
        return  # its claim was torn, or the derivation was removed
    died = attempts.unfinished(folder, begin, dref, context.digest, number, parts.staging_area)
    stopped = died._replace(
        id=disk.fresh_name(), outcome="stopped", error=error, versions=attempts.versions(),
        stop=max(attempts.now(), died.start), notes={"staging": str(begin["staging"])},
    )  # fmt: skip
    with parts.session.open_gate():
        trace = store.trace(died)
        attempt_files.write_trace(parts, died, trace)
        stopped = attempt_files.with_extremes(stopped, trace)
        attempts.record(folder, stopped, tmp=parts.tmp, durable=parts.durable)
    with suppress(OSError):  # the next attempt removes it
        disk.remove_file(attempts.live_path(folder, context.digest, number))
