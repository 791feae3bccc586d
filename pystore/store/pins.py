"""Pins: names for realizations that gc must keep, as links under `roots/`."""

import os
from pathlib import Path

from ..core.errors import BadName, BadRef, NotInStore
from ..core.printable import listed
from ..core.refs import RRef, check_name
from . import disk, rights, seen_moves
from .composing import pin_moved
from .pin_changes import note_change
from .reader import Reader


@rights.explained
def pin(store: Reader, rref: RRef, name: str, url: str = "") -> None:
    """Makes sure that gc keeps a realization, and everything it was built from, under this name.

    A name that is taken now means the new one. `url` is that of the remote whose pin is followed.
    Raises NotInStore when the store lacks it.
    """
    check_name(name)
    target = Path(store.parts.layout.realization(rref))
    with store.parts.session.open_gate():
        store.own.path(rref)
        if (before := rref_at(store, store.parts.layout.roots / name)) != rref:
            note_change(store, name, rref, before, url)
        staged = store.parts.tmp / disk.fresh_name()
        os.symlink(os.path.relpath(target, store.parts.layout.roots), staged)
        os.rename(staged, store.parts.layout.roots / name)
    if store.parts.durable:
        disk.sync_directory(store.parts.layout.roots)
    if before != rref:
        pin_moved(str(store.root), name, rref, before or "")


@rights.explained
def unpin(store: Reader, name: str) -> None:
    """Makes sure that this name keeps nothing any more, and forgets its moves at remotes.

    Raises BadName when no pin has it.
    """
    check_name(name)
    seen_moves.forget(store.parts, name)
    place = store.parts.layout.roots / name
    try:
        if os.path.islink(place) and (before := rref_at(store, place)):
            with store.parts.session.open_gate():
                note_change(store, name, None, before, "")
        os.unlink(place)
    except FileNotFoundError:
        there = listed(pins(store))
        remedy = "name one of them" if there else ""
        raise BadName("no such pin", name=name, pins=there or "none", remedy=remedy) from None


def pins(store: Reader) -> dict[str, RRef]:
    """The pinned realizations by their names, sorted."""
    names = sorted(os.listdir(store.parts.layout.roots))
    found = {name: rref_at(store, store.parts.layout.roots / name) for name in names}
    return {name: rref for name, rref in found.items() if rref is not None}


def rref_at(store: Reader, path: Path) -> RRef | None:
    """The realization that a path leads into, through links; its bytes may be gone."""
    try:
        home, digest = Path(os.path.realpath(path)).relative_to(store.parts.layout.drv).parts[:2]
        return RRef(f"rref:{digest}-{home}")
    except (ValueError, BadRef):
        return None


def roots_at(store: Reader, path: Path) -> set[RRef]:
    """The realizations that a path, or the links in a directory, lead into.

    Raises NotInStore when there is none.
    """
    inside = rref_at(store, path)
    if inside is not None:
        return {inside}
    links = list(path.iterdir()) if os.path.isdir(path) else []
    found = {rref for link in links if (rref := rref_at(store, link)) is not None}
    if found:
        return found
    raise NotInStore(
        "a path to keep leads to no realization of this store",
        path=path,
        store=store.root,
        remedy="name a link to rref2path(rref), or a directory of such links",
    )
