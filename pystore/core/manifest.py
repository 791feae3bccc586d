"""Manifest: a tree of artifacts as a value.

Path, kind, executable bit, size and digest of every file; the text of every link; every empty
directory. Modification times do not count.

MF1  Equal trees have one text, whatever the order of listing: entries are sorted by path bytes.
MF2  Names are bytes: `encode_name` gives different texts to different names.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal, NamedTuple

from .dataclasses import dataclass
from .digest import digest
from .errors import Corrupted

_quoted = json.encoder.encode_basestring  # as JSON, without escapes for what is no ASCII

Kind = Literal["file", "link", "directory"]

MANIFEST = "manifest.json"  # the name of its file in a realization


class Entry(NamedTuple):
    """One file, link or empty directory of a tree."""

    path: bytes  # relative to the tree, steps parted by b"/"
    kind: Kind
    executable: bool = False  # files only
    size: int = 0  # files only [bytes]
    digest: str = ""  # files only: plain BLAKE3 of the bytes, 64 hex, as b3sum prints it
    target: bytes = b""  # links only: the text of the link


@dataclass(frozen=True)
class Manifest:
    """The entries of one tree, in the order of their paths."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Manifest":
        """The manifest with these entries, in any order."""
        return cls(tuple(sorted(entries, key=lambda entry: entry.path)))

    @classmethod
    def parse(cls, text: bytes) -> "Manifest":
        """The manifest with this canonical text. Raises Corrupted."""
        try:
            manifest = cls(tuple(_entry(row) for row in json.loads(text)["entries"]))
            canonical = manifest.text == text
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Corrupted("not the text of a manifest", because=repr(error)[:200]) from None
        if not canonical:
            raise Corrupted("not the canonical text of a manifest")
        return manifest

    @cached_property
    def text(self) -> bytes:
        """The canonical text: one entry a line, so that `diff` shows what differs."""
        return manifest_text(map(_line, self.entries))

    @cached_property
    def digest(self) -> str:
        """The 64 hex digits that stand for the whole tree."""
        return manifest_digest(self.text)

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.entries)


def manifest_text(lines: Iterable[str]) -> bytes:
    """The canonical text of a manifest with these lines, in the order of their paths."""
    rows = ",\n".join(lines)
    return f'{{"entries":[\n{rows}\n]}}\n'.encode()


def manifest_digest(text: bytes) -> str:
    """The 64 hex digits of the tree whose manifest has this canonical text."""
    return digest("pystore tree 1", text)


def encode_name(name: bytes) -> str:
    """The text of a file name: UTF-8 as it is; `%` and all other bytes as %XX."""
    text = name.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
    if text.isascii():
        return text
    return "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in text)


def decode_name(text: str) -> bytes:
    """The file name of a text by `encode_name`."""
    head, *escaped = text.encode().split(b"%")
    return head + b"".join(bytes.fromhex(part[:2].decode()) + part[2:] for part in escaped)


def _line(entry: Entry) -> str:
    """The JSON of an entry, with sorted keys and without spaces."""
    path = encode_name(entry.path)
    if entry.kind == "file":
        return file_line(path, entry.executable, entry.size, entry.digest)
    target = f',"target":{_quoted(encode_name(entry.target))}' if entry.kind == "link" else ""
    return f'{{"kind":{_quoted(entry.kind)},"path":{_quoted(path)}{target}}}'


def file_line(path: str, executable: bool, size: int, digest: str) -> str:
    """The JSON of a file, whose path has the form of `encode_name`; the other facts as in Entry."""
    return (
        f'{{"digest":{_quoted(digest)},"executable":{"true" if executable else "false"},'
        f'"kind":"file","path":{_quoted(path)},"size":{size:d}}}'
    )


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        decode_name(row["path"]),
        row["kind"],
        row.get("executable", False),
        row.get("size", 0),
        row.get("digest", ""),
        decode_name(row.get("target", "")),
    )
