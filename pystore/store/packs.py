"""Packs: the claims and records of finished attempts, joined into one file.

`attempts/<digest>.pack` holds files of its folder under their names, compressed. Packs lie side by
side, and beside files that are not packed: the same file may be in several places.

PU1  A file comes out of a pack byte for byte. The same files make one pack, with one name.
PU2  A pack in which a byte has changed is noticed. Of such a pack, only records whose own
    checksums are right are used, with a warning.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from ..core.attempt import Attempt, parse_attempt
from ..core.digest import short
from ..core.errors import Corrupted
from ..core.warned import warn
from . import disk

SUFFIX = ".pack"

File = tuple[str, bytes]  # its name in `attempts/`, and its content

_HEAD = rb"([0-9a-f]{32}\.[0-9]+\.(?:begin|json)) ([0-9]{1,9})\n"  # compiled where one is read
_DIGITS = "0123456789abcdef"
_MOST = 1 << 22  # [bytes] of unpacked texts that are kept in memory; the last one always is
_CHUNK = 1 << 12


class Pack:
    """The files in a pack."""

    def __init__(self, name: str, files: Iterable[File], damage: str = "") -> None:
        self.name = name
        self.files = frozenset(files)
        self.damage = damage  # "" for a sound one

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the files."""
        return frozenset(name for name, _ in self.files)

    @cached_property
    def _by_name(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for name, content in sorted(self.files):
            found.setdefault(name, []).append(content)
        return found

    def contents(self, name: str) -> list[bytes]:
        """The contents of the files of this name. Only those of two stores can be several."""
        return self._by_name.get(name, [])

    @property
    def begins(self) -> Iterator[bytes]:
        """The texts of the claims."""
        return (content for name, content in self.files if name.endswith(".begin"))

    def records(self, context: str = "") -> Iterator[Attempt]:
        """The attempts in the contexts whose digest starts with `context`.

        A record that does not match its checksum is left out: only a damaged pack has one.
        """
        for name in self._by_name:
            if name.startswith(context) and name.endswith(".json"):
                yield from self.tries(name)

    def tries(self, name: str) -> Iterator[Attempt]:
        """The attempts in the records of this name, as `records`."""
        for content in self.contents(name):
            try:
                yield parse_attempt(content)
            except Corrupted:
                continue


def pack(files: Iterable[File]) -> tuple[str, bytes]:
    """The name and the content of the pack of these files (PU1)."""
    import zlib  # late for weight: few programs compact

    text = _text(files)
    return _name_of(text), zlib.compress(text)


def _text(files: Iterable[File]) -> bytes:
    parts = (f"{name} {len(content)}\n".encode() + content for name, content in sorted({*files}))
    return b"".join(parts)


def _name_of(text: bytes) -> str:
    return short("pystore pack 1", text) + SUFFIX


def is_pack(name: str) -> bool:
    """Whether a file of this name is a pack."""
    return name[32:] == SUFFIX and not name[:32].strip(_DIGITS)


def among(names: Collection[str]) -> list[str]:
    """The names of packs among these, sorted."""
    if SUFFIX not in "/".join(names):
        return []  # as in nearly all folders: one search over all names is quicker
    return sorted(filter(is_pack, names))


def unpack(name: str, content: bytes) -> Pack:
    """The pack of this name. A damaged one has its records, as far as they can be read (PU2)."""
    text, damage = _inflated(content)
    files, rest = _files(text)
    if not damage and (rest or _name_of(text) != name):
        damage = "it does not match its name"
    if damage:
        files = [(one, content) for one, content in files if one.endswith(".json")]
    return Pack(name, files, damage)


def _inflated(content: bytes) -> tuple[bytes, str]:
    """As much of the text as can be read, and why that is not all of it."""
    import zlib  # late for weight: most stores have no pack

    inflater, parts = zlib.decompressobj(), list[bytes]()
    try:
        for start in range(0, len(content), _CHUNK):
            parts.append(inflater.decompress(content[start : start + _CHUNK]))
    except zlib.error as error:
        return b"".join(parts), f"it cannot be unpacked: {error}"
    if not inflater.eof or inflater.unused_data:
        return b"".join(parts), "it is cut short" if not inflater.eof else "it goes on too long"
    return b"".join(parts), ""


def _files(text: bytes) -> tuple[list[File], bytes]:
    """The files in a text, and what follows them and is none."""
    found, at, heads = list[File](), 0, re.compile(_HEAD)
    while head := heads.match(text, at):
        end = head.end() + int(head[2])
        if end > len(text):
            break
        found.append((head[1].decode(), text[head.end() : end]))
        at = end
    return found, text[at:]


# --- in a folder -----------------------------------------------------------------------


_Stamp = tuple[int, int, int, int]  # device, inode, time of the last change [ns], size [bytes]

_known: dict[str, tuple[_Stamp, Pack, int]] = {}  # path → with the size of its texts [bytes]


def read(folder: str, name: str) -> Pack:
    """A pack in a folder, which this process may have read before. Raises FileNotFoundError.

    Warns of a damaged one each time.
    """
    path = f"{folder}/{name}"
    status = os.lstat(path)
    stamp = status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size
    known = _known.pop(path, None)
    if known is None or known[0] != stamp:
        found = read_again(folder, name)
        known = stamp, found, sum(len(content) for _, content in found.files)
    _known[path] = known
    _warn_of(known[1], path)
    while len(_known) > 1 and sum(size for _, _, size in list(_known.values())) > _MOST:
        _known.pop(next(iter(_known), ""), None)
    return known[1]


def read_again(folder: str, name: str) -> Pack:
    """A pack in a folder, as it is on the disk now. Raises FileNotFoundError."""
    path = f"{folder}/{name}"
    try:
        return unpack(name, disk.read(path))
    except Corrupted as error:
        return Pack(name, (), error.what)
    except FileNotFoundError:
        if not os.path.islink(path):
            raise
        return Pack(name, (), "it is a link that leads nowhere")


def _warn_of(found: Pack, path: str) -> None:
    if found.damage:
        warn(
            f"a pack of attempts is damaged: {path}: {found.damage}; "
            f"{len(found.files)} of its records can be read",
            stacklevel=3,
        )


def read_all(folder: str, listed: Collection[str]) -> list[Pack]:
    """The packs among the names of files in a folder. Raises FileNotFoundError."""
    return [read(folder, name) for name in among(listed)]


def names(folder: str, listed: Collection[str]) -> set[str]:
    """The names of the files in the packs of a folder. Raises FileNotFoundError."""
    return {name for one in read_all(folder, listed) for name in one.names}


def records(folder: str, listed: Collection[str], context: str = "") -> list[Attempt]:
    """The attempts in the packs of a folder. Raises FileNotFoundError."""
    return [attempt for one in read_all(folder, listed) for attempt in one.records(context)]
