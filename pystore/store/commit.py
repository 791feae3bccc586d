"""Commit: makes a realization of a staging, so that a power cut at any moment is harmless (S4).

The order: check the promised outputs → refuse files that no store can keep → set canonical modes →
write manifest and context → write the record of the attempt under another name → sync files,
directories and the record → rename the record and sync its folder → rename the realization once,
replacing nothing → sync the parent.
"""

import errno
import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.attempt import Attempt, Committed, Trace
from ..core.context import CONTEXT, parse_provenance, provenance_text, rref_of
from ..core.dataclasses import dataclass
from ..core.errors import Corrupted, MissingOutput, PystoreWarning, UnkeepableOutput
from ..core.manifest import MANIFEST, Manifest
from ..core.printable import listed
from ..core.refs import RRef
from . import attempts, disk, keepable, moving, sealing, syncing, tree, verdicts
from .inward_links import make_relative
from .metrics import metrics_of
from .open_files import Writers
from .parts import Parts
from .staging import Staging, lacking
from .syncing import NONE, Left, Many, Small, Syncing
from .trash import trash

OWN = frozenset((MANIFEST, CONTEXT, "out"))


@dataclass(frozen=True)
class Sealed:
    """A staging that is complete, and only needs to be synced, and its final name."""

    rref: RRef
    provenance: bytes
    manifest: Manifest
    metrics: dict[str, float]
    trace: Trace
    unsynced: Left | None  # its files and folders that `publish` syncs


def seal(parts: Parts, staging: Staging, outside: Collection[str] = ()) -> Sealed:
    """Makes the files of a staging final; `publish` makes them durable.

    Absolute links into the output become relative links. Raises MissingOutput or UnkeepableOutput
    before anything is changed.
    """
    check_promises(staging)
    writers = Writers(staging.out)
    kept = keepable.check(staging.out, outside, writers.look)
    writers.refuse()
    staging.end_reads()
    make_relative(staging.out, kept.absolute)
    return seal_tree(parts, staging, kept.files)


def seal_tree(parts: Parts, staging: Staging, files: int) -> Sealed:
    """Does the same as `seal` for a tree that is known to be complete and keepable.

    `files` is the number of its files.
    """
    durable, share = parts.durable, parts.shared_files.share
    with _syncing(staging, files, durable) as sync:
        manifest = sealing.seal_for(staging.out, sync, share)
    _warn_of_collisions(staging, manifest)
    provenance = provenance_text(staging.dref, staging.context, manifest.digest)
    folder = str(staging.path)
    for name, text in ((MANIFEST, manifest.text), (CONTEXT, provenance)):
        disk.remove_file(f"{folder}/{name}")
        disk.write_new(f"{folder}/{name}", text, durable=False)
    metrics, trace = metrics_of(staging.out, manifest)
    rref = rref_of(staging.dref, provenance)
    left, own = sync.left, (f"{folder}/{MANIFEST}", f"{folder}/{CONTEXT}", folder)
    left = left._replace(young=(*left.young, *own), witness=staging.witness)
    return Sealed(rref, provenance, manifest, metrics, trace, left if durable else None)


@contextmanager
def _syncing(staging: Staging, files: int, durable: bool) -> Iterator[Syncing]:
    """What is done with each file and folder; all are synced at the end, but those that are left"""
    if durable and files >= syncing.MANY:
        many = Many(staging.out, staging.witness)
        yield many
        many.end()
    else:
        yield Small(staging.out, staging.witness) if durable else NONE


def check_promises(staging: Staging) -> None:
    """Raises MissingOutput when a file is missing that the config promises."""
    if not staging.out.is_dir() or staging.out.is_symlink():
        raise MissingOutput(
            "the realizer removed its output directory",
            path=staging.out,
            remedy="write into build_outpath(b), and leave the directory itself where it is",
        )
    if missing := lacking(staging.config, staging.out):
        present = sorted(os.listdir(staging.out))
        raise MissingOutput(
            "the realizer did not write the files that its config promises",
            missing=listed(missing),
            written=listed(present) or "nothing",
            remedy="write to the path of output('file'), or of build_path(b, [selfref, 'file'])",
        )


def publish(parts: Parts, staging: Staging, sealed: Sealed, attempt: Attempt) -> Committed:
    """Records the attempt, then moves the sealed staging to its place by one rename."""
    layout, durable = parts.layout, parts.durable
    folder = layout.attempts(staging.dref)
    sync = sealed.unsynced and sealed.unsynced.sync
    attempts.record(folder, attempt, tmp=layout.tmp, durable=durable, sync=sync)
    target = Path(layout.realization(sealed.rref))
    fresh = True
    text, tmp = sealed.manifest.text, layout.tmp
    while not _place(staging.path, target, text, tmp, durable=durable):
        if is_sound(target, sealed.provenance):
            fresh = False
            staging.discard()
            break
        with suppress(FileNotFoundError):  # another process has removed the damaged one
            trash(layout, target)
    staging.close()
    if fresh:
        os.chmod(target, 0o555)
    if durable:
        disk.sync_directory(target.parent)
    if fresh:
        parts.shared_files.add(target, sealed.manifest)
    verdicts.lift(folder, sealed.rref, "damaged")
    return Committed(sealed.rref, fresh)


def _place(source: Path, target: Path, manifest: bytes, tmp: Path, *, durable: bool) -> bool:
    """Moves a sealed staging to its final name. Returns False if the name is taken.

    A staging that cannot be renamed, such as one in the lower layer of an overlay, is copied first.
    """
    try:
        return _rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copied = tmp / disk.fresh_name()
    moving.copy(source, copied, durable=durable)
    try:
        if tree.scan(copied / "out").text != manifest:
            raise OSError(errno.EIO, "a copy has other bytes than its source", str(copied))
        placed = _rename_new(copied, target)
    finally:
        tree.remove(copied)
    if placed:
        tree.remove(source)
    return placed


def _rename_new(source: Path, target: Path) -> bool:
    # rename(2) replaces only an empty directory, and a realization is never empty.
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def is_sound(realization: Path, provenance: bytes) -> bool:
    """Whether the directory of a realization is whole: context, manifest, all bytes and modes."""
    try:
        context = disk.read(realization / CONTEXT)
        manifest = disk.read(realization / MANIFEST)
        return (
            not os.path.islink(realization)
            and context == provenance
            and Manifest.parse(manifest).digest == parse_provenance(provenance)[2]
            and tree.scan(realization / "out").text == manifest
            and not any(tree.writable(realization / "out"))
            and {*os.listdir(realization)} == OWN
        )
    except (FileNotFoundError, NotADirectoryError, Corrupted, UnkeepableOutput):
        return False


def _warn_of_collisions(staging: Staging, manifest: Manifest) -> None:
    if names := tree.colliding(manifest):
        warnings.warn(
            f"{staging.dref}: on a case-insensitive file system these names are equal: "
            + listed(names),
            PystoreWarning,
            stacklevel=2,
        )
