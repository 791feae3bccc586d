"""Scratch: a directory beside an attempt that survives its failure, for checkpoints.

It is no part of the output, and is removed when the attempt succeeds. The next try of the same
(derivation, context) takes it over: an attempt that died goes on under its own number; an attempt
whose failure was recorded goes on as a new attempt with the same seed.
"""

import os
from contextlib import suppress
from pathlib import Path

from ..core.config import Config
from ..core.context import Context
from ..core.dataclasses import dataclass
from . import attempts, disk, locks, moving, read_log, rights, tree
from .claim_text import Claim
from .descriptors import Kept
from .parts import Parts

SUFFIX = ".scratch"


@dataclass
class Scratch:
    """A scratch directory that this process holds."""

    path: str
    claim: Kept  # its lock says that a living process uses the directory

    @property
    def reads(self) -> str:
        """The path of the file in which the attempt notes what it reads."""
        return _reads_of(self.path)

    def close(self) -> None:
        """Gives the directory up, for the next try."""
        self.claim.close()

    def move(self, folder: str, context: str, number: int) -> None:
        """Gives the directory to another attempt."""
        path, reads = path_of(folder, context, number), self.reads
        moving.move(Path(self.path), Path(path))
        self.path = path
        with suppress(FileNotFoundError):  # an older version noted nothing
            os.rename(reads, self.reads)
        status = self.claim.status
        if status is None or not os.path.samestat(status, os.stat(path)):  # it was copied
            self.close()
            self.claim = locks.claim_folder(path)

    def remove(self) -> None:
        """Removes the directory: the attempt has succeeded."""
        disk.remove_file(self.reads)
        tree.remove(Path(self.path))
        self.close()


def path_of(folder: str, context: str, number: int) -> str:
    """The path of the scratch directory of an attempt."""
    return f"{folder}/{context}.{number}{SUFFIX}"


def make(folder: str, context: str, number: int) -> Scratch:
    """The scratch directory of a running attempt, held by this process."""
    path = path_of(folder, context, number)
    rights.ensure_folder(path)
    held = _hold(path)
    if held is None:
        raise BlockingIOError(f"another process holds {path}")
    return held


def abandoned(
    folder: str, context: str, seed: int | None, listed: list[str]
) -> tuple[int, Scratch] | None:
    """The number and the scratch of the latest attempt (with this seed) that left a scratch.

    This process holds the scratch then. `listed` are the names in the folder.
    """
    kept = set(attempts.numbers_in(listed, context, "scratch"))
    for number in set(attempts.numbers_in(listed, context, "reads")) - kept:
        # A process was killed as it moved a scratch, or a user put a file there.
        tree.remove(Path(_reads_of(path_of(folder, context, number))))
    for number in sorted(kept, reverse=True):
        if seed is not None and attempts.read_begin(folder, context, number).get("seed") != seed:
            continue
        if held := _hold(path_of(folder, context, number)):
            ended = attempts.read_record(folder, context, number)
            if ended is None or not ended.succeeded:
                return number, held
            held.remove()  # killed after its success, before it removed its scratch
    return None


@dataclass(frozen=True)
class Left:
    """The scratch that an attempt left, and the attempt that goes on with it."""

    claim: Claim
    held: Scratch
    number: int  # of the attempt that left it


def take_over(
    parts: Parts,
    config: Config,
    context: Context,
    staging: str,
    seed: int | None,
    listed: list[str],
) -> Left | None:
    """Goes on with the latest attempt that left a scratch, if there is one (with this seed)."""
    folder, tmp = parts.layout.attempts(config.dref), parts.tmp
    found = abandoned(folder, context.digest, seed, listed)
    if found is None:
        return None
    number, held = found
    ended, claimed = attempts.read_record(folder, context.digest, number), None
    if ended is None:
        now = parts.clock()
        claimed = attempts.claim_again(folder, context, number, staging, tmp, now)
    if claimed is None:
        claimed = attempts.claim(
            folder, config.dref, context, staging,
            clock=parts.clock, tmp=tmp, seed=ended.seed if ended else seed, salt=parts.salt,
        )  # fmt: skip
        held.move(folder, context.digest, claimed.number)
    return Left(claimed, held, number)


def _reads_of(path: str) -> str:
    return path.removesuffix(SUFFIX) + read_log.SUFFIX


def _hold(path: str) -> Scratch | None:
    try:
        return Scratch(path, locks.claim_folder(path))
    except (FileNotFoundError, NotADirectoryError, BlockingIOError):
        return None
