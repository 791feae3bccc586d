"""Copying: copies a file of this machine, and computes its hashes."""

import os
import stat
from contextlib import closing
from pathlib import Path

from pystore.errors import ChecksumMismatch, FetchError

from .checksums import Checksums, Hasher
from .download import Body

_CHUNK = 1 << 20  # [bytes]


def copy_file(source: Path, target: Path | None, checksums: Checksums) -> dict[str, str]:
    """Copies `source` to `target`, if there is one; returns the hashes of its bytes.

    Raises FetchError when `source` is no plain file, ChecksumMismatch when its hash is wrong.
    """
    descriptor = _open(source)
    try:
        with closing(Body(target, checksums)) as body:
            while chunk := os.read(descriptor, _CHUNK):
                body.write(chunk)
    finally:
        os.close(descriptor)
    _check(source, body.hasher, checksums)
    return body.hasher.digests


def _open(source: Path) -> int:
    try:
        # Without O_NONBLOCK, opening a fifo waits for ever.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise FetchError(
            "no such file", path=source, remedy="check the path; a relative one starts at the "
            "directory where the stage was declared"
        ) from None  # fmt: skip
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FetchError(
        "not a plain file",
        path=source,
        remedy="pack a directory first: tar -caf data.tar.gz data/; or use external(path, version)",
    )


def _check(source: Path, hasher: Hasher, checksums: Checksums) -> None:
    if wrong := checksums.wrong(hasher.digests):
        raise ChecksumMismatch(
            "the file is not what was asked for",
            expected=wrong[0],
            got=wrong[1],
            url=source.as_uri(),
            remedy="bring the right file, or write the hash of this one",
        )
