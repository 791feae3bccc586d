"""Rights: which users may use the files of a store, and what the system refuses.

RI1  Folders and lock files get the rights of the umask, or of the default access list above.
RI2  Below a folder that its group may write, and hands down (setgid), they get the group's rights,
    whatever the umask is. So the folder of a store says whether a group shares it.
RI3  What the system refuses to do is told with its path, its owner, and what to try.
"""

import errno
import functools
import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from types import FunctionType
from typing import NamedTuple, ParamSpec, TypeVar

from ..core.errors import NoAccess
from ..core.printable import printable
from .descriptors import Kept

P = ParamSpec("P")
Result = TypeVar("Result")
Kind = TypeVar("Kind", bound=type)
Place = str | os.PathLike[str]

_HANDED_DOWN = stat.S_ISGID | stat.S_IWGRP
_FOLDER = stat.S_ISGID | stat.S_IRWXG
_FILE = stat.S_IRGRP | stat.S_IWGRP


class Obstacle(NamedTuple):
    """A path that was left where it is, or unread, because of its owner or the system."""

    path: str
    owner: str
    because: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.because}; it belongs to {self.owner}"


def shared(folder: Place) -> bool:
    """Whether the group of a folder may use the files that are made in it (RI2)."""
    return os.stat(folder).st_mode & _HANDED_DOWN == _HANDED_DOWN


def make_folder(path: Place) -> None:
    """Makes a folder, with the rights of RI1 and RI2. Raises FileExistsError."""
    os.mkdir(path)
    if shared(os.path.dirname(path)):
        _add(path, os.stat(path).st_mode, _FOLDER)


def ensure_folder(path: Place) -> None:
    """Makes sure that there is a folder, with the rights of RI1 and RI2."""
    try:
        make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def share(path: Place) -> None:
    """Lets the group of a file use it; of a folder, also all that is made in it from now on."""
    mode = os.stat(path).st_mode
    _add(path, mode, _FOLDER if stat.S_ISDIR(mode) else _FILE)


def open_file(path: Place, flags: int) -> Kept:
    """Opens a file; a new one gets the rights of RI1 and RI2."""
    file = Kept(path, flags | os.O_CREAT)
    try:
        status = os.fstat(file.number)
        if status.st_uid == os.geteuid() and shared(os.path.dirname(path)):
            _add(file.number, status.st_mode, _FILE)
    except BaseException:
        file.close()
        raise
    return file


def _add(place: Place | int, mode: int, rights: int) -> None:
    if mode & rights != rights:
        os.chmod(place, stat.S_IMODE(mode) | rights)


def is_ours(path: Place) -> bool:
    """Whether we may move or empty the file or folder at a path, whatever its mode is."""
    return may_take_all() or os.lstat(path).st_uid == os.geteuid()


def may_take_all() -> bool:
    """Whether all files and folders are ours, in the sense of `is_ours`, whoever made them."""
    return not os.geteuid()


def can_read(folder: Place) -> bool:
    """Whether we may list a folder; True where there is none."""
    return os.access(folder, os.R_OK | os.X_OK) or not os.path.lexists(folder)


def obstacle(path: Place, error: OSError | str) -> Obstacle:
    """The obstacle at a path, with its owner."""
    because = error if isinstance(error, str) else (error.strerror or str(error)).lower()
    return Obstacle(os.fspath(path), owner_of(path), because)


def owner_of(path: Place) -> str:
    """The name of the owner of a path, or of the nearest folder above that we can see."""
    for place in (Path(path), *Path(os.path.abspath(path)).parents):
        try:
            uid = os.lstat(place).st_uid
        except OSError:
            continue
        return user(uid) if place == Path(path) else f"{user(uid)} ({place})"
    return "nobody whom we can see"


def strange_owner(path: Place, also: Collection[int] = ()) -> int | None:
    """The owner of a path; None where that is the user who runs this, or one of `also`.

    For a link, both the link and its target are looked at. Raises FileNotFoundError.
    """
    own = {os.geteuid(), *also}
    owners = (status.st_uid for status in (os.lstat(path), os.stat(path)))
    return next((owner for owner in owners if owner not in own), None)


def user(uid: int) -> str:
    """The name and the number of a user."""
    import pwd  # only to tell a mistake

    try:
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    except KeyError:
        return f"user {uid}"


def group_of(path: Place) -> str:
    """The name of the group that a path belongs to."""
    import grp

    gid = os.stat(path).st_gid
    try:
        return f"{grp.getgrgid(gid).gr_name} ({gid})"
    except KeyError:
        return str(gid)


def refusal(error: PermissionError) -> NoAccess:
    """A PermissionError as an error of ours (RI3)."""
    if isinstance(error, NoAccess):
        return error
    what = error.strerror or str(error)
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
    told = NoAccess(
        what[:1].lower() + what[1:],
        path=path,
        to=error.filename2,
        owner=None if path is None else owner_of(path),
        we_are=user(os.geteuid()),
        errno=errno.errorcode.get(error.errno or 0),
        remedy=_remedy(error.errno, path),
    )
    told.errno, told.strerror, told.filename = error.errno, error.strerror, error.filename
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    return told


def _remedy(number: int | None, path: str | None) -> str:
    if path is not None and os.path.lexists(path) and is_ours(path):
        if number == errno.EPERM:
            return "see `lsattr` and `mount`: it may be immutable, or a mount that forbids this"
        return "it is yours: look at its mode and at those above it, and chmod what lacks a right"
    return (
        "ask its owner to do it, or to share the store: pystore init --shared group; or name a "
        "store of yours, PYSTORE_ROOT, with this one below it, PYSTORE_BELOW"
    )


def explained(function: Callable[P, Result]) -> Callable[P, Result]:
    """The same function, which raises NoAccess in place of PermissionError (RI3)."""

    @functools.wraps(function)
    def explaining(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except PermissionError as error:
            if isinstance(error, NoAccess):
                raise
            raise refusal(error) from error

    return explaining


def explained_methods(kind: Kind) -> Kind:
    """The same class, whose public methods are `explained`."""
    for name, member in list(vars(kind).items()):
        if isinstance(member, FunctionType) and not name.startswith("_"):
            setattr(kind, name, explained(member))
    return kind
