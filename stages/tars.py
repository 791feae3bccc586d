"""Tar archives, read as a stream.

The standard library's `data` filter checks each member. `Unpacked` refuses what that filter cannot
know: sizes, names that collide, links that later members go through.
"""

import tarfile
from pathlib import Path
from typing import Never

from pystore.archives import CheckedMember, members, open_tar
from pystore.errors import UnsafeArchive

from .packing import Metered
from .unpacked import Unpacked, steps_of

_CHUNK = 1 << 20  # [bytes]
_HEADER = 1 << 15  # [bytes] of an extended header, which the reader takes into memory

_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


def unpack_tar(stream: Metered, into: Unpacked) -> None:
    """Unpacks the tar archive in `stream`.

    Raises UnsafeArchive, and tarfile.TarError where the archive is damaged.
    """
    with open_tar(stream, _Member) as archive:
        for member in members(archive):
            _put(archive, member, into)
    while stream.read(_CHUNK):
        pass  # the bytes after the end must still match the checksum of the compression


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Unpacked) -> None:
    _ask_filter(member, into.root)
    if member.isdir():
        into.folder(member.name)
    elif member.issym():
        into.link(member.name, member.linkname)
    elif member.islnk():
        into.hard_link(member.name, member.linkname)
    elif member.isreg() and not member.issparse():
        _put_file(archive, member, into)
    else:
        raise _refused("a special or sparse file", member.name)


def _put_file(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Unpacked) -> None:
    source = archive.extractfile(member)
    assert source is not None
    with into.file(member.name, executable=bool(member.mode & 0o100)) as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)


def _ask_filter(member: tarfile.TarInfo, root: Path) -> None:
    steps_of(member.name)
    if not hasattr(tarfile, "data_filter"):
        return  # before Python 3.11.4, where it was not backported; `Unpacked` refuses as much
    try:
        tarfile.data_filter(member, str(root))
    except (tarfile.FilterError, ValueError) as error:
        raise _refused("what the data filter refuses", member.name, str(error)) from None


class _Member(CheckedMember):
    """A member of an archive that anybody may have made."""

    @classmethod
    def check(cls, member: tarfile.TarInfo) -> None:
        """Refuses impossible sizes."""
        if member.size < 0 or (member.type in _EXTENDED and member.size > _HEADER):
            raise _refused("a header of an impossible size", member.name)

    def _sparse(self, *_: object) -> Never:
        raise _refused("a sparse file", self.name)

    # Its map would be read into memory, however long the header says that it is.
    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _sparse


def _refused(what: str, name: str, because: str | None = None) -> UnsafeArchive:
    return UnsafeArchive(
        f"the archive holds {what}",
        member=ascii(name)[:200],
        because=because,
        remedy="do not trust it; if it is yours, pack it again without this",
    )
