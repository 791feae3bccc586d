"""UrlPlace: a place at a URL, used through the package fsspec."""

import errno
import posixpath
from collections.abc import Callable
from typing import Any, TypeVar

from .. import disk
from .address import shown_address
from .place import Options
from .place_errors import EXTRAS, as_our_error, not_installed

Result = TypeVar("Result")

_ANSWER = 10.0  # [s] to connect, or to send more
_OBJECT = 1800.0  # [s] for one object
_QUIET: dict[str, dict[str, Any]] = {  # no stale listings, no endless waits
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": _ANSWER, "read_timeout": 60},
    },
    "http": {"use_listings_cache": False},
    "sftp": {"timeout": _ANSWER},
}


class UrlPlace:
    """A place of a kind that fsspec knows."""

    read_only = False
    patience: float | None = _OBJECT

    def __init__(self, url: str, options: Options) -> None:
        self.url = shown_address(url)
        self.stopped = False
        self._given = url
        self._scheme = url.partition("://")[0]
        self._system, path = self._connect(url, options)
        self._root = str(path).rstrip("/")
        # Here a written object appears at once, whole (PL1); elsewhere by a rename.
        self._atomic = self._system.async_impl or self._scheme == "memory"
        self._is_sftp = EXTRAS.get(self._scheme) == "sftp"
        self.workers = 8 if self._system.async_impl else 1

    def _connect(self, url: str, options: Options) -> Any:
        import fsspec

        scheme = self._scheme
        quiet = _QUIET.get(EXTRAS.get(scheme, ""), {})
        given = {**quiet, **fsspec.config.conf.get(scheme, {}), **options}
        try:
            given = self._options(given)
            return fsspec.core.url_to_fs(url, skip_instance_cache=scheme != "memory", **given)
        except ImportError as error:
            raise not_installed(url, scheme, error) from None
        except Exception as error:  # PL3: a service may raise any error
            raise as_our_error(url, error) from None

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options for fsspec; a subclass adds its own."""
        return given

    def stop(self) -> None:
        """Remembers that nobody waits any longer."""
        self.stopped = True

    def read(self, name: str, most: int) -> bytes:
        """The object."""
        content = self._ask(lambda: self._read(self._path(name), most))
        assert isinstance(content, bytes)
        return content[:most]

    def _read(self, path: str, most: int) -> object:
        if self._is_sftp:
            with self._system.open(path, "rb") as file:
                # Without prefetch, each block waits for an answer.
                file.prefetch(min(file.stat().st_size, most))
                return file.read(most)
        try:
            return self._system.cat_file(path, 0, most)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # Some services refuse a range that ends behind the object: then read it whole.
            return self._system.cat_file(path)

    def write(self, name: str, content: bytes) -> None:
        """Stores an object."""
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
        """The size of an object; -1 where the service does not say."""
        try:
            found = self._ask(lambda: self._size(self._path(name)))
        except FileNotFoundError:
            return None
        return -1 if found is None else int(found)

    def _size(self, path: str) -> Any:
        return self._system.info(path)["size"]

    def names(self, folder: str) -> list[str]:
        """The names in a folder."""
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
        except NotADirectoryError as error:
            raise FileNotFoundError(str(error)) from None  # as a folder says it
        except Exception as error:  # PL3
            raise as_our_error(self._given, error) from None
