"""OptionalRemote: a remote that is asked for results until it fails once."""

import os

from .address import shown
from .place import Options
from .remote import Remote, open_remote

OBJECT_SECONDS = 60.0  # [s] in which one object must come


class OptionalRemote:
    """The remote at a URL, which is opened when it is asked first."""

    def __init__(
        self, url: str, trusted: frozenset[str] | None, options: Options | None = None
    ) -> None:
        self.url = shown(os.fspath(url))  # without secrets
        self.failed = False
        self._given = url
        self._trusted = trusted
        self._options = options
        self._opened: Remote | None = None

    @property
    def remote(self) -> Remote:
        """The opened remote. Raises BadPlace, NotInStore, FetchError."""
        if self._opened is None:
            self._opened = open_remote(
                self._given, trusted=self._trusted, patience=OBJECT_SECONDS, options=self._options
            )
        return self._opened

    def give_up(self) -> None:
        """Marks the remote as failed, and ends the transfers that are under way."""
        self.failed = True
        if self._opened is not None:
            self._opened.place.stop()
