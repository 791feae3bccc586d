"""Zip archives, read member by member."""

import stat
import zipfile
from pathlib import Path

from pystore.errors import UnsafeArchive

from .limits import Limits
from .unpacked import Unpacked

_CHUNK = 1 << 20  # [bytes]
_ENCRYPTED = 0x1


def unpack_zip(path: Path, into: Unpacked, limits: Limits) -> None:
    """Unpacks the zip archive at `path`.

    Raises UnsafeArchive, and zipfile.BadZipFile where the archive is damaged.
    """
    packed, count = path.stat().st_size, 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _check(member)
            # The name in the archive; `filename` would end at NUL.
            name = member.orig_filename
            if name.endswith("/"):
                into.folder(name)
                continue
            with (
                archive.open(member) as source,
                into.file(name, executable=bool(_mode(member) & 0o100)) as file,
            ):
                while chunk := source.read(_CHUNK):
                    count += len(chunk)
                    limits.check_bytes(count, packed)
                    file.write(chunk)


def _mode(member: zipfile.ZipInfo) -> int:
    return member.external_attr >> 16


def _check(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(_mode(member))
    problem = ""
    if member.flag_bits & _ENCRYPTED:
        problem = "an encrypted file"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "a link or a special file"
    elif "\\" in member.orig_filename:
        problem = "a name with a backslash"
    if problem:
        raise UnsafeArchive(
            f"the archive holds {problem}",
            member=ascii(member.orig_filename)[:200],
            remedy="do not trust it; if it is yours, pack it again without this, or as a tar",
        )
