"""Fifos, by which tests and workers wait for each other; and whether processes have ended."""

import os
import select
from contextlib import suppress
from pathlib import Path

_PATIENCE = 60  # [s]


def heard(fifo: str | Path) -> str:
    """What is written to a fifo until its writer closes it.

    Raises TimeoutError when nobody does: whose word is waited for may have died.
    """
    said = b""
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as end:  # noqa: PTH123 - a descriptor
        while select.select([end], [], [], _PATIENCE)[0]:
            part = end.read(4096)
            if not part:
                return said.decode()
            said += part
    raise TimeoutError(f"nobody has written to {fifo} and closed it")


class Fifo:
    """A place where one process waits for the word of another."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)

    def heard(self) -> list[int]:
        """What the other says, as numbers; waits for it."""
        return [int(word) for word in heard(self.path).split()]

    def say(self) -> None:
        """Lets go who waits."""
        Path(self.path).write_text("go\n")


def gone(*pids: int) -> bool:
    """Whether these processes end soon."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if not select.select([descriptor], [], [], _PATIENCE)[0]:
                    return False
            finally:
                os.close(descriptor)
    return True
