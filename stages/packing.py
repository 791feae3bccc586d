"""Packings: reading a compressed file as the bytes that were compressed."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from .limits import Limits

# One block of zstd may turn 4 bytes into 128 KiB: this is what bounds the memory.
_ZSTD_FEED = 4096  # [bytes]


def open_packed(path: Path, packing: str) -> BinaryIO:
    """The bytes of a file that was compressed with `packing`; with "", as they are.

    Reading raises EOFError when the file was cut off.
    """
    return _OPEN[packing](path)


class Metered:
    """A stream whose bytes are counted as they come out, against the limits."""

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


def _open_gz(path: Path) -> BinaryIO:
    import gzip

    return cast("BinaryIO", gzip.open(path))


def _open_bz2(path: Path) -> BinaryIO:
    import bz2

    return cast("BinaryIO", bz2.open(path))


def _open_xz(path: Path) -> BinaryIO:
    import lzma

    return cast("BinaryIO", lzma.open(path))


def _open_zst(path: Path) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Zstd(path.open("rb")), 1 << 17))


def _open_plain(path: Path) -> BinaryIO:
    return path.open("rb")


_OPEN: dict[str, Callable[[Path], BinaryIO]] = {
    "": _open_plain,
    "gz": _open_gz,
    "bz2": _open_bz2,
    "xz": _open_xz,
    "zst": _open_zst,
}


class _Zstd(io.RawIOBase):
    """Zstandard frames, one after the other; unlike zstandard's own reader, it notices a cut."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._file = file
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._frame: Any = self._new_frame()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fills `buffer` with what there is, at least a byte until the end."""
        while not self._ready:
            if not self._advance():
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _advance(self) -> bool:
        packed = rest = self._file.read(_ZSTD_FEED)
        if not packed and not self._frame.eof:
            raise EOFError("the file ends in the middle of a frame")
        ready = b""
        while rest:
            if self._frame.eof:
                self._frame = self._new_frame()
            try:
                ready += self._frame.decompress(rest)
            except self._error as error:
                raise ValueError(str(error)) from None
            rest = self._frame.unused_data if self._frame.eof else b""
        self._ready = memoryview(ready)
        return bool(packed)
