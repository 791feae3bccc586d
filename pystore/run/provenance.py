"""Provenance: the versions, project and device of an attempt. They are no part of an identity."""

import os
import sys
import time
from functools import cache
from typing import NamedTuple

from ..core.attempt import AttemptReport
from ..store.attempt_files import diff_digest


def packages() -> dict[str, str]:
    """The versions of the packages that are imported now, by name."""
    return _packages(len(sys.modules))


@cache
def _packages(count: int) -> dict[str, str]:
    found = {}
    for name, module in list(sys.modules.items()):
        # Not getattr: a module may compute its version on demand, and warn.
        own = getattr(module, "__dict__", {})
        version = own.get("__version__") if "." not in name else None
        if isinstance(version, str) and "site-packages" in str(getattr(module, "__file__", "")):
            found[name] = version
    return found


_OFTEN, _RARE = 1.0, 10.0  # [s] between two looks, at least and at most
_REST = 50.0  # times as long as a look took, until the next one: git takes 2 % of the time


class Project(NamedTuple):
    """The project in a working directory, as git saw it."""

    folder: str
    revision: str
    diff: bytes
    seen: float  # when, on the monotonic clock [s]
    until: float  # in the same call, on the monotonic clock [s]


_seen: list[Project] = []  # the last one
_call: list[str] = []  # the last one


def _project(folder: str) -> Project:
    start = time.monotonic()
    for known in list(_seen):
        if known.folder == folder and start < known.until:
            return known
    revision = _git("rev-parse", "HEAD")
    diff = _git("diff", "HEAD").encode() if revision else b""
    end = time.monotonic()
    rest = min(max(_REST * (end - start), _OFTEN), _RARE)
    found = Project(folder, revision, diff, end, end + rest)
    _seen[:] = [found]
    return found


def begin_call(call: str) -> None:
    """Lets git look again for a new call, unless it has looked just now.

    The project may have changed since the last call.
    """
    if _call != [call]:
        _call[:] = [call]
        _seen[:] = [one._replace(until=one.seen + _OFTEN) for one in _seen]


def describe_project(told: AttemptReport) -> None:
    """Adds the revision of the project in the working directory, and its uncommitted changes.

    Git runs once a second at most, and less often in one call where it takes long.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was removed
        return
    project = _project(folder)
    if project.revision:
        told.versions["git"] = project.revision
    if project.diff:
        told.versions["git diff"] = diff_digest(project.diff)
        told.diff = project.diff


def describe(told: AttemptReport) -> None:
    """Adds the packages that are imported by now, and the device."""
    told.versions |= packages()
    if seen := device():
        told.versions["device"] = seen


def _git(*words: str) -> str:
    import subprocess  # late for weight: only builds need it

    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, errors="replace", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""  # no git, or no repository here
    return done.stdout.strip()


def device() -> str | None:
    """The accelerator of an imported framework, "cpu" if none, None without a framework."""
    if torch := sys.modules.get("torch"):
        return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"
    if tensorflow := sys.modules.get("tensorflow"):
        seen = tensorflow.config.list_physical_devices("GPU")
        return ", ".join(one.name for one in seen) or "cpu"
    return None
