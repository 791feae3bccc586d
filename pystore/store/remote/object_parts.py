"""Parts: the bytes of a tree, cut into objects of at most 16 MiB.

PA1  The parts follow from the manifest alone.
PA2  Small files share a part, so that ten thousand of them are a handful of objects.
PA3  A large file has parts of its own. They are the same in another tree with this file, and a
    transfer that broke off need not send again the parts that arrived.
"""

from collections.abc import Iterator

from ...core.dataclasses import dataclass
from ...core.manifest import Manifest

SIZE = 16 << 20  # [bytes] of the largest part
LARGE = 4 << 20  # [bytes] from which on a file has parts of its own


@dataclass(frozen=True)
class Slice:
    """Consecutive bytes of one file."""

    path: bytes
    offset: int
    size: int  # [bytes]


@dataclass(frozen=True)
class Part:
    """One object: slices of files, one after the other."""

    slices: tuple[Slice, ...]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return sum(piece.size for piece in self.slices)


def parts_of(manifest: Manifest) -> Iterator[Part]:
    """The parts of a tree, in the order of its files."""
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
