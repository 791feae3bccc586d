"""Names: what the objects of a remote are called.

Every object is written once, whole, and never changed; contents follow from names, but for random
ids. One listing of a derivation's folder says everything that is there about it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...core.refs import DRef, RRef
from ..layout import well_formed

FORMAT = 1
MARK = "pystore-remote.json"
BESIDE = ("trace", "log")  # files beside an attempt that travel with it
LARGEST = 1 << 20  # [bytes] of one of these, or of a difference

_RECORD = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})\.json\Z")
_SIGNATURE = re.compile(r"([0-9a-f]{32}\.[0-9a-f]{32})\.([0-9a-f]{64})\.sig\Z")
_H32 = re.compile(r"[0-9a-f]{32}\Z")
_OBJECT = re.compile(
    r"""pystore-remote\.json
    | parts/([0-9a-f]{2})/\1[0-9a-f]{62}
    | resolved/[0-9a-f]{32}/[0-9a-f]{32}-[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}
    | drv/[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}/
      (config\.json | [0-9a-f]{32}\.json | [0-9a-f]{32}\.diff
      | [0-9a-f]{32}\.[0-9a-f]{32}\.(json | trace | log | [0-9a-f]{64}\.sig))""",
    re.X,
)


def is_object(name: str) -> bool:
    """Whether a remote may have an object of this name."""
    return _OBJECT.fullmatch(name) is not None


def folder(dref: DRef) -> str:
    """The folder of a derivation."""
    return f"drv/{dref[5:]}"


def config(dref: DRef) -> str:
    """The canonical text of a config."""
    return f"{folder(dref)}/config.json"


def realization(rref: RRef) -> str:
    """What a realization consists of."""
    return f"drv/{rref[38:]}/{rref.digest}.json"


def attempt(dref: DRef, context: str, identity: str, suffix: str = "json") -> str:
    """The record of an attempt, or a file beside it."""
    return f"{folder(dref)}/{context}.{identity}.{suffix}"


def diff(dref: DRef, digest: str) -> str:
    """How a project differed from its revision."""
    return f"{folder(dref)}/{digest}.diff"


def part(digest: str) -> str:
    """Some bytes of realizations, by their plain BLAKE3."""
    return f"parts/{digest[:2]}/{digest}"


def resolved(digest: str, dref: DRef, context: str) -> str:
    """Says that a derivation has succeeded in a context, with this resolved config."""
    return f"resolved/{digest}/{context}-{dref[5:]}"


@dataclass(frozen=True)
class Listing:
    """What is at a remote about one derivation."""

    dref: DRef
    names: frozenset[str]

    @property
    def realizations(self) -> list[RRef]:
        """Those whose bytes are there, sorted."""
        digests = [n[:32] for n in self.names if n.endswith(".json") and _H32.match(n[:-5])]
        return sorted(well_formed(RRef, (f"rref:{d}-{self.dref[5:]}" for d in digests)))

    def attempts(self, context: str | None = None) -> list[tuple[str, str]]:
        """The attempts that are recorded, in one context or all: its digest, and their ids."""
        found = sorted(match.groups() for name in self.names if (match := _RECORD.match(name)))
        return [(c, identity) for c, identity in found if context in (None, c)]

    def signers(self) -> dict[str, list[str]]:
        """Who signed what: for `<context>.<id>`, the public keys."""
        found: dict[str, list[str]] = {}
        for match in filter(None, map(_SIGNATURE.match, sorted(self.names))):
            found.setdefault(match[1], []).append(match[2])
        return found

    def has(self, name: str) -> bool:
        """Whether an object of this full name is there."""
        return name.rpartition("/")[2] in self.names


def pairs(found: Iterable[str]) -> list[tuple[DRef, str]]:
    """The (derivation, context) pairs that the names in a folder of `resolved/` say."""
    parted = [name.partition("-") for name in sorted(found) if _H32.match(name[:32])]
    return [(dref, c) for c, _, home in parted for dref in well_formed(DRef, [f"dref:{home}"])]
