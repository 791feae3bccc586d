"""Verdicts: realizations that must not be served, and why.

`attempts/<digest of the realization>.rejected`: a person said so. `….damaged`: `verify` found it.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from ..model.refs import RRef
from . import disk

Kind = Literal["rejected", "damaged"]


def put(folder: str, rref: RRef, kind: Kind, facts: dict[str, Any], tmp: Path) -> None:
    """Writes a verdict; the last word stands."""
    text = json.dumps({"rref": rref, **facts}, sort_keys=True).encode()
    disk.publish(f"{folder}/{_name(rref, kind)}", text, tmp=tmp, durable=True)


def lift(folder: str, rref: RRef, kind: Kind) -> None:
    """Makes sure that there is no such verdict."""
    disk.remove_file(f"{folder}/{_name(rref, kind)}")


def stands(folder: str, rref: RRef, kind: Kind) -> bool:
    """Whether there is such a verdict."""
    return os.path.exists(f"{folder}/{_name(rref, kind)}")


def read(folder: str, rref: RRef, kind: Kind) -> dict[str, Any]:
    """What a verdict says. Raises FileNotFoundError when there is none."""
    facts: dict[str, Any] = json.loads(disk.read(f"{folder}/{_name(rref, kind)}"))
    return facts


def among(names: Iterable[str], kind: Kind) -> set[str]:
    """The digests of the realizations with such a verdict, among the files of a folder."""
    suffix = f".{kind}"
    return {name[: -len(suffix)] for name in names if name.endswith(suffix)}


def _name(rref: RRef, kind: Kind) -> str:
    return f"{rref.digest}.{kind}"
