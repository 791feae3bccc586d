"""Fetch: files by their hash; `fetchurl` brings them from the network, `fetchlocal` from here.

FE1  The identity is the hash, the name and the mode, never the source of the file. So both stages
    are one, and a file that either has fetched serves both.
FE2  Only bytes that have the hash are committed.
FE3  Without a hash there is no stage, but an error that says which hash to write.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pystore import (
    Build,
    Derivation,
    Realizer,
    build_cattrs,
    build_note,
    build_outpath,
    build_progress,
    match_latest,
    settings,
    two_way,
)
from pystore.errors import BadName, BadStage, FetchError, PystoreError

from .archive import check_archive_name, unpack_archive
from .checksums import Checksums
from .copying import copy_file
from .download import MAX_BYTES, Body, Download
from .exchange import shown_url
from .limits import Limits
from .names import check_file_name, readable_part
from .patience import Patience

_MODES = ("as-is", "unpack", "unpack,remove")
_PROBE = 120.0  # [s] at most to find out which hash to write

Bring = Callable[[Build, Checksums, Path], dict[str, str]]
"""Puts a file at the path, if it has the hashes; returns a note that says where it was."""


@two_way
def fetchurl(
    url: str,
    sha256: str | None = None,
    sha1: str | None = None,
    mode: str = "unpack,remove",
    name: str | None = None,
    filename: str | None = None,
    *,
    mirrors: Sequence[str] = (),
    deadline: float = Patience.deadline,
    max_bytes: int = MAX_BYTES,
) -> Derivation:
    """A file from the network, known by its hash: kept `as-is`, or unpacked (and removed).

    `filename` is what it is called in the output; by default, as at the end of the URL. Servers
    that `PYSTORE_MIRRORS` names are asked first, for `<server>/<sha256>`, then `url`, then
    `mirrors`: other URLs of the same file. `deadline` [s] is for all of them together, and
    `max_bytes` for the file.

    Raises BadStage without a hash; it says which one to write, if the file can be reached. A
    realization raises FetchError when nothing sends the file, ChecksumMismatch when something
    else is sent.
    """
    sources = [_check_url(one) for one in (url, *_texts(mirrors))]
    patience = Patience(deadline=_check_limit("deadline", deadline))
    _check_limit("max_bytes", max_bytes)
    checksums = Checksums.of(sha256, sha1)
    filename = _url_filename(url) if filename is None else check_file_name(filename)
    config = _config(checksums, mode, name, filename)
    if not checksums.given:
        raise _no_hash(shown_url(url), lambda: _probe(sources, patience, max_bytes))
    bring = partial(download_file, sources=sources, patience=patience, max_bytes=max_bytes)
    return Derivation(config, match_latest(), Realizer(partial(fetch_file, bring=bring)))


@two_way
def fetchlocal(
    path: str | os.PathLike[str],
    sha256: str | None = None,
    sha1: str | None = None,
    mode: str = "as-is",
    name: str | None = None,
    filename: str | None = None,
) -> Derivation:
    """A copy of a file of this machine, known by its hash.

    Once the copy is in the store, the file may be removed.

    Raises BadStage without a hash; it says which one to write. A realization raises FetchError
    when there is no such file, ChecksumMismatch when it has another hash.
    """
    source = Path(os.path.abspath(os.path.expanduser(path)))
    checksums = Checksums.of(sha256, sha1)
    filename = check_file_name(source.name if filename is None else filename)
    config = _config(checksums, mode, name, filename)
    if not checksums.given:
        raise _no_hash(str(source), lambda: copy_file(source, None, checksums))
    bring = partial(copy_local, source=source)
    return Derivation(config, match_latest(), Realizer(partial(fetch_file, bring=bring)))


def fetch_file(b: Build, bring: Bring) -> None:
    """The realizer of both: brings the file, and makes of it what the mode says."""
    c, out = build_cattrs(b), build_outpath(b)
    path = out / c.filename
    checksums = Checksums(getattr(c, "sha256", None), getattr(c, "sha1", None))
    for key, value in bring(b, checksums, path).items():
        build_note(b, key, value)
    if c.mode != "as-is":
        unpack_archive(path, out, Limits(), keep=path)
    if c.mode == "unpack,remove":
        path.unlink()


# --- bringing --------------------------------------------------------------------------


def download_file(
    b: Build,
    checksums: Checksums,
    path: Path,
    *,
    sources: Sequence[str],
    patience: Patience,
    max_bytes: int,
) -> dict[str, str]:
    """Brings a file from the first source that sends it; mirrors by hash are asked first."""
    by_hash = [f"{base.rstrip('/')}/{checksums.sha256}" for base in settings.mirrors()]
    download = Download(
        [*by_hash, *sources] if checksums.sha256 else sources,
        checksums,
        patience=patience,
        max_bytes=max_bytes,
        progress=lambda done, total: build_progress(b, done, total, "bytes"),
    )
    try:
        with closing(Body(path, checksums)) as body:
            return {"url": shown_url(download.into(body))}
    except BaseException:
        path.unlink(missing_ok=True)  # a part of a file is of no use to anybody
        raise


def copy_local(b: Build, checksums: Checksums, path: Path, *, source: Path) -> dict[str, str]:
    """Brings a file of this machine."""
    try:
        copy_file(source, path, checksums)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return {"path": ascii(str(source))[1:-1]}


def _probe(sources: Sequence[str], patience: Patience, max_bytes: int) -> dict[str, str]:
    short = Patience(deadline=min(_PROBE, patience.deadline))
    any_file = Checksums(None, None)
    with closing(Body(None, any_file)) as body:
        download = Download(sources, any_file, patience=short, max_bytes=max_bytes)
        download.into(body)
        return body.hasher.digests


# --- checking --------------------------------------------------------------------------


def _config(
    checksums: Checksums, mode: str, name: str | None, filename: str
) -> dict[str, str | None]:
    if mode not in _MODES:
        raise BadStage(
            "not a mode", given=repr(mode)[:200], remedy=f"write one of {', '.join(_MODES)}"
        )
    if mode != "as-is":
        check_archive_name(filename, remedy='keep the file as it is: mode="as-is"')
    name = readable_part(filename) if name is None else name
    return {**checksums.given, "mode": mode, "name": name, "filename": filename}


def _check_url(url: object) -> str:
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else urlsplit("")
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in str(url)
    except ValueError:
        sound = False
    if sound:
        return str(url)
    raise BadStage(
        "not the URL of a file",
        given=repr(url)[:200],
        expected="http://… or https://…",
        remedy="for a file of this machine: fetchlocal(path=…)",
    )


def _texts(mirrors: Sequence[str]) -> Sequence[str]:
    return (mirrors,) if isinstance(mirrors, str) else mirrors


def _url_filename(url: str) -> str:
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    try:
        return check_file_name(last)
    except BadName as error:
        raise BadStage(
            "the URL does not end in the name of a file",
            url=shown_url(url),
            last=repr(last)[:200],
            because=error.facts.get("because"),
            remedy="write filename='…', what the file is to be called",
        ) from None


def _check_limit(name: str, value: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value
    raise BadStage(f"{name} is a number above 0", given=repr(value)[:200], remedy=f"{name}=60")


def _no_hash(place: str, digests: Callable[[], dict[str, str]]) -> BadStage:
    try:
        found = digests()["sha256"]
    except (PystoreError, OSError) as error:
        because = error.what if isinstance(error, FetchError) else str(error)
        facts = error.facts if isinstance(error, PystoreError) else {}
        return BadStage(
            "a file is known by its hash, and none was given",
            file=place,
            because=because,
            tried=facts.get("tried"),
            remedy="write sha256='…', as its publisher gives it, or as `sha256sum file` prints it",
        )
    return BadStage(
        "a file is known by its hash, and none was given",
        file=place,
        sha256=found,
        remedy=f"if this is the right file, write sha256='{found}'",
    )
