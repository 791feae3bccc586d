"""Place: where the objects of a remote are: a folder, or a URL that fsspec knows.

PL1  An object is seen whole or not at all, under the name that it was given.
PL2  Reading takes a limit: who lies about a size fills no memory.
PL3  A missing object is a FileNotFoundError; everything else that goes wrong is a FetchError or a
    BadPlace, whatever the service raises. That itself is not chained: it may hold a password.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ...core.errors import BadPlace, FetchError
from .. import disk
from ..home import expanded
from ..rights import owner_of
from .address import WEB, check_address, shown, without_secrets

Result = TypeVar("Result")
Options = Mapping[str, Any]

_ANSWER = 10.0  # [s] to connect, or to go on sending
_OBJECT = 1800.0  # [s] for one object, after which nobody waits any longer
_PACKAGES = {"s3": "s3fs", "http": "aiohttp", "sftp": "paramiko"}
_EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http", "sftp": "sftp", "ssh": "sftp"}
_MISTAKES = ("ParamValidationError",)  # of botocore, which has no common error for mistakes
_QUIET: dict[str, dict[str, Any]] = {  # no stale listings, no waiting for ever
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": _ANSWER, "read_timeout": 60},
    },
    "http": {"use_listings_cache": False},
    "sftp": {"timeout": _ANSWER},
}


class Place(Protocol):
    """Objects under names of several steps, parted by slashes."""

    url: str  # as it may be shown
    workers: int  # threads that may use it at the same time
    patience: float | None  # [s] for one object, if whoever asks says nothing
    read_only: bool  # whether nothing can be pushed there

    def read(self, name: str, most: int) -> bytes:
        """The object, of a longer one its first `most` bytes. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """Puts an object (PL1), over one that is there."""

    def size(self, name: str) -> int | None:
        """How long an object is [bytes]; None where there is none."""

    def names(self, folder: str) -> list[str]:
        """What is in a folder; nothing where there is none."""

    def stop(self) -> None:
        """Ends what is under way, where that can be: nobody waits for it any more."""


def place_at(url: str | os.PathLike[str], options: Options | None = None) -> Place:
    """The place at a URL or path; whether anything is there is not asked.

    `options` are those of fsspec for this kind of URL. Raises BadPlace.
    """
    text = check_address(url)
    scheme, colon, rest = text.partition("://")
    if not colon:
        return FolderPlace(Path(text))
    if scheme in ("file", "local"):
        return FolderPlace(Path(rest))
    if scheme in WEB:
        from .web import WebPlace

        return WebPlace(text, options or {})
    return UrlPlace(text, options or {})


def check_url(url: str | os.PathLike[str]) -> str:
    """The URL, when there is a package that can use it; no network is asked. Raises BadPlace."""
    import fsspec

    text = check_address(url)
    scheme, colon, _ = text.partition("://")
    try:
        if colon:
            fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise _not_installed(text, scheme, error) from None
    except ValueError as error:
        raise _not_usable(text, error) from None
    return text


class FolderPlace:
    """A folder of this machine, or of one whose disk is mounted here."""

    workers = 4
    patience: float | None = None
    read_only = False

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(expanded(root)))
        self.url = str(self.root)

    def read(self, name: str, most: int) -> bytes:
        """The object."""
        path = self.root / name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(name)  # a fifo would keep us waiting
            with path.open("rb") as file:
                return file.read(min(most, status.st_size))
        except NotADirectoryError:
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise _told(self.url, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Puts an object by one rename, and durably so."""
        path = self.root / name
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            disk.publish(str(path), content, tmp=path.parent, durable=True)
        except OSError as error:
            raise _told(self.url, error) from error

    def size(self, name: str) -> int | None:
        """How long an object is."""
        try:
            return (self.root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _told(self.url, error) from error

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        try:
            return os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _told(self.url, error) from error

    def stop(self) -> None:
        """Nothing: a disk answers, or hangs for everybody."""


class UrlPlace:
    """A place that fsspec knows."""

    read_only = False
    patience: float | None = _OBJECT

    def __init__(self, url: str, options: Options) -> None:
        self.url = shown(url)
        self.stopped = False
        self._given = url
        self._scheme = url.partition("://")[0]
        self._system, path = self._connect(url, options)
        self._root = str(path).rstrip("/")
        # Objects of these appear at once, whole; elsewhere a rename must see to that.
        self._atomic = self._system.async_impl or self._scheme == "memory"
        self._is_sftp = _EXTRAS.get(self._scheme) == "sftp"
        self.workers = 8 if self._system.async_impl else 1

    def _connect(self, url: str, options: Options) -> Any:
        import fsspec

        scheme = self._scheme
        quiet = _QUIET.get(_EXTRAS.get(scheme, ""), {})
        given = {**quiet, **fsspec.config.conf.get(scheme, {}), **options}
        try:
            given = self._options(given)
            return fsspec.core.url_to_fs(url, skip_instance_cache=scheme != "memory", **given)
        except ImportError as error:
            raise _not_installed(url, scheme, error) from None
        except Exception as error:  # PL3: a service raises what it likes, at once or later
            raise _told(url, error) from None

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of fsspec, with what this kind of place needs."""
        return given

    def stop(self) -> None:
        """Ends what can be ended."""
        self.stopped = True

    def read(self, name: str, most: int) -> bytes:
        """The object."""
        content = self._ask(lambda: self._read(self._path(name), most))
        assert isinstance(content, bytes)
        return content[:most]

    def _read(self, path: str, most: int) -> object:
        if self._is_sftp:
            with self._system.open(path, "rb") as file:
                file.prefetch(min(file.stat().st_size, most))  # not one answer, one question
                return file.read(most)
        try:
            return self._system.cat_file(path, 0, most)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # A range that ends behind the object is refused by some: then it is short enough.
            return self._system.cat_file(path)

    def write(self, name: str, content: bytes) -> None:
        """Puts an object."""
        self._ask(lambda: self._write(self._path(name), content))

    def _write(self, path: str, content: bytes) -> None:
        if self._atomic:
            return self._system.pipe_file(path, content)  # type: ignore[no-any-return]  # untyped
        staged = f"{path}.{disk.fresh_name()}"
        self._system.makedirs(posixpath.dirname(path), exist_ok=True)
        with self._system.open(staged, "wb") as file:
            if self._is_sftp:
                file.set_pipelined(True)
            file.write(content)
        self._system.mv(staged, path)

    def size(self, name: str) -> int | None:
        """How long an object is."""
        try:
            found = self._ask(lambda: self._system.info(self._path(name))["size"])
        except FileNotFoundError:
            return None
        return -1 if found is None else int(found)

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        try:
            found = self._ask(lambda: self._system.ls(self._path(folder), detail=False))
        except FileNotFoundError:
            return []
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _ask(self, question: Callable[[], Result]) -> Result:
        try:
            return question()
        except FileNotFoundError:
            raise
        except Exception as error:  # PL3
            raise _told(self._given, error) from None


def _told(url: str, error: Exception) -> Exception:
    if isinstance(error, (FileNotFoundError, BadPlace, FetchError)):
        return error
    if isinstance(error, (TypeError, ValueError)) or type(error).__name__ in _MISTAKES:
        return _not_usable(url, error)
    because = without_secrets(f"{type(error).__name__}: {error}", url)[:300]
    if isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403):
        path = getattr(error, "filename", None)  # of a folder of this machine
        return BadPlace(
            "no permission",
            url=shown(url),
            because=because,
            owner=None if path is None else owner_of(path),
            remedy="use credentials that may read here, and write here to push",
        )
    return FetchError(
        "the remote cannot be used",
        url=shown(url),
        because=because,
        remedy="check the URL, the network and the service; a retry sends only what is missing",
    )


def _not_usable(url: str, error: Exception) -> BadPlace:
    return BadPlace(
        "no place that pystore can use",
        url=shown(url),
        because=without_secrets(str(error), url)[:200],
        remedy="name a path, or a URL with s3://, sftp://, http(s):// or memory://, and options "
        "that fsspec knows for it",
    )


def _not_installed(url: str, scheme: str, error: ImportError) -> BadPlace:
    extra = _EXTRAS.get(scheme)
    return BadPlace(
        f"{scheme}:// needs a package that is not installed",
        url=shown(url),
        because=without_secrets(str(error), url)[:200],
        remedy=f"pip install {_PACKAGES[extra]}" if extra else "install it with pip",
    )
