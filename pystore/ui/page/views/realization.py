"""Realization: its metrics, files, history, log and code; of a classifier, where it is wrong."""

import json
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ....app.confusion import confusion_of, evidence_in
from ....app.evidence import Evidence, errors_among, intervals_of
from ....ask.inspection.attempts import as_run, log_of
from ....ask.inspection.details import Details, details
from ....ask.inspection.ran_code import code_of_attempt
from ....ask.inspection.used_by import used_by
from ....core.errors import NotInStore
from ....core.manifest import Entry
from ....core.note import tags_among
from ....core.refs import RRef
from ....store.store import Store
from ....store.users import users_of
from ..artifact import MOST, end_of, file_at, may_be_picture, picture_kind, text_of
from ..asked import Asked, Sent, Shown

_FILES, _PICTURES, _USERS, _WRONG = 500, 12, 200, 50
_DIGITS = 20  # of a place


def show(asked: Asked) -> Shown:
    """A realization, whether its bytes are here or not."""
    store, rref = asked.store, asked.rref(asked.path["ref"])
    one = details(rref, store)
    entries = _entries(rref, store) if one.path else ()
    latest = one.attempts[-1] if one.attempts else None
    kept = evidence_in(one.path) if one.path and _has_evidence(entries) else None
    confusion = confusion_of(kept) if kept else None
    users = used_by(rref, store)
    wrong = errors_among(kept) if kept else []
    values: dict[str, Any] = {
        "rref": rref, "one": one, "latest": latest, "tagged": tags_among(one.noted),
        "noted": [note for note in one.noted if note.text], "files": _files(entries),
        "count": len(entries), "size": sum(entry.size for entry in entries),
        "pictures": _pictures(rref, entries, store),
        "opened": _opened(asked, rref, entries), "users": users[:_USERS], "used": len(users),
        "processes": users_of(store).get(rref, ()),
        "log": end_of(log_of(as_run(latest, store), store).path) if latest else "",
        "code": code_of_attempt(latest, store) if latest else None,
        "metrics": _metrics(one, kept), "confusion": confusion,
        "wrong": wrong[:_WRONG], "wrongs": len(wrong), "tested": len(kept.truth) if kept else 0,
        "config": json.dumps(one.config.value, indent=1, ensure_ascii=False),
    }  # fmt: skip
    data = {
        **one.to_dict(), "files": [entry._asdict() for entry in entries], "used_by": users,
        "processes": values["processes"],
        "log": values["log"], "confusion": confusion, "errors": values["wrong"],
    }  # fmt: skip
    return Shown("realization.html", rref.name, values, data, asked.command("show", rref))


def file(asked: Asked) -> Sent:
    """A file, to be saved."""
    rref, entry, path = _asked_file(asked)
    name = os.fsdecode(entry.path).rpartition("/")[2]
    return Sent(path, rref, save_as=name)


def picture(asked: Asked) -> Sent:
    """A picture, to be shown where it may run nothing. Raises NotInStore for another file."""
    rref, _, path = _asked_file(asked)
    kind = picture_kind(path)
    if kind is None:
        raise NotInStore("this file is no picture", rref=rref, remedy="save it, and look")
    return Sent(path, rref, media_type=kind)


def _asked_file(asked: Asked) -> tuple[RRef, Entry, Path]:
    rref = asked.rref(asked.path["ref"])
    place = asked.path["place"]
    at = int(place) if place.isdecimal() and len(place) < _DIGITS else -1
    return rref, *file_at(rref, at, asked.store)


def _entries(rref: RRef, store: Store) -> tuple[Entry, ...]:
    try:
        return store.manifest(rref).entries
    except NotInStore:
        return ()  # it was removed just now


def _files(entries: tuple[Entry, ...]) -> list[tuple[int, str, Entry]]:
    """The first entries, each with its place and its path as text."""
    some = islice(enumerate(entries), _FILES)
    return [(at, entry.path.decode("utf-8", "surrogateescape"), entry) for at, entry in some]


def _pictures(rref: RRef, entries: tuple[Entry, ...], store: Store) -> list[int]:
    """The places of the first pictures, by their names and their first bytes."""
    named = islice(
        (at for at, entry in enumerate(entries[:_FILES]) if may_be_picture(entry)), _PICTURES
    )
    return [at for at in named if picture_kind(file_at(rref, at, store)[1])]


def _opened(asked: Asked, rref: RRef, entries: tuple[Entry, ...]) -> dict[str, Any] | None:
    """The text that is shown: `?show=3`."""
    place = asked.number("show", len(entries))
    if "show" not in asked.query:
        return None
    entry, path = file_at(rref, place, asked.store)
    name = entry.path.decode("utf-8", "surrogateescape")
    return {"name": name, "text": text_of(path), "cut": entry.size > MOST, "place": place}


def _has_evidence(entries: tuple[Entry, ...]) -> bool:
    return any(entry.path == b"evidence.json" and entry.kind == "file" for entry in entries)


def _metrics(one: Details, kept: Evidence | None) -> Mapping[str, Any]:
    """The metrics of the latest attempt; of a share of right rows, its interval too."""
    told = one.attempts[-1].metrics if one.attempts else {}
    return intervals_of(kept, told)
