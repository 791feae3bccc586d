"""Opened: descriptors that are closed whatever interrupts us, and that are never another's.

FD1  An exception at any instruction, as Ctrl-C raises one, leaves no descriptor open: no
    instruction of Python lies between opening one and noting it, nor between forgetting one and
    closing it; and one that nobody refers to any more is closed.
FD2  A kept descriptor that the user has closed, and may have opened again for a file of their own,
    is left alone.
FD3  Who reads waits for no writer of a fifo, and takes regular files only.
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
    """Something else is in the place of a file."""


class Opened:
    """An open file. `with` gives its number, and closes it."""

    __slots__ = ("__weakref__", "_end", "_held")

    def __init__(
        self, name: Name, flags: int, *, mode: int = 0o666, folder: int | None = None
    ) -> None:
        call = os.open if folder is None else partial(os.open, dir_fd=folder)
        self._take(map(call, (name,), (flags | os.O_CLOEXEC,), (mode,)))

    def _take(self, opening: Iterator[int]) -> None:
        self._held = held = [-1]
        # One call of C's pops the number and closes it; -1 ends the iteration.
        self._end = partial(next, map(os.close, iter(held.pop, -1)), None)
        # One call of C's opens it and notes the number: between two, a handler may raise.
        held.extend(opening)

    # Who loses the last reference calls this. A method would be code of Python's: an interruption
    # of it would be printed and lost.
    __del__ = property(attrgetter("_end"))

    @property
    def number(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._held[-1] if self._held else -1

    def close(self) -> None:
        """Makes sure that it is closed."""
        self._end()

    def __enter__(self) -> int:
        return self._held[-1]

    def __exit__(self, *_: object) -> None:
        self._end()


class Kept(Opened):
    """One that stays open while code of the user runs, which may close it."""

    __slots__ = ("_identity",)

    def __init__(
        self, name: Name, flags: int, *, mode: int = 0o666, folder: int | None = None
    ) -> None:
        super().__init__(name, flags, mode=mode, folder=folder)
        self._note()

    def _note(self) -> None:
        status = os.fstat(self.number)
        self._identity = status.st_dev, status.st_ino

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
        """Makes sure that it is closed, if it is ours still (FD2)."""
        if self.status is None:
            self._held[:] = [-1]
        self._end()

    def __exit__(self, *_: object) -> None:
        self.close()

    def forget(self) -> None:
        """In a forked child: closes it. The parent has it still, with its lock."""
        self.close()


class Copy(Kept):
    """A second descriptor of what one is open for."""

    __slots__ = ()

    def __init__(self, number: int) -> None:
        self._take(map(os.dup, (number,)))
        self._note()


def open_folder(name: Name, folder: int | None = None) -> Opened:
    """A directory that is no link."""
    return Opened(name, _FOLDER | os.O_NOFOLLOW, folder=folder)


def open_file(name: Name, folder: int | None = None, *, follow: bool = True) -> Opened:
    """A regular file, to be read. Raises Irregular, and other OSErrors."""
    return open_sized(name, folder, follow=follow)[0]


def open_sized(name: Name, folder: int | None = None, *, follow: bool = True) -> tuple[Opened, int]:
    """The same, and its size [bytes]."""
    flags = _READ if follow else _READ | os.O_NOFOLLOW
    try:
        file = Opened(name, flags, folder=folder)
    except BlockingIOError:
        # Somebody holds a lease on it, and is asked to give that up: for a regular file it is safe
        # to wait. Source: F_SETLEASE in fcntl(2).
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
    return file, status.st_size


def _irregular(name: Name, status: os.stat_result) -> Irregular:
    kind = KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
    return Irregular(errno.EINVAL, f"no regular file, but {kind}", os.fsdecode(name))
