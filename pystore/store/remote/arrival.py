"""Arrival: a realization on its way in, in a staging of its own.

A1  Nothing becomes visible whose tree is not exactly the manifest, whose context does not digest
    to its reference, or that has no record (S1, S4).
A2  Links are made last, so that nothing is written through one, and must stay inside.
A3  What arrived before a transfer broke off is found again, hashed, and not fetched again.
"""

import errno
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from ...model.config import Config
from ...model.context import Context, provenance_text, rref_of
from ...model.errors import ChecksumMismatch, NotInStore, UnkeepableOutput
from ...model.manifest import Manifest
from ...model.refs import RRef
from .. import adopt, locks, tree, verdicts
from ..attempts import Begun
from ..commit import publish, seal_tree
from ..staging import Staging, make_folder
from ..store import Store
from .history import Copy, known, record_copies
from .parts import Part, Slice, parts_of


class Arrival:
    """A realization of `config` in `context`, of which parts come in any order."""

    def __init__(self, store: Store, config: Config, context: Context, manifest: Manifest) -> None:
        self._store = store
        self._manifest = manifest
        self._writers = _Writers()
        self._modes = {e.path: 0o755 if e.executable else 0o644 for e in manifest.entries}
        self.rref = rref_of(config.dref, provenance_text(config.dref, context, manifest.digest))
        self._staged, self._resumed = _staging(store, config, context, self.rref)
        try:
            if self._resumed:  # a try that was killed may have shared files already
                store.pool.part(self._staged.out)
            self._make_folders()
        except BaseException:
            self.leave()
            raise

    def missing(self, digests: Iterable[str]) -> list[tuple[str, Part]]:
        """The parts that are not here yet, with their digests (A3)."""
        parts = list(zip(digests, parts_of(self._manifest), strict=True))
        if not self._resumed:
            return parts
        lacking = [(digest, part) for digest, part in parts if self._digest(part) != digest]
        if any(not self._is_open(part) for _, part in lacking):
            self._begin_anew()
            return parts
        return lacking

    def write(self, part: Part, content: bytes) -> None:
        """Puts the bytes of a part into its files; does nothing when we have given up."""
        view = memoryview(content)
        with self._writers.one() as welcome:
            for piece in part.slices if welcome else ():
                _write(self._path(piece.path), piece, view[: piece.size], self._modes[piece.path])
                view = view[piece.size :]

    def take(self, path: bytes, source: bytes) -> None:
        """Copies a whole file of it from this machine, sharing its bytes where that can be."""
        target = self._path(path)
        _write(target, None, memoryview(b""), self._modes[path])
        _copy_file(source, target)

    def finish(self, copies: Iterable[Copy]) -> int:
        """Makes it visible, when it is exactly what it should be, after recording the attempts.

        Returns how many of these were new. Raises ChecksumMismatch, NotInStore when no attempt
        has made it; then nothing is left of it.
        """
        try:
            self._make_links()
            return self._publish(copies)
        except BaseException:
            self.discard()
            raise

    def _publish(self, copies: Iterable[Copy]) -> int:
        store, staged = self._store, self._staged
        try:
            tree.check(staged.out)
        except UnkeepableOutput as error:
            raise self._lie(str(error.problems)) from None
        sealed = seal_tree(staged, durable=store.durable, share=store.pool.share)
        if sealed.rref != self.rref:
            raise self._lie("its tree is another one")
        count = record_copies(store, staged.config, staged.context, copies)
        tried = known(store, staged.config, staged.context.digest)
        made = [attempt for attempt in tried if attempt.rref == self.rref]
        folder = store.layout.attempts(staged.dref)
        with store.session.open_gate():
            if not made:
                raise NotInStore(
                    "no attempt has made this",
                    ref=self.rref,
                    remedy="ask who has it to push it again with repair=True",
                )
            store.session.note([self.rref])
            publish(store.layout, staged, sealed, made[0], durable=store.durable)
            verdicts.lift(folder, self.rref, "damaged")
            adopt.note(store.layout, staged.config, staged.context)
        return count

    def leave(self) -> None:
        """Leaves what has come for the next try; gc removes it."""
        self._writers.end()
        self._staged.close()

    def discard(self) -> None:
        """Removes what has come."""
        self._writers.end()
        self._staged.discard()

    # --- its files ---------------------------------------------------------------------

    def _make_folders(self) -> None:
        made = {b""}
        for entry in self._manifest.entries:
            home = entry.path if entry.kind == "directory" else entry.path.rpartition(b"/")[0]
            if home not in made:
                os.makedirs(self._path(home), 0o755, exist_ok=True)
                made.add(home)
            if entry.kind == "file" and not entry.size:
                _write(self._path(entry.path), None, memoryview(b""), self._modes[entry.path])

    def _make_links(self) -> None:
        for entry in self._manifest.entries:
            if entry.kind == "file" and self._resumed:  # a kill may have cut sealing short
                os.chmod(self._path(entry.path), self._modes[entry.path])
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

    def _is_open(self, part: Part) -> bool:
        paths = [self._path(piece.path) for piece in part.slices]
        return all(os.access(path, os.W_OK) or not os.path.lexists(path) for path in paths)

    def _begin_anew(self) -> None:
        self._staged.discard()
        staged = self._staged
        self._staged = _fresh(self._store, staged.config, staged.context, self.rref)
        self._make_folders()

    def _path(self, path: bytes) -> bytes:
        return os.fsencode(self._staged.out) + b"/" + path

    def _lie(self, because: str) -> ChecksumMismatch:
        return ChecksumMismatch(
            "what came is not the realization that was asked for",
            ref=self.rref,
            because=because,
            remedy="nothing of it was kept; try again, then ask where it came from",
        )


class _Writers:
    """The threads that write just now: what is removed must not grow meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._ended = False

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Counts one more inside the block, unless it is too late: then it yields False."""
        with self._changed:
            welcome = not self._ended
            self._count += welcome
        try:
            yield welcome
        finally:
            with self._changed:
                self._count -= welcome
                self._changed.notify_all()

    def end(self) -> None:
        """Lets no more in, and waits for those that are."""
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._count)


def _write(path: bytes, piece: Slice | None, content: memoryview, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        offset = piece.offset if piece else 0
        while content:
            count = os.pwrite(file, content, offset)
            content, offset = content[count:], offset + count
    finally:
        os.close(file)


def _copy_file(source: bytes, target: bytes) -> None:
    with open(source, "rb") as one, open(target, "wb") as other:  # noqa: PTH123  # names are bytes
        try:
            while os.copy_file_range(one.fileno(), other.fileno(), 1 << 30):
                pass
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            one.seek(0)
            other.seek(0)
            other.truncate()
            shutil.copyfileobj(one, other, 1 << 20)


def _staging(store: Store, config: Config, context: Context, rref: RRef) -> tuple[Staging, bool]:
    """A staging for this, and whether it is one that an earlier try has left."""
    suffix = _suffix(config, rref)
    for name in os.listdir(store.staging_area):
        if name.endswith(suffix):
            with store.session.open_gate():
                claim = _take(store.staging_area / name)
            if claim >= 0:
                path = store.staging_area / name
                return Staging(path, config, context, Begun(0, 0, 0), claim), True
    return _fresh(store, config, context, rref), False


def _fresh(store: Store, config: Config, context: Context, rref: RRef) -> Staging:
    with store.session.open_gate():
        path, claim = make_folder(store.staging_area, config.dref)
        named = path.with_name(path.name[:32] + _suffix(config, rref))
        try:
            os.rename(path, named)
        except BaseException:
            os.close(claim)
            raise
    return Staging(named, config, context, Begun(0, 0, 0), claim)


def _suffix(config: Config, rref: RRef) -> str:
    return f"-{config.dref[5:]}.{rref.digest}"


def _take(path: Path) -> int:
    """A descriptor that claims what an earlier try has left; -1 when it is not ours to take."""
    if locks.in_use(path) or not os.access(path / "out", os.W_OK):
        return -1  # somebody uses it, or it was sealed already
    try:
        claim = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    try:
        locks.claim(claim)
    except BaseException as error:
        os.close(claim)
        if isinstance(error, BlockingIOError):
            return -1
        raise
    return claim
