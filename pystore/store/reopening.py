"""Reopening: the output of a failed attempt, which its user may mend and commit again (S6)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..core.config import Config
from ..core.context import Context
from ..core.errors import BadRef, BuildError, NotInStore
from ..core.refs import DRef, RRef
from . import attempts, locks
from .beginning import claim
from .descriptors import Kept
from .layout import well_formed
from .parts import Parts
from .read_log import NAME
from .reader import Reader
from .staging import Staging


def reopen(parts: Parts, path: Path) -> Staging:
    """The staging that a failed attempt left, as a new attempt with its seed.

    The name of the directory names the derivation, and the latest claim that names the directory
    has the context and the seed. So an attempt needs to write nothing when a disk is full.

    Raises BuildError when the staging is not of this store, or another process has claimed it.
    """
    with parts.session.open_gate():  # gc takes what nobody has claimed
        held = _hold(path)
        try:
            config, context, seed = _made_for(parts, path)
            parts.shared_files.unshare(path / "out")
            claimed = claim(parts, config.dref, context, path.name, seed=seed)
        except BaseException:
            held.close()
            raise
    staging = Staging(path, config, context, claimed, held)
    if os.path.exists(path / NAME):  # else the record of the attempt may say what it has read
        staging.noted()
    return staging


def left(parts: Parts) -> Iterator[tuple[DRef, Path]]:
    """The stagings that failed attempts left in the store, with their derivations.

    Those of attempts that run are not among them.
    """
    for area in sorted({parts.tmp, parts.staging_area}):
        for name in sorted(attempts.names(str(area))):
            for dref in well_formed(DRef, [f"dref:{name[33:]}"] if name[32:33] == "-" else []):
                path = area / name
                with suppress(FileNotFoundError, PermissionError):
                    if (path / "out").is_dir() and not locks.in_use(path):
                        yield dref, path


def give_back(parts: Parts, staging: Staging) -> None:
    """Leaves a reopened staging for another try, and takes back its number: nothing has run."""
    folder = parts.layout.attempts(staging.dref)
    attempts.unclaim(folder, staging.context.digest, staging.claim.number)
    leave_to_user(parts, staging)


def leave_to_user(parts: Parts, staging: Staging) -> bool:
    """Leaves a staging to its user, with files of its own; returns whether it holds anything."""
    with suppress(OSError):  # no room: its files stay sealed, and `reopen` does it
        parts.shared_files.unshare(staging.out)
    return staging.leave_to_user()


def _hold(path: Path) -> Kept:
    try:
        return locks.claim_folder(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _not_kept(path, str(error)) from None
    except BlockingIOError:
        raise BuildError(
            "another process is committing this staging", path=path, remedy="wait for it"
        ) from None


def _made_for(parts: Parts, path: Path) -> tuple[Config, Context, int]:
    try:
        config = Reader(parts).config(DRef(f"dref:{path.name[33:]}"))
    except (BadRef, NotInStore) as error:
        raise _not_kept(path, error.what) from None
    begin = attempts.claimed_for(parts.layout.attempts(config.dref), path.name)
    if not begin:
        raise _not_kept(path, "no attempt claims it")
    inputs = {DRef(d): [RRef(r) for r in rrefs] for d, rrefs in begin["inputs"].items()}
    return config, Context(inputs), int(begin["seed"])


def _not_kept(path: Path, because: str) -> BuildError:
    return BuildError(
        "not the staging of a failed attempt of this store",
        path=path,
        because=because,
        remedy="give the path that the error message of the attempt named",
    )
