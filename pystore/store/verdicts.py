"""Verdicts: files that say of a realization why it must not be used, or what it was made of.

`attempts/<digest of the realization>.rejected` is from a person, `….damaged` is from `verify`.
`….forgotten` says that it was made of rows that were forgotten since; it may be used.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import Corrupted
from ..core.printable import listed, when
from ..core.refs import RRef
from . import disk, tree

Kind = Literal["rejected", "damaged", "forgotten"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_SAYS = {
    "rejected": (("rref", str), ("reason", str), ("by", int), ("at", int)),
    "damaged": (("rref", str), ("what", list), ("at", int)),
    "forgotten": (("rref", str), ("rows_of", list), ("at", int)),
}


def put(folder: str, rref: RRef, kind: Kind, facts: dict[str, Any], tmp: Path) -> None:
    """Writes a verdict in place of an earlier one."""
    text = json.dumps({"rref": rref, **facts}, sort_keys=True).encode()
    path = f"{folder}/{_name(rref, kind)}"
    try:
        disk.publish(path, text, tmp=tmp, durable=True)
    except IsADirectoryError:  # a user has made a directory with this name
        tree.remove(Path(path))
        disk.publish(path, text, tmp=tmp, durable=True)


def lift(folder: str, rref: RRef, kind: Kind) -> None:
    """Removes a verdict, if there is one."""
    tree.remove(Path(folder, _name(rref, kind)))


def stands(folder: str, rref: RRef, kind: Kind) -> bool:
    """Whether there is a verdict of this kind. Its text may be damaged."""
    return os.path.lexists(f"{folder}/{_name(rref, kind)}")


def read(folder: str, rref: RRef, kind: Kind) -> dict[str, Any]:
    """The facts of a verdict. Raises FileNotFoundError when there is none, Corrupted."""
    facts = parse(disk.read(f"{folder}/{_name(rref, kind)}"))
    if facts["rref"] != rref:
        raise Corrupted("it is about another realization")
    return facts


def parse(text: bytes) -> dict[str, Any]:
    """The facts in the text of a verdict. Raises Corrupted."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Corrupted(f"it is no JSON: {error}") from None
    if not isinstance(facts, dict) or not any(_says(facts, fields) for fields in _SAYS.values()):
        raise Corrupted("it lacks the fields of a verdict")
    return facts


def _says(facts: dict[str, Any], fields: Iterable[tuple[str, type]]) -> bool:
    return all(type(facts.get(key)) is kind for key, kind in fields)


def said(kind: Kind, facts: dict[str, Any]) -> str:
    """The facts of a verdict in one line."""
    if kind == "damaged":
        return listed(facts["what"], "; ")
    if kind == "rejected" or "rows_of" not in facts:
        return str(facts.get("reason"))
    verb = "holds" if facts["rref"] in facts["rows_of"] else "was made of"
    return f"{verb} rows that were forgotten at {when(facts['at'])}"


def damage(folder: str, name: str) -> str:
    """The fault of the file of a verdict; empty if there is none."""
    try:
        facts = parse(disk.read(f"{folder}/{name}"))
    except Corrupted as error:
        return error.what
    about = name.partition(".")[0]
    return "" if facts["rref"][5:37] == about else "it is about another realization"


def among(names: Iterable[str], kind: Kind) -> set[str]:
    """The digests of the realizations that have a verdict of this kind, given the file names."""
    suffix = f".{kind}"
    return {name[: -len(suffix)] for name in names if name.endswith(suffix)}


def _name(rref: RRef, kind: Kind) -> str:
    return f"{rref.digest}.{kind}"
