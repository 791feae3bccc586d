"""Descriptors that are closed after any interruption, and never confused with those of the user.

FD1  An exception at any instruction, as Ctrl-C raises one, leaves no descriptor open: no
    instruction of Python lies between opening one and noting it, nor between forgetting one and
    closing it; and one that nobody refers to any more is closed.
FD2  A kept descriptor is left alone when the user has closed it: its number may be that of a file
    of theirs now.
FD3  Only regular files are read, and a fifo is not waited for.
"""

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from operator import attrgetter

Name = str | bytes | os.PathLike[str]

_READ = os.O_RDONLY | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
KINDS = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a link",
}


class Irregular(OSError):
    """Something that is no regular file is in the place of a file."""


class Opened:
    """An open file. `with` gives its descriptor, and closes it."""

    __slots__ = ("__weakref__", "_end", "_held")

    def __init__(
        self, name: Name, flags: int, *, mode: int = 0o666, folder: int | None = None
    ) -> None:
        call = os.open if folder is None else partial(os.open, dir_fd=folder)
        self._take(map(call, (name,), (flags | os.O_CLOEXEC,), (mode,)))

    def _take(self, opening: Iterator[int]) -> None:
        self._held = held = [-1]
        # One call of a C function pops the number and closes it; -1 ends the iteration.
        self._end = partial(next, map(os.close, iter(held.pop, -1)), None)
        # One call of a C function opens it and notes the number: between two calls, a signal
        # handler may raise.
        held.extend(opening)

    # This runs when the last reference goes. In a method written in Python, an interruption would
    # be printed and lost.
    __del__ = property(attrgetter("_end"))

    @property
    def number(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._held[-1] if self._held else -1

    def close(self) -> None:
        """Makes sure that the file is closed."""
        self._end()

    def __enter__(self) -> int:
        return self._held[-1]

    def __exit__(self, *_: object) -> None:
        self._end()


class Kept(Opened):
    """A file that stays open while code of the user runs, which may close it."""

    __slots__ = ("_identity", "changed")

    changed: int  # when it was last changed, at the time it was opened [ns since the epoch]

    def __init__(
        self, name: Name, flags: int, *, mode: int = 0o666, folder: int | None = None
    ) -> None:
        super().__init__(name, flags, mode=mode, folder=folder)
        self._note()

    def _note(self) -> None:
        status = os.fstat(self.number)
        self._identity = status.st_dev, status.st_ino
        self.changed = status.st_mtime_ns

    @property
    def status(self) -> os.stat_result | None:
        """The status of the file; None when it is not open any more."""
        number = self.number
        if number < 0:
            return None
        try:
            status = os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return None
        return status if (status.st_dev, status.st_ino) == self._identity else None

    def close(self) -> None:
        """Makes sure that the file is closed, if the descriptor is still ours (FD2)."""
        if self.status is None:
            self._held[:] = [-1]
        self._end()

    def __exit__(self, *_: object) -> None:
        self.close()

    def forget(self) -> None:
        """Closes the file in a forked child. The parent keeps it open, with its lock."""
        self.close()


class Copy(Kept):
    """A second descriptor of an open file."""

    __slots__ = ()

    def __init__(self, number: int) -> None:
        self._take(map(os.dup, (number,)))
        self._note()


def open_folder(name: Name, folder: int | None = None) -> Opened:
    """An open directory; a link is refused."""
    return Opened(name, _FOLDER | os.O_NOFOLLOW, folder=folder)


def open_file(name: Name, folder: int | None = None, *, follow: bool = True) -> Opened:
    """A regular file, open to be read. Raises Irregular, and other OSErrors."""
    return open_status(name, folder, follow=follow)[0]


def open_sized(name: Name, folder: int | None = None, *, follow: bool = True) -> tuple[Opened, int]:
    """A regular file, open to be read, and its size [bytes]. Raises as `open_file`."""
    file, status = open_status(name, folder, follow=follow)
    return file, status.st_size


def open_status(
    name: Name, folder: int | None = None, *, follow: bool = True
) -> tuple[Opened, os.stat_result]:
    """A regular file, open to be read, and its status. Raises as `open_file`."""
    flags = _READ if follow else _READ | os.O_NOFOLLOW
    try:
        file = Opened(name, flags, folder=folder)
    except BlockingIOError:
        # Somebody holds a lease on the file, and is asked to give it up. It is safe to wait for a
        # regular file. Source: F_SETLEASE in fcntl(2).
        status = os.stat(name, dir_fd=folder, follow_symlinks=follow)
        if not stat.S_ISREG(status.st_mode):
            raise _irregular(name, status) from None
        file = Opened(name, flags & ~os.O_NONBLOCK, folder=folder)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ELOOP):
            raise
        raise _irregular(name, os.lstat(name, dir_fd=folder)) from None  # a socket, or a link
    status = os.fstat(file.number)
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise _irregular(name, status)
    return file, status


def _irregular(name: Name, status: os.stat_result) -> Irregular:
    kind = KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
    return Irregular(errno.EINVAL, f"no regular file, but {kind}", os.fsdecode(name))
