"""Reading a compressed file as its content, within limits."""

from importlib import import_module
from pathlib import Path
from typing import BinaryIO, cast

from pystore.archives import ZstdReader

from .limits import Limits

# Imported when a file needs them: a Python may be built without some of them.
_MODULES = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}


def open_packed(path: Path, packing: str) -> BinaryIO:
    """The content of a file that was compressed with `packing` (gz, bz2, xz, zst; "" for none).

    Reading raises EOFError when the file was cut off.
    """
    if not packing:
        return path.open("rb")
    if packing == "zst":
        return cast("BinaryIO", ZstdReader(path.open("rb")))
    return cast("BinaryIO", import_module(_MODULES[packing]).open(path))


class Metered:
    """A stream that checks the count of its bytes against the limits as they are read."""

    def __init__(self, stream: BinaryIO, limits: Limits, packed: int) -> None:
        self._stream = stream
        self._limits = limits
        self._packed = packed  # [bytes] of the archive
        self._count = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes. Raises UnsafeArchive when the limits are reached."""
        chunk = self._stream.read(size)
        self._count += len(chunk)
        self._limits.check_bytes(self._count, self._packed)
        return chunk
