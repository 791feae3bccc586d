"""OptionalRemote: a remote that is used until it fails once."""

from .address import shown
from .remote import Remote, open_remote

OBJECT_SECONDS = 60.0  # [s] for one object


class OptionalRemote:
    """The remote at a URL, opened on first use."""

    def __init__(self, url: str, trusted: frozenset[str] | None) -> None:
        self.url = shown(url)
        self.failed = False
        self._given = url
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
