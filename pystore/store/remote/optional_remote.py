"""OptionalRemote: a remote that is used until it fails once."""

from .address import Url, shown_address
from .open_place import check_url
from .remote import Remote, open_remote

OBJECT_SECONDS = 60.0  # [s] for one object


class OptionalRemote:
    """The remote at a URL, opened on first use. Raises BadPlace when no package can use it."""

    def __init__(self, url: Url, trusted: frozenset[str] | None) -> None:
        self._given = check_url(url)
        self.url = shown_address(self._given)
        self.failed = False
        self._trusted = trusted
        self._opened: Remote | None = None

    @property
    def remote(self) -> Remote:
        """The opened remote. Raises BadPlace, NotInStore, FetchError."""
        if self._opened is None:
            self._opened = open_remote(self._given, trusted=self._trusted, patience=OBJECT_SECONDS)
        return self._opened

    def give_up(self) -> None:
        """Marks the remote as failed, and stops its transfers."""
        self.failed = True
        if self._opened is not None:
            self._opened.place.stop()
