"""Parts: a tree's bytes cut into objects of at most 16 MiB.

PA1  The manifest alone says how: writer and reader need to agree on nothing else.
PA2  Small files lie together, so that ten thousand of them are a handful of objects.
PA3  A large file is cut by itself: where it recurs in another tree, so do its objects; where its
    transfer broke off, the objects that arrived need not be sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ...core.manifest import Manifest

SIZE = 16 << 20  # [bytes] of the largest part
LARGE = 4 << 20  # [bytes] from which on a file is cut by itself


@dataclass(frozen=True)
class Slice:
    """Consecutive bytes of one file."""

    path: bytes
    offset: int
    size: int  # [bytes]


@dataclass(frozen=True)
class Part:
    """One object: slices of files, one behind the other."""

    slices: tuple[Slice, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(piece.size for piece in self.slices)


def parts_of(manifest: Manifest) -> Iterator[Part]:
    """The parts of a tree, in their order."""
    small: list[Slice] = []
    size = 0
    for entry in manifest.entries:
        if entry.size >= LARGE:
            for offset in range(0, entry.size, SIZE):
                yield Part((Slice(entry.path, offset, min(SIZE, entry.size - offset)),))
        elif entry.size:
            if size + entry.size > SIZE:
                yield Part(tuple(small))
                small, size = [], 0
            small.append(Slice(entry.path, 0, entry.size))
            size += entry.size
    if small:
        yield Part(tuple(small))
