"""Place: the protocol of what stores the objects of a remote, and a folder that does so.

PL1  A reader sees an object whole or not at all.
PL2  Reading takes a limit, so that a service that lies about a size cannot fill the memory.
PL3  A missing object is a FileNotFoundError, any other failure a FetchError or a BadPlace. The
    error of a service is not chained, since it may hold a password.
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
    """Objects under names with slashes."""

    url: str  # without secrets
    workers: int  # threads that may use the place at the same time
    patience: float | None  # [s] for one object, unless the caller has a limit of its own
    read_only: bool

    def read(self, name: str, most: int) -> bytes:
        """The object, or its first `most` bytes if it is longer. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """Stores an object in place of an earlier one (PL1)."""

    def size(self, name: str) -> int | None:
        """The size of an object [bytes]; None where there is none."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none where there is no such folder."""

    def stop(self) -> None:
        """Ends the transfers that can be ended; nobody waits for them any more."""


class FolderPlace:
    """A folder on a disk, of this machine or mounted here."""

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
                raise FileNotFoundError(name)  # reading a fifo would block
            with path.open("rb") as file:
                return file.read(min(most, status.st_size))
        except NotADirectoryError:
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Stores an object by one rename, durably."""
        path = self.root / name
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            disk.publish(str(path), content, tmp=path.parent, durable=True)
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def size(self, name: str) -> int | None:
        """The size of an object."""
        try:
            return (self.root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def names(self, folder: str) -> list[str]:
        """The names in a folder."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise as_our_error(self.url, error) from error

    def stop(self) -> None:
        """Does nothing: reading from a disk cannot be ended."""
