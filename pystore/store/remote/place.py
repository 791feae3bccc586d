"""Place: where the objects of a remote are stored; here, a folder.

PL1  An object is seen whole or not at all, under the name that it was given.
PL2  Reading takes a limit: a service that lies about a size cannot fill the memory.
PL3  A missing object is a FileNotFoundError; everything else that goes wrong is a FetchError or a
    BadPlace, whatever the service raises. The error of the service is not chained: it may hold a
    password.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from .. import disk
from ..home import expanded
from .place_errors import as_our_error

Options = Mapping[str, Any]


class Place(Protocol):
    """Objects under names of several steps, parted by slashes."""

    url: str  # as it may be shown
    workers: int  # threads that may use it at the same time
    patience: float | None  # [s] for one object, if whoever asks says nothing
    read_only: bool  # whether nothing can be pushed there

    def read(self, name: str, most: int) -> bytes:
        """The object, of a longer one its first `most` bytes. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """Puts an object (PL1), over one that is there."""

    def size(self, name: str) -> int | None:
        """How long an object is [bytes]; None where there is none."""

    def names(self, folder: str) -> list[str]:
        """What is in a folder; nothing where there is none."""

    def stop(self) -> None:
        """Ends what is under way, where that can be: nobody waits for it any more."""


class FolderPlace:
    """A folder of this machine, or of one whose disk is mounted here."""

    workers = 4
    patience: float | None = None
    read_only = False

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(expanded(root)))
        self.url = str(self.root)

    def read(self, name: str, most: int) -> bytes:
        """The object."""
        path = self.root / name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(name)  # a fifo would keep us waiting
            with path.open("rb") as file:
                return file.read(min(most, status.st_size))
        except NotADirectoryError:
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Puts an object by one rename, and durably so."""
        path = self.root / name
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            disk.publish(str(path), content, tmp=path.parent, durable=True)
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def size(self, name: str) -> int | None:
        """How long an object is."""
        try:
            return (self.root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def stop(self) -> None:
        """Nothing: a disk answers, or hangs for everybody."""
