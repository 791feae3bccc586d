"""Note: a remark, or a tag, that a person has put on a derivation, a realization or an attempt.

Notes are told on. To take a tag away is a further move, so that histories merge by adding.

NT1  The name of a note is a digest of its text: a changed byte is noticed.
NT2  Which tags stand follows from the set of moves alone: of the moves of one tag at one place the
     last counts, in whatever order they came.
NT3  A text from others with control characters, or one that is too long, is no note.
NT4  A rejection is a tag that says why. No user can put that tag on something, or take it away.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from .attempt import Attempt
from .dataclasses import dataclass
from .digest import short
from .errors import BadName, BadRef, BadStage, Corrupted
from .refs import DRef, RRef, parse_ref

LONGEST = 10_000  # [characters] of a text
LARGEST = 1 << 16  # [bytes] of the file
REJECTED = "rejected"  # the tag of what must not be used
_LONGEST_BY = 255  # [characters]
# Compiled when one is first used: many programs read no note.
_TAG = r"[A-Za-z0-9][A-Za-z0-9_.:/=+-]{0,63}\Z"
_PLACE = r"[0-9a-f]{32}\.[1-9][0-9]{0,18}\Z"
# Control characters but newlines and tabs, and halves of characters.
_STRANGE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, BadRef, RecursionError)


@dataclass(frozen=True)
class Note:
    """A note or a tag. Nobody changes one; `removed` says that a tag is taken away again."""

    ref: DRef | RRef
    attempt: str  # place_of(attempt); "" where it is about no single attempt
    text: str  # "" of a tag
    tag: str  # "" of a note
    time: int  # [ns since the epoch, UTC]
    by: str  # user@host
    removed: bool = False
    because: str = ""  # why it was rejected; "" of all others

    @property
    def file_text(self) -> bytes:
        """The text of its file."""
        value = {**self.to_dict(), **({"removed": True} if self.removed else {})}
        told = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return told.encode() + b"\n"

    @property
    def digest(self) -> str:
        """The digest of its text, by which its file is named (NT1)."""
        return digest_of(self.file_text)

    def to_dict(self) -> dict[str, Any]:
        """The note as a JSON object.

        `ref`; `attempt`, its context and its start, or null; `text` or `tag`, the other is null;
        `time` [ns since 1970, UTC] and `by`; of a rejection also `because`.
        """
        told = {
            "ref": self.ref,
            "attempt": self.attempt or None,
            "text": self.text or None,
            "tag": self.tag or None,
            "time": self.time,
            "by": self.by,
        }
        return {**told, "because": self.because} if self.because else told

    def is_about(self, attempt: Attempt) -> bool:
        """Whether it is about this attempt, its realization or its derivation."""
        if self.attempt:
            return self.ref == attempt.dref and self.attempt == place_of(attempt)
        return self.ref in (attempt.dref, attempt.rref)


def place_of(attempt: Attempt) -> str:
    """The context and the start of an attempt: these never change, though its number may."""
    return f"{attempt.context}.{attempt.start}"


def digest_of(text: bytes) -> str:
    """The digest of the text of a note, by which its file is named."""
    return short("pystore note 1", text)


def parse_note(dref: DRef, digest: str, text: bytes) -> Note:
    """The note of this digest, about a derivation or something in it. Raises Corrupted."""
    if len(text) > LARGEST:
        raise Corrupted("a note is longer than it may be")
    if digest_of(text) != digest:
        raise Corrupted("a note does not match its name")
    try:
        note = _read(json.loads(text))
        fine = _is_fine(note)
    except _UNREADABLE as error:
        raise Corrupted("not a note", because=repr(error)[:200]) from None
    if note.ref.dref != dref:
        raise Corrupted("a note about another derivation")
    if not fine:
        raise Corrupted("a note that says what no note may say")
    return note


def _read(value: dict[str, Any]) -> Note:
    told = {key: value[key] or "" for key in ("attempt", "text", "tag")}
    ref, removed = parse_ref(value["ref"]), value.get("removed", False)
    because = value.get("because", "")
    return Note(ref, **told, time=value["time"], by=value["by"], removed=removed, because=because)


def _is_fine(note: Note) -> bool:
    return all(
        (
            all(type(told) is str for told in (note.attempt, note.text, note.tag, note.by)),
            not note.attempt or (re.match(_PLACE, note.attempt) and isinstance(note.ref, DRef)),
            bool(note.text) != bool(note.tag),
            not note.text or not fault_of(note.text),
            not note.tag or is_tag(note.tag),
            type(note.time) is int and 0 <= note.time < 2**63,
            0 < len(note.by) <= _LONGEST_BY and note.by.isprintable(),
            type(note.removed) is bool and bool(note.tag or not note.removed),
            note.because == "" or _is_rejection(note),
        )
    )


def _is_rejection(note: Note) -> bool:
    says_why = type(note.because) is str and not fault_of(note.because)
    return says_why and note.tag == REJECTED and not note.removed and isinstance(note.ref, RRef)


def fault_of(text: str) -> str:
    """The reason why a text can be no note; empty if it can be one (NT3)."""
    if not text.strip():
        return "it is empty"
    if len(text) > LONGEST:
        return f"it has {len(text):,} characters of at most {LONGEST:,}"
    strange = re.findall(_STRANGE, text)
    return f"it holds the control character {strange[0]!a}" if strange else ""


def check_text(text: object) -> str:
    """The text of a note without white space around it. Raises BadStage."""
    told = text.strip() if isinstance(text, str) else ""
    if because := fault_of(told):
        raise BadStage(
            "this text can be no note" if isinstance(text, str) else "a note needs a text",
            because=because if isinstance(text, str) else f"{type(text).__name__} is no text",
            remedy="write a text such as 'trained on the wrong split'",
        )
    return told


def is_tag(text: str) -> bool:
    """Whether a text can be a tag."""
    return re.match(_TAG, text) is not None


def check_tag(tag: object) -> str:
    """`tag`, if a user may set it or take it away. Raises BadName otherwise."""
    if tag == REJECTED:
        raise BadName(
            "a tag that says nothing about the use of a result", given=tag,
            remedy="reject(rref, reason), or pystore reject: then no matcher chooses it",
        )  # fmt: skip
    if isinstance(tag, str) and is_tag(tag):
        return tag
    raise BadName(
        "not a tag",
        given=ascii(tag)[:200],
        expected="1 to 64 letters a-z and A-Z, digits, and _ . : / = + -, a letter or digit first",
        remedy="choose a tag such as 'baseline' or 'paper/figure-3'",
    )


def written_by(user: str, host: str) -> str:
    """Who writes notes: a user at a host."""
    told = "".join(c if c.isprintable() else "?" for c in f"{user}@{host}")
    return told[:_LONGEST_BY]


def standing(moves: Iterable[Note]) -> list[Note]:
    """The notes, and the tags that stand, the oldest first (NT2)."""
    notes: list[Note] = []
    tags: dict[tuple[str, str, str], Note] = {}
    for move in moves:
        if move.text:
            notes.append(move)
            continue
        place = (move.ref, move.attempt, move.tag)
        if place not in tags or _order(tags[place]) < _order(move):
            tags[place] = move
    return sorted([*notes, *(tag for tag in tags.values() if not tag.removed)], key=_order)


def _order(note: Note) -> tuple[int, bool, str, str]:
    return note.time, note.removed, note.by, note.text or note.tag


def about(notes: Iterable[Note], ref: DRef | RRef, attempts: Iterable[Attempt] = ()) -> list[Note]:
    """The notes about a realization and the `attempts` that made it; of a DRef all in it."""
    if isinstance(ref, DRef):
        return [note for note in notes if note.ref.dref == ref]
    places = {place_of(attempt) for attempt in attempts}
    return [note for note in notes if note.ref == ref or note.attempt in places]


def rejected_in(notes: Iterable[Note]) -> frozenset[RRef]:
    """The realizations that notes reject."""
    return frozenset(n.ref for n in notes if n.because and isinstance(n.ref, RRef))


def tags_among(notes: Iterable[Note], *, rejections: bool = False) -> tuple[str, ...]:
    """The tags among notes, sorted, each once; with `rejections` also that of what is rejected."""
    return tuple(sorted({n.tag for n in notes if n.tag and (rejections or not n.because)}))
