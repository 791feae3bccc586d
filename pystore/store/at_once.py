"""At once: reads many small files, with a few calls for many of them.

AE1  Each file comes whole, with the content that `disk.read` gives. Where one is no plain small
     file, or is not there, nothing comes from there on: who asked reads the rest one by one.
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

Read = tuple[int, bytes]  # the mode of a file, and its content

_T = TypeVar("_T")

_SMALL = 1 << 16  # [bytes]
_SHORT = 1 << 13  # [bytes]
_READ = os.O_RDONLY | os.O_NONBLOCK
_mode = attrgetter("st_mode")
_size = attrgetter("st_size")


class NotPlainError(Exception):
    """A file must be read in another way."""


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
    """The files at these paths, in their order. Raises NotPlainError (AE1)."""
    flags = _READ if follow else _READ | os.O_NOFOLLOW
    for start in range(0, len(paths), MOST):
        yield from _gathered(_read, paths[start : start + MOST], flags)


def texts(paths: Sequence[str]) -> Iterator[bytes]:
    """The contents of regular files of which the caller knows that they are regular; as `read`."""
    for start in range(0, len(paths), MOST):
        yield from _gathered(_read_texts, paths[start : start + MOST], _READ)


def _gathered(
    function: Callable[[list[int]], Iterable[_T]], paths: Sequence[str], flags: int
) -> Iterable[_T]:
    try:
        opened = _Opened(paths, flags)
        try:
            return function(opened.numbers)
        finally:
            opened.close()
    except OSError:
        raise NotPlainError from None


def _read(numbers: list[int]) -> Iterable[Read]:
    statuses = list(map(os.fstat, numbers))
    modes, sizes = list(map(_mode, statuses)), list(map(_size, statuses))
    if max(sizes) >= _SMALL or not all(map(stat.S_ISREG, modes)):
        raise NotPlainError
    # One byte more than there should be: so a file that grows is noticed.
    contents = list(map(os.read, numbers, [size + 1 for size in sizes]))
    if list(map(len, contents)) != sizes:
        raise NotPlainError
    return zip(modes, contents, strict=True)


def _read_texts(numbers: list[int]) -> Iterable[bytes]:
    contents = list(map(os.read, numbers, repeat(_SHORT)))
    if max(map(len, contents)) == _SHORT:
        raise NotPlainError  # there may be more of it
    return contents
