"""PinChange: who let a pin of a store name which realization, when, and in place of which one.

PQ1  The name of a change is a digest of its text, so that a changed byte is noticed.
"""

import json
from typing import Any

from .dataclasses import dataclass
from .digest import short
from .errors import BadRef, Corrupted
from .refs import RRef

LARGEST = 1 << 14  # [bytes] of the file
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, BadRef, RecursionError)


@dataclass(frozen=True)
class PinChange:
    """One change of a pin. Nobody changes one afterwards."""

    pin: str
    rref: RRef | None  # that the pin names from then on; None: the pin was removed
    before: RRef | None  # that the pin named before; None: there was no such pin
    time: int  # [ns since the epoch, UTC]
    by: str  # user@host
    url: str = ""  # of the remote whose pin was followed; "": a person has chosen

    @property
    def file_text(self) -> bytes:
        """The text of its file."""
        told = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return told.encode() + b"\n"

    @property
    def digest(self) -> str:
        """The digest of its text, by which its file is named (PQ1)."""
        return digest_of(self.file_text)

    def to_dict(self) -> dict[str, Any]:
        """The change as `pystore pins --history --json` prints it.

        `pin`, `rref` or null, `before` or null, `time` [ns since 1970, UTC], `by`, and `url` or
        null.
        """
        return {
            "pin": self.pin,
            "rref": self.rref,
            "before": self.before,
            "time": self.time,
            "by": self.by,
            "url": self.url or None,
        }


def digest_of(text: bytes) -> str:
    """The digest of the text of a change, by which its file is named."""
    return short("pystore pin change 1", text)


def parse_pin_change(pin: str, digest: str, text: bytes) -> PinChange:
    """The change of a pin, checked against its name. Raises Corrupted."""
    if len(text) > LARGEST or digest_of(text) != digest:
        raise Corrupted("a change of a pin does not match its name")
    try:
        found = _read(json.loads(text))
    except _UNREADABLE as error:
        raise Corrupted("not the change of a pin", because=repr(error)[:200]) from None
    if found.pin != pin:
        raise Corrupted("a change of another pin")
    if not _is_fine(found):
        raise Corrupted("a change of a pin that contradicts itself")
    return found


def _read(value: dict[str, Any]) -> PinChange:
    rref, before = (value[key] and RRef(value[key]) for key in ("rref", "before"))
    return PinChange(value["pin"], rref, before, value["time"], value["by"], value["url"] or "")


def _is_fine(change: PinChange) -> bool:
    return (
        type(change.time) is int
        and 0 <= change.time < 2**63
        and type(change.by) is str
        and type(change.url) is str
        and (change.rref or change.before) is not None
    )


def order(change: PinChange) -> tuple[str, int, str]:
    """A key that sorts changes by pin, first to last."""
    return change.pin, change.time, change.digest
