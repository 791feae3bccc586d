"""Provenance: the versions, project and device of an attempt. They are no part of an identity."""

import os
import sys
import time
from functools import cache, lru_cache

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


@lru_cache(1)
def _revision(folder: str, second: int) -> tuple[str, bytes]:
    revision = _git("rev-parse", "HEAD")
    return revision, _git("diff", "HEAD").encode() if revision else b""


def describe_project(told: AttemptReport) -> None:
    """Adds the revision of the project in the working directory, and its uncommitted changes.

    Git runs once a second at most: it takes longer than a small stage.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was removed
        return
    revision, diff = _revision(folder, int(time.monotonic()))
    if revision:
        told.versions["git"] = revision
    if diff:
        told.versions["git diff"] = diff_digest(diff)
        told.diff = diff


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
