"""Fifos, by which tests and workers wait for each other; and whether processes have ended."""

import os
import select
from contextlib import suppress
from pathlib import Path


class Fifo:
    """A place where one process waits for the word of another."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)

    def heard(self) -> list[int]:
        """What the other says, as numbers; waits for it."""
        return [int(word) for word in Path(self.path).read_text().split()]

    def say(self) -> None:
        """Lets go who waits."""
        Path(self.path).write_text("go\n")


def gone(*pids: int) -> bool:
    """Whether these processes end, within seconds."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            if not select.select([descriptor], [], [], 10)[0]:
                return False
            os.close(descriptor)
    return True
