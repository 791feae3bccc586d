"""Artifacts as the commands print them."""

from typing import Any

from ...core.manifest import Entry, encode_name
from ...core.printable import printable
from ...core.refs import RRef
from ..quantities import size


def artifact_record(rref: RRef, entry: Entry) -> dict[str, Any]:
    """An artifact as a JSON object; the path is spelled as in the manifest."""
    record: dict[str, Any] = {"rref": rref, "path": encode_name(entry.path), "kind": entry.kind}
    if entry.kind == "file":
        record |= {"size": entry.size, "executable": entry.executable, "digest": entry.digest}
    if entry.kind == "link":
        record["target"] = encode_name(entry.target)
    return record


def artifact(entry: Entry, name: bytes | None = None) -> str:
    """The name of an artifact with its sign: `/`, `*` or `-> target`."""
    shown = printable(entry.path if name is None else name)
    if entry.kind == "link":
        return f"{shown} -> {printable(entry.target)}"
    return shown + ("/" if entry.kind == "directory" else "*" if entry.executable else "")


def room(entry: Entry) -> str:
    """The size of a file, the kind of anything else."""
    return size(entry.size) if entry.kind == "file" else entry.kind
