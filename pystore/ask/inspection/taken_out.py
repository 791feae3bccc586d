"""Taking out: copies artifacts of a realization to a place of the user's.

TX1  The copy appears whole or not at all, is as the manifest says, and shares no file with the
    store.
TX2  Nothing that is there is replaced, but for one file where that is asked for.
TX3  Nothing is copied into a store.
"""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

from ...core.errors import BadPlace, BadRef, Corrupted
from ...core.manifest import Entry
from ...core.printable import printable
from ...core.refs import RRef, check_part
from ...store import disk
from ...store.home import expanded
from ...store.layout import exists
from ...store.store import Store
from .lookup import lacking, rref2path

_CHUNK = 1 << 20  # [bytes]


def take_out(rref: RRef, path: str, to: str, store: Store, *, force: bool = False) -> Path:
    """Copies an artifact, or all below a path, to a new place; returns the place.

    Where `to` is a folder, the copy lies in it; with a / at its end, a file needs one. Raises
    NotInStore, Corrupted, BadRef where a link leads out of what is copied, BadPlace where something
    is there, or inside of a store.
    """
    steps = [check_part(step) for step in path.strip("/").split("/") if step not in ("", ".")]
    out, wanted = rref2path(rref, store=store), os.fsencode("/".join(steps))
    entries = store.manifest(rref).entries
    found = [e for e in entries if not steps or e.path == wanted or _is_in(e.path, wanted)]
    if not found and steps:
        raise lacking(rref, "/".join(steps), store.manifest(rref), remedy="pystore tree REF")
    single = len(found) == 1 and found[0].path == wanted and found[0].kind == "file"
    folder = expanded(Path(to))
    if single and to.endswith("/") and not folder.is_dir():
        raise BadPlace("no such folder", path=folder, remedy="make it first")
    place = _place(folder, steps[-1] if steps else rref.name, single, force)
    _refuse_leaving(rref, found, wanted)
    staged = place.with_name(f".{place.name[:100]}.{disk.fresh_name()}")
    try:
        if single:
            _copy_file(out, found[0], staged)
        else:
            _copy_folder(out, found, wanted, staged)
        _put(staged, place, single, force)
    finally:
        if staged.is_dir() and not staged.is_symlink():
            shutil.rmtree(staged)
        else:
            staged.unlink(missing_ok=True)
    return place


def _is_in(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder + b"/")


def _place(to: Path, name: str, single: bool, force: bool) -> Path:
    place = to / name if to.is_dir() else to
    if os.path.lexists(place) and not (single and force and place.is_file()):
        raise BadPlace(
            "something is there already",
            path=place,
            remedy="name another place"
            + (", or replace the file: --force" if single and place.is_file() else ""),
        )
    if not place.parent.is_dir():
        raise BadPlace("no such folder", path=place.parent, remedy="make it first")
    if (root := _store_around(place)) is not None:
        raise BadPlace(
            "a copy inside of a store would be in the way there",
            path=place,
            store=root,
            remedy="name a place outside of it",
        )
    return place


def _store_around(place: Path) -> Path | None:
    """The folder of the store in which a place is; None where it is in none."""
    folder = Path(os.path.realpath(place.parent))
    return next((one for one in (folder, *folder.parents) if exists(one)), None)


def _refuse_leaving(rref: RRef, entries: Iterable[Entry], folder: bytes) -> None:
    """Raises BadRef where a link leads out of what is copied: it would lead to something else."""
    for entry in entries:
        if entry.kind != "link":
            continue
        where = os.path.normpath(os.path.join(os.path.dirname(entry.path), entry.target))
        inside = not where.startswith((b"/", b"..")) if not folder else _is_in(where, folder)
        if not (inside or where == folder):
            raise BadRef(
                "a link leads out of what is to be copied",
                rref=rref,
                link=printable(entry.path),
                target=printable(entry.target),
                remedy="copy a folder that holds both, or the target itself",
            )


def _copy_folder(out: Path, entries: Iterable[Entry], folder: bytes, staged: Path) -> None:
    staged.mkdir()
    for entry in entries:
        rest = entry.path[len(folder) :].lstrip(b"/")
        target = staged / os.fsdecode(rest) if rest else staged
        if entry.kind == "directory":
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "link":
            target.symlink_to(os.fsdecode(entry.target))
        else:
            _copy_file(out, entry, target)


def _copy_file(out: Path, entry: Entry, target: Path) -> None:
    hasher = blake3()
    with disk.open_regular(out / os.fsdecode(entry.path)) as source, target.open("xb") as copy:
        while content := source.read(_CHUNK):
            hasher.update(content)
            copy.write(content)
    if hasher.hexdigest() != entry.digest:
        raise Corrupted(
            "an artifact has other bytes than its manifest says",
            path=printable(entry.path),
            remedy="pystore verify; what is damaged is built again",
        )
    if entry.executable:
        target.chmod(target.stat().st_mode | 0o111)


def _put(staged: Path, place: Path, single: bool, force: bool) -> None:
    try:
        if single and not force:
            _link(staged, place)
        else:
            os.rename(staged, place)  # a folder replaces only an empty one
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise BadPlace(
            "something is there already", path=place, remedy="name another place"
        ) from None


def _link(staged: Path, place: Path) -> None:
    """Gives a file its place, and replaces nothing."""
    try:
        os.link(staged, place)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        os.rename(staged, place)
