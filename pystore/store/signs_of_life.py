"""Signs of life: whether an attempt that has no record is running, or has died."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.attempt import Attempt
from ..core.refs import DRef
from . import locks
from .mounts import is_shared

SILENCE = 90.0  # [s] without a sign of life after which an attempt on another host has died


def unfinished(
    live: str, begin: dict[str, Any], dref: DRef, context: str, number: int, staging_area: Path
) -> Attempt:
    """The attempt of a claim without a record, with the metrics that it told (TD1).

    It is running, or it has died. `live` is the path of what it has told.
    """
    from . import told  # for its weight: few attempts have no record

    staging = os.path.basename(begin.get("staging", "none").replace("\0", ""))
    host, place = str(begin.get("host", "")), staging_area / staging
    running = bool(staging) and (locks.in_use(place) or _gives_signs(place, host))
    start = int(begin.get("start", 0))
    return Attempt(
        id="", dref=dref, context=context, number=number,
        outcome="running" if running else "died", rref=None, error=None,
        seed=int(begin.get("seed", 0)), start=start, stop=start, host=host,
        pid=int(begin.get("pid", 0)), realizer="", source="", versions={},
        metrics=told.read_last(live).metrics, notes={},
    )  # fmt: skip


def last_sign(folder: str, context: str, number: int, start: int) -> int:
    """When an attempt that died last wrote anything [ns since the epoch, UTC], as far as is known.

    It wrote its log, its trace, or its scratch; at least it began.
    """
    stem, last = f"{context}.{number}.", start
    with os.scandir(folder) as entries:
        beside = [entry.path for entry in entries if entry.name.startswith(stem)]
    for path in beside:
        within = (os.path.join(home, name) for home, _, names in os.walk(path) for name in names)
        for one in (path, *within):
            with suppress(FileNotFoundError):
                last = max(last, os.lstat(one).st_mtime_ns)
    return last


def _gives_signs(staging: Path, host: str) -> bool:
    """Whether a process on another host, whose lock we may not see, has given a sign of life."""
    if host == os.uname().nodename:
        return False
    try:
        silent = time.time() - os.stat(staging).st_mtime
        return silent < SILENCE and is_shared(staging)
    except OSError:
        return False
