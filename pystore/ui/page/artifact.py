"""Artifact: a file of a realization, as a page may show or send it.

YF1  A file is named by its place in the manifest, and no link is followed: whatever a manifest or a
     tree says that others have written, no file outside of the realization is read.
YF2  A text that is shown has at most 64 KB, and a file that is no text in UTF-8 is not shown.
"""

import os
from pathlib import Path

from ...core.errors import BadRef, NotInStore
from ...core.manifest import Entry
from ...core.refs import RRef, check_part
from ...store.descriptors import open_file
from ...store.store import Store
from .magic import LENGTH, picture_type

MOST = 64 << 10  # [bytes] of a text that is shown
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def file_at(rref: RRef, place: int, store: Store) -> tuple[Entry, Path]:
    """The file at a place of the manifest. Raises NotInStore, Corrupted."""
    entries = store.manifest(rref).entries
    if not 0 <= place < len(entries) or entries[place].kind != "file":
        raise _lacking(rref)
    entry, out = entries[place], os.path.realpath(store.path(rref))
    try:
        parts = [check_part(part) for part in os.fsdecode(entry.path).split("/")]
    except BadRef:
        raise _lacking(rref) from None
    path = os.path.join(out, *parts)  # a Path would be made twice
    if os.path.realpath(path) != path or not os.path.isfile(path):
        raise _lacking(rref)
    return entry, Path(path)


def picture_kind(path: Path) -> str | None:
    """The media type of a picture; None of anything else."""
    return picture_type(_read(path, LENGTH))


def may_be_picture(entry: Entry) -> bool:
    """Whether its name is that of a picture."""
    return entry.kind == "file" and entry.path.lower().endswith(tuple(map(str.encode, _ENDINGS)))


def text_of(path: Path) -> str | None:
    """The first 64 KB of a text; None of a file that is no text in UTF-8."""
    data = _read(path, MOST)
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        # The last character of a long text may be cut.
        return data[: error.start].decode() if len(data) - error.start < 4 <= len(data) else None


def end_of(path: Path) -> str:
    """The last 64 KB of a log; "" where nothing was printed, or there is no plain file."""
    try:
        return _read(path, MOST, at_end=True).decode("utf-8", "replace")
    except OSError:
        return ""


def _read(path: Path, most: int, *, at_end: bool = False) -> bytes:
    """The first bytes of a plain file, or the last ones. Raises OSError for anything else (YF1)."""
    with open_file(path, follow=False) as descriptor:
        if at_end:
            os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - most), os.SEEK_SET)
        return os.read(descriptor, most)


def _lacking(rref: RRef) -> NotInStore:
    return NotInStore("no such file", rref=rref, remedy="look at the files of the realization")
