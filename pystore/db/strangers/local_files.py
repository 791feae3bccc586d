"""Local files that strangers name: those of one folder.

LX1  Nothing outside of the folder is opened, by links or by `..` neither, and nothing but files:
     no pipe that never ends, no device.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import FetchRefused, NotFetched

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_REMEDY = 'root="…" names the folder whose files may be read'


def local_path(url: str) -> str | None:
    """The path of a `file:` URL, or of a text that is no URL; None of other URLs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path)
    return url if not parts.scheme else None


@contextmanager
def opened(path: str, root: str) -> Iterator[int]:
    """A descriptor of the file of that path below `root`. Raises NotFetched."""
    try:
        folder = Path(root).resolve()
        real = (folder / path).resolve()
        if not real.is_relative_to(folder):
            raise FetchRefused("the path leads out of the root", remedy=_REMEDY)
        if not stat.S_ISREG(real.lstat().st_mode):  # to open a device may do something already
            raise FetchRefused("the path is that of no file", remedy="name a file")
        descriptor = _opened(folder, real.relative_to(folder).parts)
    except FileNotFoundError:
        raise NotFetched("no such file", remedy="check that the path is right") from None
    except (ValueError, RuntimeError):  # a NUL, a loop of links
        raise FetchRefused("no path of a file", remedy="check that the path is right") from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise NotFetched(f"the file cannot be read: {why}", remedy="look at its rights") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(folder: Path, parts: tuple[str, ...]) -> int:
    """Follows no link: whoever can write below the root may have made one since."""
    here = os.open(folder, _READ | os.O_DIRECTORY)
    for part in parts:
        try:
            below = os.open(part, _READ, dir_fd=here)
        finally:
            os.close(here)
        here = below
    if not stat.S_ISREG(os.fstat(here).st_mode):
        os.close(here)
        raise FetchRefused("the path is that of no file", remedy="name a file")
    return here
