"""The stage `unpack`: the content of an archive that another stage made."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pystore import (
    Build,
    Derivation,
    Realizer,
    RefPath,
    build_cattrs,
    build_outpath,
    build_path,
    match_latest,
    two_way,
)
from pystore.errors import BadStage

from .archive import check_archive_name, unpack_archive
from .limits import Limits
from .names import readable_part


@two_way
def unpack(
    refpath: RefPath | Sequence[Any],
    name: str | None = None,
    max_bytes: int = Limits.max_bytes,
    max_members: int = Limits.max_members,
    max_ratio: float = Limits.max_ratio,
) -> Derivation:
    """The content of an archive: `unpack([dref, "data.tar.gz"])`.

    The name of the file says what it is: a tar (plain, or compressed with gzip, bzip2, xz or zstd),
    a zip, or a single compressed file. At most `max_bytes` come out, in `max_members` files, links
    and directories; and `max_ratio` bytes for each byte of the archive.

    Raises BadStage when the name is not that of an archive. A realization raises UnsafeArchive.
    """
    path = [refpath.ref, *refpath.parts] if isinstance(refpath, RefPath) else refpath
    filename = _filename(path)
    config = {"archive": list(path), "name": readable_part(filename) if name is None else name}
    limits = Limits(max_bytes, max_members, max_ratio)
    return Derivation(config, match_latest(), Realizer(partial(unpack_file, limits=limits)))


def unpack_file(b: Build, limits: Limits) -> None:
    """The realizer of `unpack`."""
    unpack_archive(build_path(b, build_cattrs(b).archive), build_outpath(b), limits)


def _filename(path: Sequence[Any]) -> str:
    if not isinstance(path, list | tuple) or len(path) < 2 or not isinstance(path[-1], str):
        raise BadStage(
            "not a file of a stage",
            given=repr(path)[:200],
            remedy="write unpack([dref, 'data.tar.gz'])",
        )
    remedy = "files of other kinds need no unpacking: use [dref, 'file'] itself"
    check_archive_name(path[-1], remedy)
    return path[-1]
