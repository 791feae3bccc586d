"""Trees of artifacts: hashes and removes them."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from ..core.errors import UnkeepableOutput
from ..core.manifest import Entry, Manifest, encode_name
from ..core.printable import counted
from . import mounts
from .descriptors import Opened, open_folder, open_status
from .in_turn import InTurn
from .walk import Step, named, open_up, step_at, walk

Digests = dict[tuple[int, int], tuple[int, str]]  # (device, inode) → (size, digest)

Loose = tuple[bytes, int]  # a path in a tree, and its mode

_CHUNK = 1 << 20
_SMALL = 1 << 16  # [bytes] up to which a file is read at once
_LARGE = 1 << 24  # [bytes] from which on a file is worth the start of threads
_THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)


def unseal(out: Path) -> None:
    """Lets the owner of a staged tree write into it again, though parts of it were sealed."""
    os.chmod(out, 0o755)
    for step in walk(out):
        mode = step.status.st_mode
        if not step.leaving and not stat.S_ISLNK(mode):
            os.chmod(step.name, mode & 0o777 | 0o600, dir_fd=step.folder)


def scan(out: Path, known: Digests | None = None) -> Manifest:
    """The manifest of a tree as it is; changes nothing.

    Files with several names are hashed once for all scans that are given the same `known`.
    """
    digests = {} if known is None else known
    return Manifest.of(entry for step in walk(out) if (entry := scan_step(step, digests)))


def entry_at(out: Path, path: bytes) -> Entry | None:
    """The entry at a path of a tree, as in a manifest. Raises FileNotFoundError."""
    with open_folder(os.path.dirname(os.path.join(os.fsencode(out), path))) as folder:
        return scan_step(step_at(folder, path, path.rpartition(b"/")[2]), {})


def writable(out: Path) -> Iterator[Loose]:
    """The paths in a sealed tree that are no longer sealed, with their modes."""
    return (loose for step in walk(out) if (loose := _loose(step)))


def scan_sealed(out: str, known: Digests, turn: InTurn) -> tuple[Manifest, list[Loose]]:
    """The manifest of a tree as by `scan`, and what of it is no longer sealed."""
    with open_folder(out) as folder:
        if (names := _only_files(folder)) is not None:
            return _scan_files(folder, names, known, turn)
    entries, found = [], []
    for step in walk(out):
        if entry := scan_step(step, known):
            entries.append(entry)
        if loose := _loose(step):
            found.append(loose)
    return Manifest.of(entries), found


def _only_files(folder: int) -> list[bytes] | None:
    """The names in a folder, sorted; None if something else than files is among them."""
    with os.scandir(folder) as found:
        names = [os.fsencode(e.name) if e.is_file(follow_symlinks=False) else b"" for e in found]
    return None if b"" in names else sorted(names)


def _scan_files(
    folder: int, names: list[bytes], known: Digests, turn: InTurn
) -> tuple[Manifest, list[Loose]]:
    """The same for a tree of files alone, as most are: each is looked at when it is open."""
    entries, found = [], []
    for name in names:
        if read := turn.hash(name, folder):
            status, digest = read
            size = status.st_size
        else:
            status, (size, digest) = _hash_once(name, folder, known)
        mode = status.st_mode
        entries.append(Entry(name, "file", mode & 0o100 != 0, size, digest))
        if mode & 0o7222:
            found.append((name, stat.S_IMODE(mode)))
    return Manifest(tuple(entries)), found


def _hash_once(name: bytes, folder: int, known: Digests) -> tuple[os.stat_result, tuple[int, str]]:
    """The status of a file in an open folder, and its size and digest, which may be known."""
    opened, status = open_status(name, folder, follow=False)
    with opened as descriptor:
        inode = (status.st_dev, status.st_ino)
        if (found := known.get(inode)) is None:
            found = hash_file(descriptor, name, status.st_size)
    if status.st_nlink > 1:
        known[inode] = found
    return status, found


def _loose(step: Step) -> Loose | None:
    mode = step.status.st_mode
    sealed = not mode & 0o7222 or step.leaving or stat.S_ISLNK(mode)
    return None if sealed else (step.path, stat.S_IMODE(mode))


def scan_step(step: Step, known: Digests) -> Entry | None:
    """The entry of a step through a tree; None for a folder that holds something."""
    mode = step.status.st_mode
    if stat.S_ISLNK(mode):
        return Entry(step.path, "link", target=os.readlink(step.name, dir_fd=step.folder))
    if stat.S_ISREG(mode):
        return _read_file(step, known)
    if step.is_directory:
        return Entry(step.path, "directory") if step.leaving and step.empty else None
    raise UnkeepableOutput(
        "a special file in a tree", path=encode_name(step.path), remedy="write a plain file"
    )


def _read_file(step: Step, known: Digests) -> Entry:
    executable = bool(step.status.st_mode & 0o100)
    inode = (step.status.st_dev, step.status.st_ino)
    if inode not in known:
        opened, status = open_step(step)
        with opened as descriptor:
            found = hash_file(descriptor, step.path, status.st_size)
        if step.status.st_nlink == 1:
            return Entry(step.path, "file", executable, *found)
        known[inode] = found
    return Entry(step.path, "file", executable, *known[inode])


def open_step(step: Step) -> tuple[Opened, os.stat_result]:
    """The regular file of a step, open to be read, and its status. Raises Irregular, OSError."""
    return open_status(step.name, step.folder, follow=False)


def hash_file(descriptor: int, name: bytes = b"", before: int = -1) -> tuple[int, str]:
    """The size and the digest of an open file, from its first byte to its last.

    `before` is the size that it had when it was opened, if that is known. Raises UnkeepableOutput
    when fewer or more bytes were read than it has, or its size changed.
    """
    if before < 0:
        before = os.fstat(descriptor).st_size
    size, digest = _hash(descriptor, before)
    after = os.fstat(descriptor).st_size
    if not before == size == after:
        raise UnkeepableOutput(
            "a file was not read whole, or changed meanwhile",
            path=encode_name(name) or None,
            read=counted(size, "byte"),
            size=counted(before, "byte") + (f", then {after:,}" if after != before else ""),
            remedy="end what writes to it; if nothing does, look after the file system",
        )
    return size, digest


def _hash(descriptor: int, expected: int) -> tuple[int, str]:
    if expected < _SMALL:
        content = os.read(descriptor, expected + 1)  # one more than there should be
        if len(content) == expected:
            return expected, blake3(content).hexdigest()
        hasher, size = blake3(content), len(content)
    else:
        # Not AUTO: its threads would be missing in a forked child, which would wait for them.
        hasher, size = blake3(max_threads=_THREADS if expected >= _LARGE else 1), 0
    # Some file systems give less than they are asked for: only an empty read is the end.
    buffer = memoryview(bytearray(_CHUNK))
    while got := os.readv(descriptor, [buffer]):
        hasher.update(buffer[:got])
        size += got
    return size, hasher.hexdigest()


def remove(root: Path, barred: list[OSError] | None = None) -> None:
    """Makes sure that there is no file or tree at `root`, of whatever depth and modes.

    Others may remove it at the same time. Mounts below it are not touched. With `barred`, the error
    for each path that cannot be removed is added there, and all the rest goes. Without it, raises
    OSError; for a mount, before anything is removed.
    """
    while True:
        try:
            status = os.lstat(root)
        except FileNotFoundError:
            return
        try:
            return _remove(root, barred) if stat.S_ISDIR(status.st_mode) else os.unlink(root)
        except FileNotFoundError:
            continue  # another process was quicker with a part of it
        except OSError as error:
            if barred is None:
                raise
            return barred.append(error)


def _remove(root: Path, barred: list[OSError] | None) -> None:
    if barred is None and (mounted := mounts.inside(root)):
        place = os.path.join(root, os.fsdecode(mounted[0]))
        raise OSError(errno.EBUSY, "something is mounted there: unmount it first", place)
    found = len(barred or ())

    def left(error: OSError, step: Step) -> None:
        told = named(error, root, step.path)
        if barred is None or isinstance(error, FileNotFoundError):
            raise told
        barred.append(told)

    def enters(step: Step) -> bool:
        try:
            return not _gone(step)
        except OSError as error:
            left(error, step)
            return False

    if os.lstat(root).st_mode & 0o700 != 0o700:
        os.chmod(root, 0o700)
    for step in walk(root, enters):
        try:
            if step.leaving:
                os.rmdir(step.name, dir_fd=step.folder)
            elif not step.is_directory:
                os.unlink(step.name, dir_fd=step.folder)
        except OSError as error:
            if not _holds_what_stays(error, step, found, barred):
                left(error, step)
    if barred is None or len(barred) == found:
        os.rmdir(root)


def _holds_what_stays(error: OSError, step: Step, found: int, barred: list[OSError] | None) -> bool:
    """Whether a folder is not empty only because of errors that are in `barred` already."""
    full = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
    return step.leaving and full and barred is not None and len(barred) > found


def _gone(step: Step) -> bool:
    """Removes an empty directory; makes another one writable, so that it can be emptied.

    Raises OSError where that is impossible; EBUSY for a mount.
    """
    try:
        os.rmdir(step.name, dir_fd=step.folder)
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    open_up(step)
    if not os.access(step.name, os.W_OK | os.X_OK, dir_fd=step.folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return False


def colliding(manifest: Manifest) -> list[str]:
    """Names that a case-insensitive or normalizing file system would confuse."""
    from unicodedata import normalize

    seen: dict[str, str] = {}
    confused: list[str] = []
    for path in {p for entry in manifest.entries for p in _prefixes(entry.path)}:
        name = encode_name(path)
        key = normalize("NFC", name).casefold()
        if seen.setdefault(key, name) != name:
            confused += [seen[key], name]
    return sorted(set(confused))


def _prefixes(path: bytes) -> list[bytes]:
    steps = path.split(b"/")
    return [b"/".join(steps[: i + 1]) for i in range(len(steps))]
