"""Archives: realizations with their inputs and attempts, in one file.

AC1  An archive holds the objects of a remote, sorted, without owners and times, compressed by one
    thread. So the same objects give the same bytes on every machine.
AC2  Importing trusts nothing: names, kinds and sizes are checked before anything is written, and
    the objects then as those of a remote.
AC3  An archive that would grow beyond measure is refused early: at an object that is larger than
    its kind may be, or than the disk has room, and at bytes after the last object.
"""

import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO

from blake3 import blake3

from ...core.errors import BadPlace, FetchError, UnsafeArchive
from ...core.events import Listener, ignore
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from .. import disk, locks, tree
from ..layout import well_formed
from ..store import Store
from ..untrusted_archives import CheckedMember, ZstdReader, members, open_tar
from . import names
from .ancestry import hold_with_ancestors, inputs
from .object_parts import Part
from .place import FolderPlace
from .receive import receive
from .remote import MARK_TEXT, Remote, check_mark
from .send import texts_of
from .shipment import Shipment
from .signing import Key

SUFFIX = ".tar.zst"
_LEVEL = 3
_END = 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE  # [bytes] that may follow the last object


def export_archive(
    store: Store, rrefs: Iterable[RRef], file: Path, key: Key | None = None, *, diffs: bool = True
) -> Transfer:
    """Writes realizations, all they were built from, and their attempts into one file.

    Without `diffs`, the uncommitted changes of the project stay here. Raises BadPlace, NotInStore,
    Corrupted, UnkeepableOutput; then the file is not written.
    """
    check_name(file)
    wanted = sorted(set(rrefs))
    contexts = hold_with_ancestors(store, wanted)
    shipments = [Shipment(store, rref) for rref in contexts]
    bytes_of = {d: (s, part) for s in shipments for d, part, _ in s.parts()}
    texts = dict(texts_of(store, shipments, contexts, key, diffs=diffs))
    with _replacing(file) as stream:
        _write(stream, texts, bytes_of)
    attempts = sum(1 for name in texts if name.endswith(".json") and name.count(".") == 2)
    size = sum(shipment.manifest.size for shipment in shipments)
    noted = sum(name.endswith(".note") for name in texts)
    return Transfer(tuple(wanted), tuple(contexts), attempts, size, notes=noted)


def check_name(file: Path) -> None:
    """Raises BadPlace when the name of a file is not that of an archive."""
    if not file.name.endswith(SUFFIX):
        raise BadPlace(
            "the name of an archive ends in .tar.zst",
            given=file,
            remedy=f"{file.name.partition('.')[0] or 'results'}{SUFFIX}",
        )


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """A stream into a file that replaces `file` at the end of the block."""
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


# --- importing -------------------------------------------------------------------------


def import_archive(
    store: Store, file: Path, trusted: frozenset[str] | None = None, listener: Listener = ignore
) -> Transfer:
    """Adds to the store the realizations and attempts of an archive; checks all of them.

    Raises UnsafeArchive, ChecksumMismatch, Untrusted, NotInStore when something is missing in it.
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
    """The realizations that are no input of another one."""
    homes = [f"dref:{name}" for name in FolderPlace(folder).names("drv")]
    listings = [remote.listing(dref) for dref in well_formed(DRef, homes)]
    found = [rref for listing in listings for rref in listing.realizations]
    needed = {need for rref in found for need in inputs(remote.bill(rref).context)}
    return sorted(set(found) - needed)


@contextmanager
def _scratch(store: Store) -> Iterator[Path]:
    """A folder in the store's `tmp/`, which gc does not remove meanwhile."""
    folder = store.parts.tmp / f"{disk.fresh_name()}-archive"
    with store.parts.session.open_gate():
        folder.mkdir()
        claim = locks.claim_folder(folder, new=True)
    try:
        yield folder
    finally:
        claim.close()
        tree.remove(folder)


def _extract(file: Path, folder: Path) -> None:
    try:
        with ZstdReader(_opened(file), single=True) as stream:
            _extract_all(stream, folder)
        if not (folder / names.MARK).exists():
            raise EOFError(f"it holds no {names.MARK}")
    # RecursionError: the reader of tars calls itself for each of many long names in a row.
    except (tarfile.TarError, ValueError, EOFError, RecursionError) as error:
        raise UnsafeArchive(
            "the archive cannot be read",
            archive=file,
            because=f"{type(error).__name__}: {error}"[:300],
            remedy="is it whole, and did pystore export it?",
        ) from error
    except OSError as error:
        raise _no_room(folder, error.strerror, error.errno) from error


def _opened(file: Path) -> BinaryIO:
    """The archive, open for reading. Raises BadPlace where there is no regular file."""
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


def _extract_all(stream: ZstdReader, folder: Path) -> None:
    with open_tar(stream, _Member) as archive:
        for member in members(archive):
            _extract_one(archive, member, folder)
    # The bytes after the end must still match the checksum of the compression.
    while stream.count - archive.offset <= _END and stream.read(_END):
        pass
    if stream.count - archive.offset > _END:
        raise ValueError("too much follows the last object")


def _extract_one(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = member.name
    if not member.isreg() or member.issparse() or not names.is_object(name):
        raise _refused("something that is no object of a remote", name)
    if not 0 <= member.size <= names.largest(name):
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


class _Member(CheckedMember):
    """A plain file, or the long name of one."""

    @classmethod
    def check(cls, member: tarfile.TarInfo) -> None:
        """Refuses every other type, and very long names."""
        if member.type not in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME):
            raise _refused("something that is no plain file", member.name)
        if member.type == tarfile.GNUTYPE_LONGNAME and not 0 <= member.size <= 1024:
            raise _refused("a name of an impossible length", member.name)


def _refused(what: str, name: str) -> UnsafeArchive:
    return UnsafeArchive(
        f"the archive holds {what}",
        member=ascii(name)[:200],
        remedy="do not trust it; export_archive(refs, file) makes one",
    )
