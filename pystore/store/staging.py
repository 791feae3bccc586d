"""Staging: the directory that one attempt fills, before it becomes a realization."""

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.attempt import Trace
from ..core.config import Config
from ..core.context import Context
from ..core.dataclasses import dataclass
from ..core.manifest import Manifest
from ..core.ports import StoreBuilder
from ..core.refs import DRef
from . import disk, locks, rights, tree
from .claim_text import Claim
from .descriptors import Kept
from .read_log import NAME, Reading, taken_over
from .scratch import Scratch

if TYPE_CHECKING:
    from .told import Telling, Told


@dataclass
class Staging:
    """An output directory and the attempt that it belongs to."""

    path: Path
    config: Config
    context: Context
    claim: Claim
    _lock: Kept | None = None  # its lock says that a living process uses the directory
    scratch: Scratch | None = None  # the directory that the attempt keeps between its tries
    resumed: int | None = None  # the number of the attempt whose scratch was taken over
    reading: Reading | None = None  # notes what the attempt reads
    telling: "Telling | None" = None  # the file of what the attempt tells
    told: "Told | None" = None  # what the attempt told before its process died
    witness: Kept | None = None  # its directory, open since before anything was written to it
    _read: tuple[dict[str, str] | None] | None = None  # what the attempt had read at its end

    @cached_property
    def out(self) -> Path:
        """Where the realizer writes."""
        return self.path / "out"

    @property
    def dref(self) -> DRef:
        """The derivation being realized."""
        return self.config.dref

    def noted(self) -> Reading:
        """The notes of what the attempt reads, with those of earlier tries."""
        if self.reading is None and self.scratch is not None:
            self.reading = taken_over(self.scratch.reads)
        elif self.reading is None:
            self.reading = Reading(f"{self.path}/{NAME}", new=True)
        return self.reading

    def keep_reads(self) -> None:
        """Moves the notes of what was read beside the scratch."""
        if self.reading is not None and self.scratch is not None:
            self.reading.stay(self.scratch.reads)

    def reads(self) -> dict[str, str] | None:
        """What the attempt has read of its inputs beyond their bytes; None if that is unknown."""
        if not self.context:
            return {}
        if self._read is not None:
            return self._read[0]
        return None if self.reading is None else self.reading.found()

    def end_reads(self) -> None:
        """Ends the notes of what was read, and removes their file from beside `out/`."""
        # Not again after a failed commit: more may have been read since, and noted nowhere.
        self._read = (self.reads() if self._read is None else None,)
        disk.remove_file(f"{self.path}/{NAME}")

    def end_telling(self) -> None:
        """Writes what the attempt told last: the realizer has ended."""
        if self.telling is not None:
            self.telling.end()

    @property
    def usage(self) -> Trace:
        """What the attempt took of the machine."""
        return [] if self.telling is None else self.telling.usage

    def forget_told(self) -> None:
        """Removes the file of what the attempt told: its record has it."""
        if self.telling is not None:
            self.telling.remove()

    def give_sign(self) -> None:
        """Sets the time of the directory: hosts that do not see its lock see that it is in use."""
        with suppress(OSError):
            os.utime(self.path)

    def manifest(self) -> Manifest:
        """The manifest of the files that have been written so far."""
        return tree.scan(self.out)

    def empty(self) -> None:
        """Empties the output directory, for another try."""
        tree.remove(self.out)
        rights.make_folder(self.out)

    def hold(self) -> None:
        """Claims the directory again, if the realizer has closed all files of its process."""
        if self._lock is not None and self._lock.status is None:
            self._lock.close()
            self._lock = locks.claim_folder(self.path)

    def close(self) -> None:
        """Gives up the claims on the directory and on the scratch."""
        if self.reading is not None:
            self.reading.close()
        if self.scratch is not None:
            self.scratch.close()
        if self._lock is not None:
            self._lock.close()

    def leave_to_user(self) -> bool:
        """Leaves the directory for its user, who may mend it and commit it again.

        Returns False, and removes it, when the realizer wrote nothing.
        """
        self.close()
        if not self.out.is_dir() or not os.listdir(self.out):
            tree.remove(self.path)
            return False
        return True

    def drop(self) -> None:
        """Removes the scratch, and the directory."""
        if self.scratch is not None:
            self.scratch.remove()
        self.discard()

    def discard(self) -> None:
        """Removes the directory, and only then gives up its claims."""
        try:
            tree.remove(self.path)
        finally:
            self.close()


Builder = StoreBuilder[Staging]  # the kind of store that the build loop works on


def make_folder(tmp: Path, dref: DRef) -> tuple[Path, Kept]:
    """A new staging directory, named after its derivation, and the open file that claims it."""
    path = f"{tmp}/{disk.fresh_name()}-{dref[5:]}"
    rights.make_folder(path)
    try:
        claim = locks.claim_folder(path, new=True)
        rights.make_folder(f"{path}/out")
    except BaseException:
        tree.remove(Path(path))
        raise
    return Path(path), claim


def lacking(config: Config, out: Path) -> list[str]:
    """The files that a config promises and a folder lacks."""
    return ["/".join(p) for p in config.promises if not os.path.lexists(out.joinpath(*p))]
