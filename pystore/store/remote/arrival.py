"""Arrival: a realization that is being copied or fetched into the store, in a staging of its own.

AR1  A realization becomes visible only if its tree is that of the manifest, its reference follows
    from its context, and a record says that an attempt has made it (S1, S4).
AR2  Links are made last, so that nothing is written through one, and must stay inside.
AR3  Parts that arrived before a transfer broke off are hashed, and not fetched again.
AR4  When the disk refuses a write, nothing stays behind, and the error is a FetchError.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from ...core.config import Config
from ...core.context import Context, provenance_text, rref_of
from ...core.errors import ChecksumMismatch, FetchError, NotInStore, UnkeepableOutput
from ...core.manifest import Manifest, encode_name
from ...core.refs import RRef
from .. import adopt, disk, keepable, locks, notes, tree
from ..claim_text import Claim
from ..commit import publish, seal_tree
from ..descriptors import Kept, Opened
from ..staging import Staging, make_folder
from ..store import Store
from .history import Copy, known, record_copies
from .object_parts import Part, Slice, parts_of


class Arrival:
    """A realization of `config` in `context`, whose parts come in any order."""

    def __init__(self, store: Store, config: Config, context: Context, manifest: Manifest) -> None:
        self._store = store
        self._manifest = manifest
        self._writing = threading.Lock()
        self._ended = False
        self._entries = {entry.path: entry for entry in manifest.entries}
        self._whole: dict[bytes, str] = {}  # the digests of small files, as they came
        self.rref = rref_of(config.dref, provenance_text(config.dref, context, manifest.digest))
        self._staged, self._resumed = _staging(store, config, context, self.rref)
        self._out = os.fsencode(self._staged.out) + b"/"
        try:
            with self._on_disk():
                self._open()
        except BaseException:
            self.leave()
            raise

    def missing(self, digests: Iterable[str]) -> list[tuple[str, Part]]:
        """The parts that are not here yet, with their digests (AR3).

        Raises FetchError when the disk has no room for these parts.
        """
        parts = list(zip(digests, parts_of(self._manifest), strict=True))
        if self._resumed:
            with self._on_disk():
                parts = [(digest, part) for digest, part in parts if self._digest(part) != digest]
        self._check_room(sum(part.size for _, part in parts))
        return parts

    def write(self, part: Part, content: bytes) -> None:
        """Writes the bytes of a part into its files; does nothing after `leave` or `discard`."""
        view = memoryview(content)
        with self._on_disk(), self._writing:
            for piece in () if self._ended else part.slices:
                whole, view = view[: piece.size], view[piece.size :]
                if piece.size == self._entries[piece.path].size:
                    self._whole[piece.path] = blake3(whole).hexdigest()
                _write(self._path(piece.path), piece, whole, self._mode(piece.path))

    def check(self, part: Part) -> None:
        """Compares the files that end in a part. To be called in the order of the parts.

        Sealing hashes them once more. Raises ChecksumMismatch at the first file that differs from
        the manifest.
        """
        for piece in part.slices:
            entry = self._entries[piece.path]
            if piece.offset + piece.size == entry.size and self._hash(piece.path) != entry.digest:
                raise self._wrong(f"{encode_name(piece.path)} has another digest")

    def take(self, path: bytes, source: bytes) -> None:
        """Copies a whole file from this machine, by a reflink where the file system can do that.

        Raises OSError when the source cannot be read.
        """
        target = self._path(path)
        with disk.open_regular(source) as file, self._on_disk():
            _write(target, None, memoryview(b""), self._mode(path))
            _copy_file(file, target)

    def finish(self, copies: Iterable[Copy]) -> int:
        """Records the attempts, and makes the realization visible (AR1).

        Returns how many attempts were new. On an error nothing stays behind. Raises
        ChecksumMismatch, NotInStore when no attempt has made the realization.
        """
        try:
            with self._on_disk():
                self._make_links()
                return self._publish(copies)
        except BaseException:
            self.discard()
            raise

    def _publish(self, copies: Iterable[Copy]) -> int:
        store, staged = self._store, self._staged
        try:
            files = keepable.check(staged.out).files
        except UnkeepableOutput as error:
            raise self._wrong(str(error.problems)) from None
        sealed = seal_tree(store.parts, staged, files)
        if sealed.rref != self.rref:
            raise self._wrong("its tree is another one")
        count = record_copies(store, staged.config, staged.context, copies)
        tried = known(store, staged.config, staged.context.digest)
        made = [attempt for attempt in tried if attempt.rref == self.rref]
        with store.parts.session.open_gate():
            if not made:
                raise NotInStore(
                    "no attempt has made this",
                    ref=self.rref,
                    remedy="ask who has it to push it again with repair=True",
                )
            store.parts.session.note([self.rref])
            publish(store.parts, staged, sealed, made[0])
            digest = adopt.note(store.parts.layout, staged.config, staged.context)
            if digest:
                notes.reject_as_its_copies(store, self.rref, made, digest)
        return count

    def leave(self) -> None:
        """Ends here, and leaves the parts for the next try; gc removes them."""
        self._end()
        self._staged.close()

    def discard(self) -> None:
        """Ends here, and removes the parts."""
        self._end()
        self._staged.discard()

    def _end(self) -> None:
        """Lets no thread write any more, and waits for one that does."""
        with self._writing:
            self._ended = True

    # --- its files ---------------------------------------------------------------------

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.discard()
            raise FetchError(
                "what came cannot be written",
                ref=self.rref,
                path=self._store.parts.staging_area,
                because=error.strerror,
                errno=error.errno,
                remedy="nothing of it was kept; make room there, and try again",
            ) from error

    def _check_room(self, size: int) -> None:
        if size <= (free := disk.free(self._store.parts.staging_area)):
            return
        if not self._resumed:
            self.discard()
        raise FetchError(
            "there is no room for what should come",
            ref=self.rref,
            path=self._store.parts.staging_area,
            needs=f"{size} bytes",
            free=f"{free} bytes",
            remedy="make room there; if it should not be so large, ask where it comes from",
        )

    def _open(self) -> None:
        """Makes all files writable, also those that an earlier try has shared and sealed."""
        if self._resumed:
            self._store.parts.shared_files.unshare(self._staged.out)
            tree.unseal(self._staged.out)
        self._make_folders()

    def _make_folders(self) -> None:
        made = {b""}
        for entry in self._manifest.entries:
            home = entry.path if entry.kind == "directory" else entry.path.rpartition(b"/")[0]
            if home not in made:
                os.makedirs(self._path(home), 0o755, exist_ok=True)
                made.add(home)
            if entry.kind == "file" and not entry.size:
                _write(self._path(entry.path), None, memoryview(b""), self._mode(entry.path))

    def _make_links(self) -> None:
        for entry in self._manifest.entries:
            if entry.kind == "file" and self._resumed:  # sealing takes the mode away for a moment
                os.chmod(self._path(entry.path), self._mode(entry.path))
            if entry.kind == "link" and not os.path.lexists(self._path(entry.path)):
                os.symlink(entry.target, self._path(entry.path))

    def _digest(self, part: Part) -> str:
        hasher = blake3()
        for piece in part.slices:
            try:
                with open(self._path(piece.path), "rb") as file:  # noqa: PTH123  # bytes
                    file.seek(piece.offset)
                    hasher.update(file.read(piece.size))
            except FileNotFoundError:
                return ""
        return hasher.hexdigest()

    def _hash(self, path: bytes) -> str:
        if path in self._whole:
            return self._whole.pop(path)
        with self._on_disk(), open(self._path(path), "rb") as file:  # noqa: PTH123  # bytes
            return tree.hash_file(file.fileno())[1]

    def _mode(self, path: bytes) -> int:
        return 0o755 if self._entries[path].executable else 0o644

    def _path(self, path: bytes) -> bytes:
        return self._out + path

    def _wrong(self, because: str) -> ChecksumMismatch:
        return ChecksumMismatch(
            "what came is not the realization that was asked for",
            ref=self.rref,
            because=because,
            remedy="nothing of it was kept; try again, then ask where it came from",
        )


def _write(path: bytes, piece: Slice | None, content: memoryview, mode: int) -> None:
    with Opened(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode=mode) as file:
        offset = piece.offset if piece else 0
        while content:
            count = os.pwrite(file, content, offset)
            content, offset = content[count:], offset + count


def _copy_file(one: BinaryIO, target: bytes) -> None:
    with open(target, "wb") as other:  # noqa: PTH123  # names are bytes
        try:
            while os.copy_file_range(one.fileno(), other.fileno(), 1 << 30):
                pass
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            disk.copy(one.fileno(), other.fileno(), target)


def _staging(store: Store, config: Config, context: Context, rref: RRef) -> tuple[Staging, bool]:
    """A staging for the realization, and whether an earlier try has left it."""
    suffix = _suffix(config, rref)
    for name in os.listdir(store.parts.staging_area):
        if name.endswith(suffix):
            with store.parts.session.open_gate():
                claim = _take(store.parts.staging_area / name)
            if claim is not None:
                path = store.parts.staging_area / name
                return Staging(path, config, context, Claim(0, 0, 0), claim), True
    return _fresh(store, config, context, rref), False


def _fresh(store: Store, config: Config, context: Context, rref: RRef) -> Staging:
    with store.parts.session.open_gate():
        path, claim = make_folder(store.parts.staging_area, config.dref)
        named = path.with_name(path.name[:32] + _suffix(config, rref))
        try:
            os.rename(path, named)
        except BaseException:
            claim.close()
            raise
    return Staging(named, config, context, Claim(0, 0, 0), claim, witness=claim)


def _suffix(config: Config, rref: RRef) -> str:
    return f"-{config.dref[5:]}.{rref.digest}"


def _take(path: Path) -> Kept | None:
    """The claim on the staging of an earlier try; None when another process or user has it."""
    try:
        if locks.in_use(path) or os.lstat(path).st_uid != os.geteuid():
            return None
        return locks.claim_folder(path)
    except (FileNotFoundError, NotADirectoryError, BlockingIOError):
        return None
