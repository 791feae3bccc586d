"""Kinds of archives by their names, and unpacking an archive within limits.

UA1  Nothing is written outside of the folder, and nothing in it is replaced.
UA2  The limits hold for the bytes that come out; sizes in headers are not trusted.
UA3  An archive that is refused, or damaged, leaves nothing behind.
"""

import os
import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from pystore.errors import BadStage, UnsafeArchive

from .limits import Limits
from .packing import Metered, open_packed
from .unpacked import Unpacked

_CHUNK = 1 << 20  # [bytes]

_TARS = {
    ".tar": "", ".tar.gz": "gz", ".tgz": "gz", ".tar.bz2": "bz2", ".tbz2": "bz2", ".tbz": "bz2",
    ".tar.xz": "xz", ".txz": "xz", ".tar.zst": "zst", ".tzst": "zst",
}  # fmt: skip
_FILES = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}


@dataclass(frozen=True)
class ArchiveName:
    """The kind of an archive, by its name."""

    form: str  # "tar", "zip", or "file": a single file
    packing: str  # "gz", "bz2", "xz", "zst" or ""
    stem: str  # the name without the suffix


def parse_archive_name(filename: str) -> ArchiveName | None:
    """The kind of an archive by its name; None when it is not the name of one."""
    tables = (("tar", _TARS), ("zip", {".zip": ""}), ("file", _FILES))
    for form, suffixes in tables:
        for suffix, packing in suffixes.items():
            if filename.lower().endswith(suffix) and len(filename) > len(suffix):
                return ArchiveName(form, packing, filename[: -len(suffix)])
    return None


def check_archive_name(filename: str, remedy: str) -> ArchiveName:
    """The kind of an archive by its name. Raises BadStage when it is not the name of one."""
    found = parse_archive_name(filename)
    if found is None:
        raise BadStage(
            "this file cannot be unpacked: its name does not end as that of an archive",
            filename=filename,
            archives=" ".join([*_TARS, ".zip", *_FILES]),
            remedy=remedy,
        )
    return found


def unpack_archive(path: Path, out: Path, limits: Limits, *, keep: Path | None = None) -> None:
    """Unpacks the archive at `path` into the directory `out`, which may hold `keep` already.

    Raises UnsafeArchive when the archive is damaged, reaches outside, or grows beyond the limits;
    then `out` is empty.
    """
    kind = check_archive_name(path.name, remedy="rename it")
    into = Unpacked(out, limits, taken=[keep.name] if keep else [])
    try:
        _unpack(path, kind, into, limits)
        into.finish()
    except BaseException as error:
        _empty(out)
        if _is_damage(error):
            raise UnsafeArchive(
                "the archive cannot be read",
                archive=path.name,
                because=f"{type(error).__name__}: {error}"[:300],
                remedy="is it whole, and is it what its name says?",
            ) from error
        raise


def _unpack(path: Path, kind: ArchiveName, into: Unpacked, limits: Limits) -> None:
    if kind.form == "zip":
        from .zips import unpack_zip  # late for weight: zipfile

        return unpack_zip(path, into, limits)
    size = path.stat().st_size
    if not size:
        raise EOFError("the file is empty")
    with open_packed(path, kind.packing) as stream:
        metered = Metered(stream, limits, size)
        if kind.form == "tar":
            from .tars import unpack_tar  # late for weight: tarfile

            return unpack_tar(metered, into)
        with into.file(kind.stem, executable=False) as file:
            while chunk := metered.read(_CHUNK):
                file.write(chunk)


def _is_damage(error: BaseException) -> bool:
    from lzma import LZMAError
    from tarfile import TarError
    from zipfile import BadZipFile

    damage = (
        TarError, BadZipFile, LZMAError, zlib.error, struct.error, EOFError, ValueError,
        NotImplementedError, RecursionError, OverflowError,
    )  # fmt: skip
    # The readers of gzip and bzip2 raise an OSError without a number.
    return isinstance(error, damage) or (isinstance(error, OSError) and error.errno is None)


def _empty(out: Path) -> None:
    for entry in os.scandir(out):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
