"""PinMove: the realization that a pin at a remote names from some moment on. No move is changed.

PM1  The name of a move is a digest of its text, so that a changed byte is noticed.
PM2  The order of the moves does not depend on who reads them: by number, then by time, then by
     digest. A pusher numbers its move after all moves that it has seen.
"""

import json
import re
from typing import Any

from ...core.dataclasses import dataclass, field
from ...core.digest import short
from ...core.errors import BadRef, Corrupted
from ...core.refs import RRef, check_name
from ..reader import Reader
from ..seen_moves import all_seen
from .names import number_of

_H32 = re.compile(r"[0-9a-f]{32}\Z")
_UNREADABLE = (ValueError, KeyError, TypeError, BadRef, RecursionError)
_LONGEST_HOST = 255  # [characters]


@dataclass(frozen=True)
class PinMove:
    """One move of a pin."""

    pin: str
    rref: RRef
    number: int  # from 1 on
    time: int  # [ns since the epoch, UTC]
    host: str  # of the process that pushed it
    after: tuple[str, ...] = ()  # digests of the last moves that it has seen
    by: str = ""  # user@host; "" in the moves of older versions
    text: bytes = field(default=b"", repr=False)  # of the object

    @classmethod
    def of(
        cls,
        pin: str,
        rref: RRef,
        *,
        number: int,
        time: int,
        host: str,
        after: tuple[str, ...],
        by: str = "",
    ) -> "PinMove":
        """The move with its text."""
        host, after = host[:_LONGEST_HOST], tuple(sorted(after))
        value = {
            "after": after, "host": host, "number": number, "pin": check_name(pin), "rref": rref,
            "time": time, **({"by": by} if by else {}),
        }  # fmt: skip
        text = json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"
        return cls(pin, rref, number, time, host, after, by, text.encode())

    @property
    def digest(self) -> str:
        """The digest of the text (PM1)."""
        return short("pystore pin 1", self.text)

    @property
    def stem(self) -> str:
        """The name of its object, without the suffix."""
        return f"{self.number:08}-{self.digest}"

    @property
    def order(self) -> tuple[int, int, str]:
        """A key that sorts the moves of one pin from first to last (PM2)."""
        return (self.number, self.time, self.digest)

    def to_dict(self) -> dict[str, Any]:
        """The move as `pystore pins --history --json` prints it.

        `pin`, `rref`, `number`, `time` [ns since 1970, UTC], `host`, and `by`, `user@host` or null.
        """
        return {
            "pin": self.pin,
            "rref": self.rref,
            "number": self.number,
            "time": self.time,
            "host": self.host,
            "by": self.by or None,
        }


def parse_move(pin: str, stem: str, text: bytes) -> PinMove:
    """The move of a pin, checked against its name. Raises Corrupted."""
    if short("pystore pin 1", text) != stem[9:]:
        raise Corrupted("a move of a pin does not match its name")
    try:
        found = _read(json.loads(text), text)
        fine = _is_fine(found)
    except _UNREADABLE as error:
        raise Corrupted("not the move of a pin", because=repr(error)[:200]) from None
    if (found.pin, found.number) != (pin, number_of(stem)):
        raise Corrupted("the move of another pin, or with another number")
    if not fine:
        raise Corrupted("a move of a pin that contradicts itself")
    return found


def _read(value: dict[str, Any], text: bytes) -> PinMove:
    told = {key: value[key] for key in ("pin", "number", "time", "host")}
    more = {"after": tuple(value["after"]), "by": value.get("by", "")}
    return PinMove(**told, rref=RRef(value["rref"]), **more, text=text)


def _is_fine(move: PinMove) -> bool:
    return all(
        (
            type(move.number) is int and move.number > 0,
            type(move.time) is int and 0 <= move.time < 2**63,
            all(type(t) is str and len(t) <= _LONGEST_HOST for t in (move.host, move.by)),
            all(type(digest) is str and _H32.match(digest) for digest in move.after),
        )
    )


def moves_seen(store: Reader) -> list[PinMove]:
    """The moves at all remotes that a store has followed or made, by pin, first to last."""
    found = {
        parse_move(pin, name[: -len(".json")], text)
        for pin, name, text in all_seen(store.parts)
        if name.endswith(".json")
    }
    return sorted(found, key=lambda move: (move.pin, move.order))
