"""Tar headers and Zstandard frames, checked while an untrusted file is read."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO

__all__ = ["CheckedMember", "ZstdReader", "members", "open_tar"]

_FEED = 4096  # [bytes]; a Zstandard block may turn 4 bytes into 128 KiB, so this bounds the memory


class CheckedMember(tarfile.TarInfo):
    """A member of a tar whose header is checked before the reader acts on it."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> "CheckedMember":
        """The member that a header describes. Raises tarfile.HeaderError, and what `check` does."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if len(buf) in (0, tarfile.BLOCKSIZE) and not any(buf):
                raise  # the end
            # Anywhere but at the start, the reader would take this for the end.
            raise tarfile.ReadError("not the header of a member") from None
        cls.check(member)
        return member

    @classmethod
    def check(cls, member: tarfile.TarInfo) -> None:
        """Raises an error to refuse this header; a subclass says which ones it refuses."""


def open_tar(stream: Any, member_type: type[CheckedMember]) -> tarfile.TarFile:
    """A tar that is read once, by the method `read` of a stream, to its end."""
    return tarfile.open(
        fileobj=stream,
        mode="r|",
        tarinfo=member_type,
        encoding="utf-8",
        errors="surrogateescape",
        errorlevel=2,
    )


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, each forgotten after its turn, so that memory does not grow."""
    while (member := archive.next()) is not None:
        vars(archive)["members"] = []
        yield member


class ZstdReader(io.RawIOBase):
    """The content of Zstandard frames, one after the other; with `single`, of one frame only.

    Unlike the reader of the package zstandard, it notices a file that was cut: reading raises
    EOFError. It raises ValueError for damage, and for bytes after a single frame.
    """

    def __init__(self, file: BinaryIO, *, single: bool = False) -> None:
        import zstandard

        self.count = 0  # [bytes] that were read
        self._file = file
        self._single = single
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._frame: Any = self._new_frame()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fills `buffer` with what is ready: at least one byte, none at the end."""
        while not self._ready:
            if not self._advance():
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        self.count += size
        return size

    def _advance(self) -> bool:
        packed = rest = self._file.read(_FEED)
        if not packed and not self._frame.eof:
            raise EOFError("the file ends in the middle of a frame")
        ready = b""
        while rest:
            if self._frame.eof and self._single:
                raise ValueError("something follows the archive")
            if self._frame.eof:
                self._frame = self._new_frame()
            try:
                ready += self._frame.decompress(rest)
            except self._error as error:
                raise ValueError(str(error)) from None
            rest = self._frame.unused_data if self._frame.eof else b""
        self._ready = memoryview(ready)
        return bool(packed)
