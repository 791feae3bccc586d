"""Shared files: equal files of realizations are stored once, as hard links to one inode.

`links/<digest>` is one more name of a large file of a realization; an executable file has
`links/<digest>x`. The folder is an index: it may be lost, and nothing in it is trusted.

SF1  A file is read and compared at the moment when it is shared: damage never spreads.
SF2  Only sealed files of realizations are shared, never a file that a user may still change.
SF3  Where no link is possible, a reflink or a copy takes its place. No commit fails for that.
"""

import errno
import fcntl
import os
import stat
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..core.errors import UnkeepableOutput
from ..core.manifest import Entry, Manifest
from ..core.refs import RRef
from . import attempts, disk, tree
from .descriptors import Opened, open_file
from .layout import Layout
from .sealing import is_sealed
from .walk import Step, walk

LEAST = 4096  # [bytes] of a shared file; a smaller file takes a whole block anyway

_DEDUPE = 0xC0189436  # FIDEDUPERANGE: the file system compares. Source: ioctl_fideduperange(2)
_SPAN = 1 << 24  # [bytes] that one call compares

Inode = tuple[int, int]  # device, number


class DiskFile(NamedTuple):
    """A file in a realization."""

    inode: Inode
    size: int  # [bytes]
    links: int  # the number of its names, without the one in `links/`


class SharedFiles:
    """The files that realizations of one store may share."""

    def __init__(self, layout: Layout) -> None:
        self._folder = str(layout.links)
        self._tmp = str(layout.tmp)

    def share(self, step: Step, entry: Entry, own: int) -> bool:
        """Replaces a staged file by a link to an equal file; returns whether it did.

        `own` is the descriptor of the staged file. The process that wrote the equal file may not
        have synced it yet.
        """
        if entry.size < LEAST:
            return False
        name, staged = self._name(entry), f"{self._tmp}/{disk.fresh_name()}"
        try:
            os.link(name, staged, follow_symlinks=False)
            if taken := _fits(staged, name, entry, own):
                os.rename(staged, step.name, dst_dir_fd=step.folder)
            return taken
        except FileNotFoundError:
            return False  # no equal file is known
        except OSError as error:
            _share_blocks(name, entry.size, own)
            if error.errno == errno.EMLINK:
                disk.remove_file(name)  # the next equal file gets the name
            return False
        finally:
            disk.remove_file(staged)

    def add(self, realization: Path, manifest: Manifest) -> None:
        """Lets the large files of a realization be shared from now on."""
        out = os.fsencode(realization / "out") + b"/"
        for entry in manifest.entries:
            if entry.kind == "file" and entry.size >= LEAST:
                with suppress(OSError):  # SF3, or the name exists
                    os.link(out + entry.path, self._name(entry), follow_symlinks=False)

    def prune(self) -> None:
        """Removes the names of files that no realization holds."""
        for path, status in self._entries():
            if status.st_nlink == 1 and not stat.S_ISDIR(status.st_mode):
                disk.remove_file(path)

    def inodes(self) -> set[Inode]:
        """The files that have a name in `links/`."""
        return {_inode(status) for _, status in self._entries()}

    def shared(self, files: Iterable[bytes]) -> int:
        """The bytes that removing these files would not free [bytes]."""
        held = Counter[tuple[Inode, int, int]]()  # inode, links, size → names found
        look = os.lstat
        for path in files:
            try:
                status = look(path)
            except OSError:
                continue  # it was removed just now, or its folder is no folder any more
            if status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
                held[_inode(status), status.st_nlink, status.st_size] += 1
        indexed = self.inodes()
        return sum(
            size * (count - (count == links - (inode in indexed)))
            for (inode, links, size), count in held.items()
        )

    def unshare(self, out: Path) -> None:
        """Copies the shared files of a staged tree, so that its user may change them (SF2)."""
        for step in walk(out) if out.is_dir() else ():
            mode = step.status.st_mode
            # The index may be lost, so a file with several names may be part of a realization.
            if stat.S_ISREG(mode) and not mode & 0o222 and step.status.st_nlink > 1:
                self._copy(step)

    def _copy(self, step: Step) -> None:
        staged = Path(self._tmp, disk.fresh_name())
        try:
            with _open(step.name, step.folder) as source, staged.open("xb") as target:
                disk.copy(source, target.fileno(), step.name)
                os.fchmod(target.fileno(), stat.S_IMODE(step.status.st_mode))
            os.fchmod(step.folder, 0o755)
            os.rename(staged, step.name, dst_dir_fd=step.folder)
        finally:
            disk.remove_file(staged)

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        for name in attempts.names(self._folder):
            with suppress(FileNotFoundError):  # another process removed it
                yield (path := f"{self._folder}/{name}"), os.lstat(path)

    def _name(self, entry: Entry) -> str:
        return f"{self._folder}/{entry.digest}" + ("x" if entry.executable else "")


def disk_files(layouts: Iterable[Layout], outs: Mapping[RRef, Path]) -> dict[RRef, list[DiskFile]]:
    """The regular files in each of these trees of artifacts; none if the tree is gone."""
    indexed = {inode for one in layouts for inode in SharedFiles(one).inodes()}
    return {rref: list(_disk_files(out, indexed)) for rref, out in outs.items()}


def _disk_files(out: Path, indexed: set[Inode]) -> Iterator[DiskFile]:
    with suppress(FileNotFoundError):  # another process removed it
        for step in walk(out):
            status = step.status
            if stat.S_ISREG(status.st_mode):
                inode = _inode(status)
                yield DiskFile(inode, status.st_size, status.st_nlink - (inode in indexed))


def _inode(status: os.stat_result) -> Inode:
    return status.st_dev, status.st_ino


def _fits(staged: str, name: str, entry: Entry, own: int) -> bool:
    with _open(staged) as descriptor:
        ours, theirs = os.fstat(own), os.fstat(descriptor)
        if os.path.samestat(ours, theirs):
            return False  # an adopted file is shared already
        if ours.st_uid != theirs.st_uid:
            return False  # SF2: the other owner could change our file
        if is_sealed(descriptor, entry.executable) and _is(entry, descriptor):
            return True
        disk.remove_file(name)  # SF1: the next sound file gets the name
        return False


def _is(entry: Entry, descriptor: int) -> bool:
    try:
        return tree.hash_file(descriptor) == (entry.size, entry.digest)
    except UnkeepableOutput:
        return False  # it could not be read to its end


def _share_blocks(name: str, size: int, own: int) -> None:
    with suppress(OSError), _open(name) as other:
        for start in range(0, size, _SPAN):
            span = min(_SPAN, size - start)
            order = struct.pack("QQHHIqQQiI", start, span, 1, 0, 0, own, start, 0, 0, 0)
            fcntl.ioctl(other, _DEDUPE, order)


def _open(name: str | bytes, folder: int | None = None) -> Opened:
    return open_file(name, folder, follow=False)
