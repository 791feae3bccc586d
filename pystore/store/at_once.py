"""At once: reads many small files, with a few calls for many of them.

AE1  Each file comes whole, with the content that `disk.read` gives; or None comes in its place,
     where it is no plain small file. Where one cannot be opened, nothing comes from there on: who
     asked reads the rest one by one.
AE2  An interruption leaves no descriptor open, as with `descriptors.Opened`.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import TypeVar

MOST = 32  # files that are open at one time

Read = tuple[int, bytes | None]  # the mode of a file, and its content

_T = TypeVar("_T")

_SMALL = 1 << 16  # [bytes]
_SHORT = 1 << 13  # [bytes]
_READ = os.O_RDONLY | os.O_NONBLOCK
_mode = attrgetter("st_mode")
_size = attrgetter("st_size")


class NotAtOnceError(Exception):
    """The other files must be read one by one."""


class _Opened:
    """Some open files. As in `Opened`, one call of a C function opens them and notes them."""

    __slots__ = ("__weakref__", "_held", "close")

    def __init__(self, paths: Sequence[str], flags: int) -> None:
        self._held = held = [-1]
        self.close: partial[object] = partial(deque, map(os.close, iter(held.pop, -1)), 0)
        held.extend(map(os.open, paths, repeat(flags | os.O_CLOEXEC)))

    __del__ = property(attrgetter("close"))

    @property
    def numbers(self) -> list[int]:
        """The descriptors, in the order of the paths."""
        return self._held[1:]


def read(paths: Sequence[str], *, follow: bool = True) -> Iterator[Read]:
    """The files at these paths, in their order. Raises NotAtOnceError (AE1)."""
    flags = _READ if follow else _READ | os.O_NOFOLLOW
    return _in_batches(_read, paths, flags)


def texts(paths: Sequence[str]) -> Iterator[bytes | None]:
    """The contents of short files of which the caller knows that they are regular; as `read`."""
    return _in_batches(_read_texts, paths, _READ)


def _in_batches(
    function: Callable[[list[int]], Iterable[_T]], paths: Sequence[str], flags: int
) -> Iterator[_T]:
    for start in range(0, len(paths), MOST):
        try:
            opened = _Opened(paths[start : start + MOST], flags)
            try:
                found = function(opened.numbers)
            finally:
                opened.close()
        except OSError:
            raise NotAtOnceError from None
        yield from found


def _read(numbers: list[int]) -> Iterable[Read]:
    statuses = list(map(os.fstat, numbers))
    modes, sizes = list(map(_mode, statuses)), list(map(_size, statuses))
    if max(sizes) >= _SMALL or not all(map(stat.S_ISREG, modes)):
        return list(map(_read_one, numbers, modes, sizes))
    # One byte more than there should be: so a file that grows is noticed.
    contents = list(map(os.read, numbers, [size + 1 for size in sizes]))
    if list(map(len, contents)) != sizes:
        raise NotAtOnceError
    return zip(modes, contents, strict=True)


def _read_one(number: int, mode: int, size: int) -> Read:
    if size >= _SMALL or not stat.S_ISREG(mode):
        return mode, None
    content = os.read(number, size + 1)
    return mode, content if len(content) == size else None


def _read_texts(numbers: list[int]) -> Iterable[bytes | None]:
    contents = list(map(os.read, numbers, repeat(_SHORT)))
    return [content if len(content) < _SHORT else None for content in contents]
