"""Kept code: the text behind a digest of code, and the lines from which it was made."""

import json

from .dataclasses import dataclass
from .digest import short
from .errors import Corrupted

PART, BY_HAND = "pystore code 2", "pystore source 1"  # what the digests are digests of
LARGEST = 1 << 18  # [bytes] of a text that is kept


@dataclass(frozen=True)
class CodeText:
    """The code of one function, class or module, or the value of one constant."""

    text: str  # as it was hashed
    source: str = ""  # the lines as they stood in the file; "" where there are none

    @property
    def lines(self) -> list[str]:
        """The lines to show to people."""
        return (self.source or self.text).splitlines()


def part_digest(text: str) -> str:
    """The 16 digits of a part of the code of a @stage."""
    return short(PART, f"part\n{text}".encode())[:16]


def by_hand_digest(text: str) -> str:
    """The 32 digits of the code of a hand-written realizer."""
    return short(BY_HAND, text.encode())


def content_of(one: CodeText) -> bytes:
    """The content of the file of a text, before it is compressed."""
    value = {"source": one.source, "text": one.text}
    return json.dumps(value, separators=(",", ":")).encode()


def parse_code(digest: str, content: bytes) -> CodeText:
    """The text behind this digest. Raises Corrupted where it is another text."""
    try:
        value = json.loads(content)
        found = CodeText(str(value["text"]), str(value["source"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Corrupted("it is not the text of code", because=repr(error)[:200]) from None
    if digest not in (part_digest(found.text), by_hand_digest(found.text)):
        raise Corrupted("the text of code does not match its digest")
    return found
