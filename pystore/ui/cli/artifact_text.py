"""Artifacts as lines and tables show them."""

from ...core.manifest import Entry
from ...core.printable import printable
from ..quantities import size


def name_of(entry: Entry, name: bytes | None = None) -> str:
    """The name of an artifact with a sign for its kind: `/`, `*` or `-> target`."""
    text = printable(entry.path if name is None else name)
    if entry.kind == "link":
        return f"{text} -> {printable(entry.target)}"
    return text + ("/" if entry.kind == "directory" else "*" if entry.executable else "")


def size_or_kind(entry: Entry) -> str:
    """The size of a file, the kind of anything else."""
    return size(entry.size) if entry.kind == "file" else entry.kind
