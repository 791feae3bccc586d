"""Noting: the functions with which users put notes and tags on what a store holds."""

from typing import Any

from ..core.attempt import Attempt
from ..core.errors import NotInStore
from ..core.note import Note, about, check_tag, check_text
from ..core.printable import listed
from ..core.refs import DRef, RRef, parse_ref
from . import notes as files
from .current import current_store
from .store import Store


def note(ref: Any, text: str, *, attempt: int | None = None, store: Store | None = None) -> Note:
    """Puts a note on a derivation, a realization, or an attempt: `note(rref, "wrong split")`.

    `ref` may be an Attempt. `attempt` is the number of one of this derivation, or of those that
    made this realization; the newest with this number is meant. A note is kept beside the record,
    dated, with its user, and travels with it. Nobody changes one. Raises NotInStore, BadStage.
    """
    told = check_text(text)
    store, whole, one = _meant(ref, attempt, store)
    return files.add(store, whole, one, text=told)


def tag(ref: Any, *tags: str, attempt: int | None = None, store: Store | None = None) -> list[Note]:
    """Makes sure that these tags stand: `tag(rref, "baseline", "paper")`; returns the new ones.

    `ref` and `attempt` as for `note`. Raises NotInStore, BadName for what can be no tag.
    """
    wanted = list(dict.fromkeys(map(check_tag, tags)))
    store, whole, one = _meant(ref, attempt, store)
    there = {note.tag for note in files.standing_at(store, whole, one)}
    return [files.add(store, whole, one, tag=text) for text in wanted if text not in there]


def untag(
    ref: Any, *tags: str, attempt: int | None = None, store: Store | None = None
) -> list[Note]:
    """Takes these tags away; that they stood stays in the history.

    `ref` and `attempt` as for `note`. Raises NotInStore, BadName where one does not stand there.
    """
    wanted = list(dict.fromkeys(map(check_tag, tags)))
    store, whole, one = _meant(ref, attempt, store)
    for text in wanted:
        files.check_stands(store, whole, one, text)
    return [files.add(store, whole, one, tag=text, removed=True) for text in wanted]


def notes(ref: Any, *, attempt: int | None = None, store: Store | None = None) -> list[Note]:
    """The notes and the tags that stand, the oldest first.

    Of a derivation, those on all that it holds; of a realization, those on it and on the attempts
    that made it; of an attempt, those on it alone. `ref` and `attempt` as for `note`.
    Raises NotInStore.
    """
    store, whole, one = _meant(ref, attempt, store)
    if one is not None:
        return files.standing_at(store, whole, one)
    store.config(whole.dref)
    made = [a for a in store.attempts(whole.dref) if a.rref == whole]
    return about(files.notes_of(store, whole.dref), whole, made)


def _meant(
    ref: Any, number: int | None, store: Store | None
) -> tuple[Store, DRef | RRef, Attempt | None]:
    store = current_store(store)
    if isinstance(ref, Attempt):
        return store, ref.dref, ref
    whole = parse_ref(ref)
    if number is None:
        return store, whole, None
    tried = [a for a in store.attempts(whole.dref) if whole in (a.dref, a.rref)]
    found = [a for a in tried if a.number == number]
    if found:
        return store, whole, found[-1]
    raise NotInStore(
        "no such attempt",
        ref=whole,
        attempt=number,
        there_are=listed(sorted({a.number for a in tried})) or "none",
        remedy="attempts(ref) lists them",
    )
