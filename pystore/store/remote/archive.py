"""Archives: a closure in one file, which is the same, byte for byte, wherever it is packed.

AC1  The objects of a remote, sorted, without owners and times, compressed by one thread.
AC2  Unpacking believes nothing: names, kinds and sizes are checked before anything is written,
    everything else as whatever comes from a remote is.
AC3  Who packs little that grows much is refused early: at an object that is larger than one of its
    kind may be, that finds no room, or at what follows the end.
"""

import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from blake3 import blake3

from ...core.errors import BadPlace, FetchError, UnsafeArchive
from ...core.events import Listener, ignore
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from .. import disk, locks, tree
from ..layout import well_formed
from ..store import Store
from . import limits, names
from .ancestry import closed, in_order, inputs
from .parts import Part
from .place import FolderPlace
from .receive import receive
from .remote import MARK_TEXT, Remote, check_mark
from .send import texts_of
from .shipment import Shipment
from .signing import Key

SUFFIX = ".tar.zst"
_LEVEL = 3
_END = 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE  # [bytes] that may follow the last object
_FEED = 4096  # [bytes]; one block of zstd may turn 4 of them into 128 KiB


def export_archive(
    store: Store,
    rrefs: Iterable[RRef],
    file: Path,
    key: Key | None = None,
    *,
    diffs: bool = True,
) -> Transfer:
    """Writes realizations, all they were built from, and their attempts into one file.

    Without `diffs`, how the project's files differed from their revision stays here. Raises
    BadPlace, NotInStore, Corrupted, UnkeepableOutput; then there is no such file.
    """
    check_name(file)
    wanted = sorted(set(rrefs))
    contexts = closed(store, wanted)
    store.hold(tuple(contexts))
    order = in_order(contexts)
    shipments = [Shipment(store, rref) for rref in order]
    bytes_of = {d: (s, part) for s in shipments for d, part in s.digested()}
    texts = dict(texts_of(store, shipments, contexts, key, diffs=diffs))
    with _replacing(file) as stream:
        _write(stream, texts, bytes_of)
    attempts = sum(1 for name in texts if name.endswith(".json") and name.count(".") == 2)
    return Transfer(tuple(wanted), tuple(order), attempts, sum(s.manifest.size for s in shipments))


def check_name(file: Path) -> None:
    """Makes sure that a file is called as an archive is. Raises BadPlace."""
    if not file.name.endswith(SUFFIX):
        raise BadPlace(
            "the name of an archive ends in .tar.zst",
            given=file,
            remedy=f"{file.name.partition('.')[0] or 'results'}{SUFFIX}",
        )


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when it is whole."""
    staged = file.with_name(f".{file.name}.{disk.fresh_name()}")
    try:
        with staged.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(staged, file)
        disk.sync_directory(file.parent)
    except OSError as error:
        raise BadPlace(
            "the archive cannot be written",
            path=file,
            because=error.strerror,
            errno=error.errno,
            remedy="name a folder that is there, with room, and that you may write",
        ) from error
    finally:
        disk.remove_file(staged)


def _write(
    stream: IO[bytes], texts: dict[str, bytes], bytes_of: dict[str, tuple[Shipment, Part]]
) -> None:
    import zstandard

    packer = zstandard.ZstdCompressor(level=_LEVEL, threads=0, write_checksum=True)
    with (
        packer.stream_writer(stream, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        _add(archive, names.MARK, MARK_TEXT)
        for name in sorted(texts):
            _add(archive, name, texts[name])
        for digest in sorted(bytes_of):
            shipment, part = bytes_of[digest]
            _add(archive, names.part(digest), shipment.read(part))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    archive.addfile(member, BytesIO(content))


# --- unpacking -------------------------------------------------------------------------


def import_archive(
    store: Store,
    file: Path,
    trusted: frozenset[str] | None = None,
    listener: Listener = ignore,
) -> Transfer:
    """Makes sure that the store has what is in an archive; all of it is checked.

    Raises UnsafeArchive, ChecksumMismatch, Untrusted, NotInStore when it is not whole.
    """
    check_name(file)
    with _scratch(store) as folder:
        _extract(file, folder)
        place = FolderPlace(folder)
        place.url = str(file)
        check_mark(place, (folder / names.MARK).read_bytes())
        remote = Remote(place, trusted)
        return receive(store, _tops(remote, folder), remote, listener)


def _tops(remote: Remote, folder: Path) -> list[RRef]:
    """The realizations that no other one was built from."""
    homes = [f"dref:{name}" for name in FolderPlace(folder).names("drv")]
    listings = [remote.listing(dref) for dref in well_formed(DRef, homes)]
    found = [rref for listing in listings for rref in listing.realizations]
    needed = {need for rref in found for need in inputs(remote.bill(rref).context)}
    return sorted(set(found) - needed)


@contextmanager
def _scratch(store: Store) -> Iterator[Path]:
    """A folder in the store's `tmp/`, which gc leaves alone meanwhile."""
    folder = store.layout.tmp / f"{disk.fresh_name()}-archive"
    with store.session.open_gate():
        folder.mkdir()
        claim = locks.claim_folder(folder, new=True)
    try:
        yield folder
    finally:
        claim.close()
        tree.remove(folder)


def _extract(file: Path, folder: Path) -> None:
    try:
        with _opened(file) as packed:
            _extract_all(_Frame(packed), folder)
        if not (folder / names.MARK).exists():
            raise EOFError(f"it holds no {names.MARK}")
    # RecursionError: the reader calls itself for each of many long names in a row.
    except (tarfile.TarError, ValueError, EOFError, RecursionError) as error:
        raise UnsafeArchive(
            "the archive cannot be read",
            archive=file,
            because=f"{type(error).__name__}: {error}"[:300],
            remedy="is it whole, and did pystore export it?",
        ) from error
    except OSError as error:
        raise _no_room(folder, error.strerror, error.errno) from error


def _opened(file: Path) -> IO[bytes]:
    """The archive, open to be read. Raises BadPlace where it is none of a disk."""
    try:
        return disk.open_regular(file)
    except FileNotFoundError:
        raise BadPlace("no such archive", path=file, remedy="check the path") from None
    except OSError as error:
        raise BadPlace(
            "this archive cannot be read",
            path=file,
            because=error.strerror or str(error),
            remedy="name a file that export_archive has written",
        ) from None


def _no_room(folder: Path, because: str | None, number: int | None = None) -> FetchError:
    return FetchError(
        "the archive cannot be unpacked here",
        path=folder,
        because=because,
        errno=number,
        remedy="make room there; meanwhile, it needs its size twice",
    )


def _extract_all(frame: "_Frame", folder: Path) -> None:
    stream = cast("IO[bytes]", frame)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, errorlevel=2) as archive:
        while (member := archive.next()) is not None:
            vars(archive)["members"] = []  # or a long archive fills the memory
            _extract_one(archive, member, folder)
    # What follows must still match the checksum of the compression.
    while frame.count - archive.offset <= _END and frame.read(1):
        pass
    if frame.count - archive.offset > _END:
        raise ValueError("too much follows the last object")


class _Frame:
    """What one frame of zstd holds; unlike zstandard's own reader, it notices a cut."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._error = zstandard.ZstdError
        self.count = 0  # [bytes] that were read

    def read(self, size: int) -> bytes:
        """Some bytes, more or fewer than `size`; none at the end. Raises EOFError, ValueError."""
        ready = b""
        while not ready and not self._frame.eof:
            packed = self._file.read(_FEED)
            if not packed:
                raise EOFError("the file ends too early")
            try:
                ready = self._frame.decompress(packed)
            except self._error as error:
                raise ValueError(str(error)) from None
        if self._frame.eof and (self._frame.unused_data or self._file.read(1)):
            raise ValueError("something follows the archive")
        self.count += len(ready)
        return ready


def _extract_one(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = member.name
    if not member.isreg() or member.issparse() or not names.is_object(name):
        raise _refused("something that is no object of a remote", name)
    if not 0 <= member.size <= limits.most(name):
        raise _refused("an object of an impossible size", name)
    if member.size > disk.free(folder):
        raise _no_room(folder, f"an object of {member.size} bytes finds no room")
    source = archive.extractfile(member)
    assert source is not None
    content = source.read(member.size)
    if len(content) != member.size:
        raise EOFError("it ends within an object")
    if name.startswith("parts/") and blake3(content).hexdigest() != name[-64:]:
        raise _refused("bytes that are not those of their name", name)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        disk.write_new(path, content, durable=False)
    except FileExistsError:
        raise _refused("an object twice", name) from None


class _Member(tarfile.TarInfo):
    """A member whose header is checked before the reader acts on it."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> "_Member":
        """The member that a header describes; only plain files, and their long names."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if len(buf) in (0, tarfile.BLOCKSIZE) and not any(buf):
                raise  # the end
            # Anywhere but at the start, the reader would take this for the end.
            raise tarfile.ReadError("not the header of a member") from None
        if member.type not in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME):
            raise _refused("something that is no plain file", member.name)
        if member.type == tarfile.GNUTYPE_LONGNAME and not 0 <= member.size <= 1024:
            raise _refused("a name of an impossible length", member.name)
        return member


def _refused(what: str, name: str) -> UnsafeArchive:
    return UnsafeArchive(
        f"the archive holds {what}",
        member=ascii(name)[:200],
        remedy="do not trust it; export_archive(refs, file) makes one",
    )
