"""The names of the objects at a remote, and how large each may be.

An object is written once and never changed. Its name determines its content, but for the random id
of an attempt. One listing of a derivation's folder names everything that the remote has about it,
and one of a pin's folder all its moves.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from ...core.config import MAX_BYTES
from ...core.dataclasses import dataclass
from ...core.note import LARGEST as LARGEST_NOTE
from ...core.refs import DRef, RRef
from ..layout import well_formed
from . import object_parts

FORMAT = 1
PINS = "pins"
MARK = "pystore-remote.json"
BESIDE = ("trace", "log")  # files beside an attempt that travel with it

LARGEST_FILE = 1 << 20  # [bytes] of one of these, or of a diff
LARGEST_RECORD = 1 << 24  # [bytes]
_LARGEST_BILL = 1 << 28  # [bytes]
_LARGEST_MOVE = 1 << 16  # [bytes]
# [bytes]
_LARGEST = {MARK: 10_000, "config.json": 4 * MAX_BYTES, "sig": 1000, "note": LARGEST_NOTE}

_RECORD = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})\.json\Z")
_SIGNATURE = re.compile(r"([0-9a-f]{32}\.[0-9a-f]{32})\.([0-9a-f]{64})\.sig\Z")
_NOTE_SIGNATURE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})\.sig\Z")
_MOVE = re.compile(r"([0-9]{8})-([0-9a-f]{32})\.json\Z")
_MOVE_SIGNATURE = re.compile(r"([0-9]{8}-[0-9a-f]{32})\.([0-9a-f]{64})\.sig\Z")
_H32 = re.compile(r"[0-9a-f]{32}\Z")
_OBJECT = re.compile(
    r"""pystore-remote\.json
    | parts/([0-9a-f]{2})/\1[0-9a-f]{62}
    | resolved/[0-9a-f]{32}/[0-9a-f]{32}-[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}
    | drv/[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}/
      (config\.json | [0-9a-f]{32}\.(json | diff | note | [0-9a-f]{64}\.sig)
      | [0-9a-f]{32}\.[0-9a-f]{32}\.(json | trace | log | [0-9a-f]{64}\.sig))""",
    re.X,
)


def largest(name: str) -> int:
    """The largest size of an object of this name [bytes]."""
    if name.startswith("parts/"):
        return object_parts.SIZE
    if name.startswith("resolved/"):
        return 0
    last = name.rpartition("/")[2]
    kind = last if last in _LARGEST else last.rpartition(".")[2]
    if kind == "json":
        if name.startswith(f"{PINS}/"):
            return _LARGEST_MOVE
        return LARGEST_RECORD if last.count(".") == 2 else _LARGEST_BILL
    return _LARGEST.get(kind, LARGEST_FILE)


def is_object(name: str) -> bool:
    """Whether an archive may have an object of this name."""
    return _OBJECT.fullmatch(name) is not None


def folder(dref: DRef) -> str:
    """The folder of a derivation."""
    return f"drv/{dref[5:]}"


def config(dref: DRef) -> str:
    """The object with the canonical text of a config."""
    return f"{folder(dref)}/config.json"


def realization(rref: RRef) -> str:
    """The object with the bill of parts of a realization."""
    return f"drv/{rref[38:]}/{rref.digest}.json"


def attempt(dref: DRef, context: str, identity: str, suffix: str = "json") -> str:
    """The object with the record of an attempt, or with a file beside it."""
    return f"{folder(dref)}/{context}.{identity}.{suffix}"


def diff(dref: DRef, digest: str) -> str:
    """The object with the uncommitted changes of a project."""
    return f"{folder(dref)}/{digest}.diff"


def note(dref: DRef, digest: str, suffix: str = "note") -> str:
    """The object with a note, or with a signature of it."""
    return f"{folder(dref)}/{digest}.{suffix}"


def part(digest: str) -> str:
    """The object with a part, by the plain BLAKE3 of its bytes."""
    return f"parts/{digest[:2]}/{digest}"


def resolved(digest: str, dref: DRef, context: str) -> str:
    """The empty object that says: the derivation, in the context, has this resolved config."""
    return f"resolved/{digest}/{context}-{dref[5:]}"


def move(pin: str, stem: str, suffix: str = "json") -> str:
    """The object with a move of a pin, or with a signature of it."""
    return f"{PINS}/{pin}/{stem}.{suffix}"


@dataclass(frozen=True)
class Listing:
    """The objects in the folder of one derivation."""

    dref: DRef
    names: frozenset[str]

    @property
    def realizations(self) -> list[RRef]:
        """The realizations whose bytes are there, sorted."""
        digests = [n[:32] for n in self.names if n.endswith(".json") and _H32.match(n[:-5])]
        return sorted(well_formed(RRef, (f"rref:{d}-{self.dref[5:]}" for d in digests)))

    def attempts(self, context: str | None = None) -> list[tuple[str, str]]:
        """The digest of the context and the id of each attempt, in one context or in all."""
        found = sorted(match.groups() for name in self.names if (match := _RECORD.match(name)))
        return [(c, identity) for c, identity in found if context in (None, c)]

    def signers(self) -> dict[str, list[str]]:
        """The public keys that have signed, by `<context>.<id>` of the attempt."""
        found: dict[str, list[str]] = {}
        for match in filter(None, map(_SIGNATURE.match, sorted(self.names))):
            found.setdefault(match[1], []).append(match[2])
        return found

    def note_signers(self) -> dict[str, list[str]]:
        """The public keys that have signed, by the digest of the note."""
        found: dict[str, list[str]] = {}
        for match in filter(None, map(_NOTE_SIGNATURE.match, sorted(self.names))):
            found.setdefault(match[1], []).append(match[2])
        return found

    def has(self, name: str) -> bool:
        """Whether the folder has the object of this full name."""
        return name.rpartition("/")[2] in self.names


@dataclass(frozen=True)
class PinListing:
    """The objects in the folder of one pin."""

    pin: str
    names: frozenset[str]

    @cached_property
    def stems(self) -> list[str]:
        """The moves, first to last: `<number>-<digest>` of each."""
        return sorted(name[: -len(".json")] for name in self.names if _MOVE.match(name))

    @property
    def last_number(self) -> int:
        """The number of the last move, or 0."""
        return max((number_of(stem) for stem in self.stems), default=0)

    @property
    def lacking(self) -> list[int]:
        """The numbers below the last one that no move has."""
        there = {number_of(stem) for stem in self.stems}
        return [number for number in range(1, len(there) + 1) if number not in there]

    @cached_property
    def signers(self) -> dict[str, list[str]]:
        """The public keys that have signed, by the stem of the move."""
        found: dict[str, list[str]] = {}
        for match in filter(None, map(_MOVE_SIGNATURE.match, sorted(self.names))):
            found.setdefault(match[1], []).append(match[2])
        return found


def number_of(stem: str) -> int:
    """The number in the stem of a move."""
    return int(stem[:8])


def pairs(found: Iterable[str]) -> list[tuple[DRef, str]]:
    """The pairs of derivation and context in the names of a folder below `resolved/`."""
    parted = [name.partition("-") for name in sorted(found) if _H32.match(name[:32])]
    return [(dref, c) for c, _, home in parted for dref in well_formed(DRef, [f"dref:{home}"])]
