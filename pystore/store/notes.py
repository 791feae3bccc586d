"""Notes on disk: `attempts/<digest>.note`, one file for each note, tag, or tag that was taken away.

NW1  A file is written once and never changed, under a name that its text gives. So copies of stores
     merge by adding files, and a remote takes notes in any order.
NW2  A note that cannot be read is left out with a warning. It hides no other one.
NW3  A tag stands after it was set, and does not after it was taken away, though clocks go back.
NW4  A rejection that comes with the notes of others counts here as it does there.
NW5  A rejection is noted at each copy of the run that adoption has made, in the same words.
"""

import os
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..core.attempt import Attempt
from ..core.context import Context
from ..core.dataclasses import replace
from ..core.errors import BadName, BadRef, Corrupted, NotInStore, PystoreWarning
from ..core.holding import Holding
from ..core.note import Note, parse_note, place_of, standing
from ..core.printable import listed
from ..core.refs import DRef, RRef
from . import adopt, attempts, derivations, disk, rights, verdicts
from .layout import Layout
from .reader import Reader
from .writer import writer

_NAME = re.compile(r"[0-9a-f]{32}\.note\Z")
_TAKEN_WHERE_IT_STANDS = "take it away there: a realization, or --attempt N, attempt=N"
_DAY = 86_400 * 10**9  # [ns]


def notes_of(store: Reader, dref: DRef) -> list[Note]:
    """The notes and the standing tags of a derivation and all in it, the oldest first.

    None where nobody has noted anything, or the store does not know the derivation.
    """
    return standing(moves_of(store, dref))


def notes_in(store: Reader, held: Holding) -> list[Note]:
    """As `notes_of`, where it is known what the store holds: mostly, there are none."""
    return notes_of(store, held.dref) if held.noted else []


def moves_of(store: Reader, dref: DRef) -> list[Note]:
    """All notes, tags, and tags that were taken away, of a derivation, in no order."""
    layouts = store.parts.layout.readable
    found = {name: layout for layout in layouts for name in _names(layout, dref)}
    return [note for name, layout in found.items() if (note := _note(layout, dref, name))]


def _names(layout: Layout, dref: DRef) -> list[str]:
    return names_in(attempts.names(layout.attempts(dref)))


def names_in(listed: Iterable[str]) -> list[str]:
    """The names of notes among names of files."""
    return [name for name in listed if name.endswith(".note") and _NAME.match(name)]


def _note(layout: Layout, dref: DRef, name: str) -> Note | None:
    path = f"{layout.attempts(dref)}/{name}"
    try:
        return parse_note(dref, name[:32], disk.read(path))
    except FileNotFoundError:
        return None  # it was removed just now
    except Corrupted as error:
        warnings.warn(f"{error.what}: {path}; it is left out", PystoreWarning, stacklevel=2)
        return None


def damage(folder: str, name: str, dref: DRef) -> str:
    """The fault of the file of a note; empty if there is none."""
    try:
        parse_note(dref, name[:32], disk.read(f"{folder}/{name}"))
    except Corrupted as error:
        return error.what
    return ""


# --- writing ---------------------------------------------------------------------------


def add(
    store: Reader,
    ref: DRef | RRef,
    attempt: Attempt | None = None,
    *,
    text: str = "",
    tag: str = "",
    removed: bool = False,
    because: str = "",
) -> Note:
    """Writes a note, a tag, or that a tag is taken away. Raises NotInStore, BadRef."""
    _check_known(store, ref, attempt)
    about, place = _place(ref, attempt)
    time = max(store.parts.clock(), _last(store, about, place, tag) + 1)  # NW3
    note = Note(about, place, text, tag, time, writer(), removed, because)
    derivations.record(store.parts, [store.config(ref.dref)])  # it may be known below only
    with store.parts.session.open_gate():
        put(store, ref.dref, {f"{note.digest}.note": note.file_text})
    return note


def put(store: Reader, dref: DRef, files: Mapping[str, bytes]) -> None:
    """Puts files of notes beside the attempts of a known derivation. Call it inside the gate."""
    told = [parse_note(dref, name[:32], text) for name, text in files.items()]
    _put(store, dref, files, told)
    for copy in (copy for note in told for copy in _copies(store, note)):
        home = copy.ref.dref
        derivations.record(store.parts, [store.config(home)])  # it may be known below only
        _put(store, home, {f"{copy.digest}.note": copy.file_text}, [copy])


def _put(store: Reader, dref: DRef, files: Mapping[str, bytes], told: Iterable[Note]) -> None:
    parts = store.parts
    folder = parts.layout.attempts(dref)
    if files:
        rights.ensure_folder(folder)
    for note in told:  # before the notes: who has a note is not sent it again
        _reject(folder, note, parts.tmp)
    for name, text in files.items():
        disk.put(f"{folder}/{name}", text, tmp=parts.tmp, durable=parts.durable)
    if files and parts.durable:
        disk.sync_directory(folder)


def _reject(folder: str, note: Note, tmp: Path) -> None:
    """Makes sure that a realization is rejected here, if a note says so (NW4)."""
    rref = note.ref
    if note.because and isinstance(rref, RRef) and not verdicts.stands(folder, rref, "rejected"):
        facts = {"reason": note.because, "by": os.geteuid(), "at": note.time}
        verdicts.put(folder, rref, "rejected", facts, tmp)


def _copies(store: Reader, note: Note) -> list[Note]:
    """The same rejection for each copy of its realization that has none (NW5)."""
    rref = note.ref
    if not note.because or not isinstance(rref, RRef):
        return []
    layout, made = store.parts.layout, [a for a in store.attempts(rref.dref) if a.rref == rref]
    found = adopt.copies(layout, rref, made, adopt.digests_of(layout, rref, made))
    return [replace(note, ref=copy) for copy in sorted(found) if not store.rejection(copy)]


def reject_as_its_copies(store: Reader, rref: RRef, made: Sequence[Attempt], digest: str) -> None:
    """Rejects a realization that has come if a copy of it is rejected (NW5).

    `digest` is that of its resolved config. Call it inside the gate.
    """
    for copy in sorted(adopt.copies(store.parts.layout, rref, made, [digest])):
        noted = notes_of(store, copy.dref) if store.rejection(copy) else []
        for note in (replace(one, ref=rref) for one in noted if one.because and one.ref == copy):
            put(store, rref.dref, {f"{note.digest}.note": note.file_text})


def standing_at(store: Reader, ref: DRef | RRef, attempt: Attempt | None) -> list[Note]:
    """The notes and the standing tags at one place, without those on what lies in it."""
    place = _place(ref, attempt)
    return [note for note in notes_of(store, ref.dref) if (note.ref, note.attempt) == place]


def check_stands(store: Reader, ref: DRef | RRef, attempt: Attempt | None, tag: str) -> None:
    """Raises BadName when a tag does not stand at a place."""
    there = [note.tag for note in standing_at(store, ref, attempt) if note.tag]
    if tag not in there:
        elsewhere = [note for note in notes_of(store, ref.dref) if note.tag == tag]
        raise BadName(
            "no such tag",
            tag=tag,
            ref=ref,
            attempt=attempt and attempt.number,
            tags=listed(there) or "none",
            it_stands_on=listed(place_in_words(store, note) for note in elsewhere) or None,
            remedy=_TAKEN_WHERE_IT_STANDS if elsewhere else "name a tag that stands there",
        )


def place_in_words(store: Reader, note: Note, written: Callable[[DRef | RRef], str] = str) -> str:
    """The realization or derivation that a note is about, or the attempt with its number."""
    if not note.attempt:
        return written(note.ref)
    numbers = [a.number for a in store.attempts(note.ref.dref) if place_of(a) == note.attempt]
    return f"attempt {numbers[0] if numbers else 'that is not here'} of {written(note.ref)}"


def _place(ref: DRef | RRef, attempt: Attempt | None) -> tuple[DRef | RRef, str]:
    return (ref, "") if attempt is None else (ref.dref, place_of(attempt))


def _check_known(store: Reader, ref: DRef | RRef, attempt: Attempt | None) -> None:
    if attempt is not None and not attempt.start:
        raise BadRef(
            "the claim of this attempt is damaged, so that it cannot be told from others",
            ref=ref,
            attempt=attempt.number,
            remedy="put the note on its derivation",
        )
    if attempt is not None or isinstance(ref, DRef):
        store.config(ref.dref)
    elif ref not in {*store.realizations(ref.dref), *(a.rref for a in store.attempts(ref.dref))}:
        raise NotInStore("no attempt made this", ref=ref, remedy="attempts(dref) lists them")


def _last(store: Reader, ref: DRef | RRef, place: str, tag: str) -> int:
    """The time of the last move of a tag at a place [ns since the epoch]; 0 without one."""
    if not tag:
        return 0
    moves = moves_of(store, ref.dref)
    same = (m.time for m in moves if (m.ref, m.attempt, m.tag) == (ref, place, tag))
    return max(same, default=0)


# --- travelling ------------------------------------------------------------------------


def texts_about(store: Reader, contexts: Mapping[RRef, Context]) -> dict[DRef, dict[str, bytes]]:
    """The files of the notes that go with these realizations and their attempts.

    A note about another realization, or an attempt in another context, stays here. A rejection goes
    with the attempts that made the realization.
    """
    return {
        dref: files
        for dref in sorted({rref.dref for rref in contexts})
        if (files := _texts(store, dref, contexts))
    }


def _texts(store: Reader, dref: DRef, contexts: Mapping[RRef, Context]) -> dict[str, bytes]:
    digests = {context.digest for rref, context in contexts.items() if rref.dref == dref}
    made = cache(lambda: {a.rref for a in store.attempts(dref) if a.context in digests})
    found: dict[str, bytes] = {}
    for layout in store.parts.layout.readable:
        for name in _names(layout, dref):
            note = _note(layout, dref, name)
            if note is not None and _goes(note, contexts, digests, made):
                with suppress(FileNotFoundError):  # it was removed just now
                    found[name] = disk.read(f"{layout.attempts(dref)}/{name}")
    return found


def _goes(
    note: Note,
    contexts: Collection[RRef],
    digests: Collection[str],
    made: Callable[[], Collection[RRef | None]],
) -> bool:
    if isinstance(note.ref, RRef):
        return note.ref in contexts or bool(note.because and note.ref in made())
    return not note.attempt or note.attempt[:32] in digests


def known(store: Reader, dref: DRef) -> set[str]:
    """The names of the files of all notes of a derivation."""
    return {name for layout in store.parts.layout.readable for name in _names(layout, dref)}


def check(dref: DRef, name: str, text: bytes, now: int) -> bytes:
    """The text of a note from others, if it is one. Raises Corrupted."""
    if parse_note(dref, name[:32], text).time > now + _DAY:
        raise Corrupted("a note from the future")
    return text
