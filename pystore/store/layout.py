"""Layout: the paths in a store, and the file that marks a directory as a store.

docs/format.md is the exact format.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..core.dataclasses import dataclass
from ..core.errors import BadRef, BadStage, Corrupted, FormatTooNew, NotAStore
from ..core.options import Seeds
from ..core.printable import listed
from ..core.refs import DRef, RRef
from . import disk, rights
from .mounts import apart

FORMAT = 1
_FOLDERS = ("drv", "resolved", "tmp", "trash", "locks", "roots", "links", "seen", "pinned", "code")
# Between these, files are renamed.
_RENAMED = ("drv", "tmp", "trash", "resolved", "roots", "seen", "pinned", "code")
_MARK = "pystore.json"
# The errors of link(2) on file systems without hard links: vfat, others, and FUSE.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
ATTEMPTS = "/attempts"  # within the directory of a derivation
MATCHER = ".matcher"  # at the end of the name of a file in it, which tells a matcher that chose
_OWN_SEEDS = "seeds"  # the feature of a store whose seeds are its own
PACKED = "packed"  # the feature of a store in which records may be in packs
_FEATURES = {_OWN_SEEDS, PACKED}

Ref = TypeVar("Ref", DRef, RRef)


class Layout:
    """The paths of one store, and of the store below it."""

    def __init__(self, root: Path, below: "Layout | None" = None) -> None:
        self.root = root
        self.below = below
        self.drv = root / "drv"
        self.resolved = root / "resolved"
        self.tmp = root / "tmp"
        self.trash = root / "trash"
        self.locks = root / "locks"
        self.roots = root / "roots"
        self.links = root / "links"
        self.seen = root / "seen"
        self.code = root / "code"
        self.pinned = root / "pinned"
        self.gate = self.locks / "gc.lock"
        self._drv = str(self.drv) + os.sep

    def home(self, name: str) -> str:
        """The directory of the derivation `dref:<name>`."""
        return self._drv + name

    def derivation(self, dref: DRef) -> str:
        """The directory of a derivation."""
        return self._drv + dref[5:]

    def config(self, dref: DRef) -> str:
        """The file with the canonical text of the config of a derivation."""
        return self._drv + dref[5:] + "/config.json"

    def attempts(self, dref: DRef) -> str:
        """The directory of the attempts of a derivation."""
        return self._drv + dref[5:] + ATTEMPTS

    def beside(self, dref: DRef, context: str, number: int, suffix: str) -> str:
        """A file or directory that belongs to one attempt."""
        return f"{self.attempts(dref)}/{context}.{number}.{suffix}"

    def realization(self, rref: RRef) -> str:
        """The directory of a realization: `out/`, the manifest and the context."""
        return self._drv + rref[38:] + "/" + rref[5:37]

    def out(self, rref: RRef) -> str:
        """The directory of the artifacts of a realization."""
        return self.realization(rref) + "/out"

    def realizations(self, dref: DRef, prefix: str = "") -> Iterator[RRef]:
        """The realizations on disk whose digits start with `prefix`, in no order.

        Raises FileNotFoundError.
        """
        names = [n for n in entries(self.derivation(dref), prefix[:32]) if len(n) == 32]
        texts = (f"rref:{name}-{dref[5:]}" for name in names)
        return well_formed(RRef, (text for text in texts if text.startswith(prefix, 5)))

    def folders(self, name: str) -> list[str]:
        """The names in the folder of the derivation `dref:<name>`; none if there is no folder."""
        try:
            return entries(self.home(name))
        except FileNotFoundError:
            return []

    def has(self, rref: RRef) -> bool:
        """Whether the artifacts of a realization are there. A link does not count."""
        realization = self.realization(rref)
        try:
            return (
                stat.S_ISDIR(os.stat(realization + "/out").st_mode)
                and not stat.S_ISLNK(os.lstat(realization).st_mode)
                and not stat.S_ISLNK(os.lstat(realization[:-33]).st_mode)
            )
        except (OSError, ValueError):
            return False

    @property
    def readable(self) -> list["Layout"]:
        """This layout, and the layout of the store below while its disk is there."""
        return [self, self.below] if self.below and os.path.isdir(self.below.drv) else [self]

    def keeper(self, dref: DRef) -> "Layout":
        """The layout of the store that knows a derivation; this one if none does."""
        known = (one for one in self.readable if os.path.isdir(one.derivation(dref)))
        return next(known, self)

    def holder(self, rref: RRef) -> "Layout":
        """The layout of the store that has a realization; this one if none has."""
        if self.below is None or self.has(rref):
            return self
        return self.below if self.below.has(rref) else self

    def lock(self, dref: DRef, context: str) -> Path:
        """The lock file of one (derivation, context)."""
        return self.locks / f"{dref.digest}-{context}.lock"


def entries(path: str, prefix: str = "") -> list[str]:
    """The names in a folder that start with `prefix`; links are left out."""
    with os.scandir(path) as found:
        names = [entry.name for entry in found if not entry.is_symlink()]
    return [name for name in names if name.startswith(prefix)] if prefix else names


def well_formed(kind: type[Ref], texts: Iterable[str]) -> Iterator[Ref]:
    """The references among these texts. Other texts are names that pystore has not made."""
    for text in texts:
        try:
            yield kind(text)
        except BadRef:
            continue


@dataclass(frozen=True)
class Mark:
    """The content of the file that marks a directory as a store."""

    id: str
    salt: str = ""  # part of each seed; "" for the seeds that all stores share


def open_root(root: Path, seeds: Seeds | None = None) -> Mark:
    """The mark of the store at `root`. Makes an empty store if nothing is there.

    Raises NotAStore when `root` holds other things, or a store without the requested `seeds`;
    FormatTooNew when a later version of pystore wrote it.
    """
    _check_seeds(seeds)
    try:
        mark = read_mark(root)
    except FileNotFoundError:
        _make(root, seeds)
        mark = read_mark(root)
    if seeds and not mark.salt:
        raise NotAStore(
            "this store has the seeds that all stores share, and they cannot be changed",
            path=root,
            remedy="make another one: pystore init PATH --seeds own",
        )
    for folder in _FOLDERS:
        if not (root / folder).is_dir():  # deleted by hand
            _make_again(root / folder)
    _check_mounts(root)
    return mark


def open_below(root: Path) -> Layout:
    """The paths of a store that is only read. Raises NotAStore, FormatTooNew."""
    try:
        read_mark(root)
    except FileNotFoundError:
        raise NotAStore(
            "there is no store below",
            path=root,
            remedy="mount it, or leave `below` out: its results are then built again",
        ) from None
    return Layout(root)


def _make_again(folder: Path) -> None:
    try:
        rights.ensure_folder(folder)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise  # a store that cannot be written can still be read


def exists(root: Path) -> bool:
    """Whether a store is there."""
    return (root / _MARK).is_file()


def _check_seeds(seeds: object) -> None:
    if seeds not in (None, "own"):
        raise BadStage(
            f"seeds={seeds!r} says nothing",
            remedy='write seeds="own", or leave it out for the seeds that all stores share',
        )


def read_mark(root: Path) -> Mark:
    """The mark of the store at `root`. Raises FileNotFoundError, NotAStore, FormatTooNew."""
    try:
        text = disk.read(root / _MARK)
    except NotADirectoryError:
        raise NotAStore("not a directory", path=root, remedy="name another path") from None
    except Corrupted:
        text = b""  # something else is in its place
    try:
        mark = json.loads(text)
        version, identity, features = mark["format"], str(mark["id"]), list(mark["features"])
        salt = str(mark["salt"]) if _OWN_SEEDS in features else ""
    except (ValueError, KeyError, TypeError):
        raise Corrupted(
            f"{_MARK} is damaged",
            path=root / _MARK,
            remedy='write {"digest":"blake3","features":[],"format":1,"id":"<32 hex>"} into it',
        ) from None
    if version != FORMAT or set(map(str, features)) - _FEATURES:
        raise FormatTooNew(
            "this store needs a later version of pystore",
            path=root,
            format=version,
            features=listed(features) or None,
            known=FORMAT,
            remedy="upgrade pystore, or name another path",
        )
    return Mark(identity, salt)


def add_feature(root: Path, feature: str) -> None:
    """Makes sure that versions without this feature do not open the store. Close the gate."""
    read_mark(root)
    mark = json.loads(disk.read(root / _MARK))
    if feature not in mark["features"]:
        mark["features"] = sorted([*mark["features"], feature])
        text = (json.dumps(mark, sort_keys=True) + "\n").encode()
        disk.publish(str(root / _MARK), text, tmp=root / "tmp", durable=True)


def check_place(root: Path) -> None:
    """Raises NotAStore if no store can be made at `root`. Changes nothing on the disk."""
    there = next(folder for folder in (root, *root.parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise _no_place(root, NotADirectoryError(errno.ENOTDIR, "Not a directory", str(there)))
    if not os.access(there, os.W_OK | os.X_OK):
        raise _no_place(root, PermissionError(errno.EACCES, "Permission denied", str(there)))
    if there == root:
        _check_empty(root)


def _make(root: Path, seeds: Seeds | None) -> None:
    needed = (*(root / folder for folder in _FOLDERS), root, *root.parents)
    missing = [folder for folder in needed if not os.path.lexists(folder)]
    try:
        _make_folders(root)
        _check_mounts(root)
        mark = {"format": FORMAT, "digest": "blake3", "id": disk.fresh_name(), "features": []}
        if seeds:
            mark |= {"features": [_OWN_SEEDS], "salt": disk.fresh_name()}
        _publish_once(root, (json.dumps(mark, sort_keys=True) + "\n").encode())
    except BaseException:
        for folder in [] if exists(root) else missing:
            with suppress(OSError):  # it was not made, or another process has filled it
                os.rmdir(folder)
        raise


def _make_folders(root: Path) -> None:
    try:
        os.makedirs(root.parent, exist_ok=True)
        rights.ensure_folder(root)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise _no_place(root, error) from error
    _check_empty(root)
    if os.stat(root).st_mode & stat.S_IWGRP and rights.is_ours(root):
        rights.share(root)  # then every new file gets the group of the folder
    for folder in _FOLDERS:
        rights.ensure_folder(root / folder)


def _check_mounts(root: Path) -> None:
    """Raises NotAStore if files cannot be renamed from one folder of the store to another."""
    try:
        mounted = apart([root, *(root / folder for folder in _RENAMED)])
    except FileNotFoundError:
        return  # a folder is missing in a store that cannot be written
    if mounted:
        raise NotAStore(
            "parts of the store are mounted apart, so that files cannot be renamed between them",
            path=root,
            apart=listed(mounted),
            remedy="mount the folder of the store as a whole; for the files of realizers, "
            "custom_tmp may name another folder on the same mount",
        )


def _no_place(
    root: Path,
    error: OSError,
    why: str = "",
    remedy: str = "name a place of yours: set PYSTORE_ROOT, or call store_initialize(path)",
) -> NotAStore:
    return NotAStore(
        "no store can be made here" + (why and f": {why}"),
        path=root,
        because=str(error),
        owner=None if why else rights.owner_of(root),
        errno=error.errno,
        remedy=remedy,
    )


def _check_empty(root: Path) -> None:
    strange = sorted(set(os.listdir(root)) - {*_FOLDERS, _MARK})
    if strange:
        raise NotAStore(
            "the directory is not empty, and no store",
            path=root,
            holds=listed(strange, most=5),
            remedy="name a new or empty directory",
        )


def _publish_once(root: Path, text: bytes) -> None:
    # A link never replaces a file: if many processes make one store, the first one marks it.
    staged = root / "tmp" / disk.fresh_name()
    disk.write_new(staged, text, durable=True)
    try:
        os.link(staged, root / _MARK)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise _no_place(
            root, error, "its file system has no hard links", "name a folder on another disk"
        ) from None
    finally:
        disk.remove_file(staged)
    disk.sync_directory(root)
    disk.sync_directory(root.parent)
