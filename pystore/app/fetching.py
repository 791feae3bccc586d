"""Fetching: what is followed comes from a remote, in a thread beside the work.

RS1  No answer and no row waits for the remote. One that is dead, slow or lying stops nothing: it is
     asked again, and `because` says why nothing came.
"""

import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Protocol

from ..core.config import Config
from ..core.errors import in_one_line
from ..core.matchers import Matcher
from ..store.remote.source import Named, RemoteSource


class Comparing(Protocol):
    """What knows which derivations are comparable with it, by their configs."""

    @property
    def name(self) -> str:
        """The name of the derivations."""

    @property
    def matcher(self) -> Matcher:
        """What chooses among them where nothing else is said."""

    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is comparable."""


class Fetching:
    """A source that is asked once in `every` [s], from `start` until `end`."""

    def __init__(
        self,
        source: RemoteSource,
        wanted: Callable[[], Iterable[Named | str]],
        *,
        every: float,
        tell: Callable[[str], None],
    ) -> None:
        self.because: str | None = None  # why the last time has brought nothing
        self._source = source
        self._wanted = wanted
        self._every = every
        self._tell = tell
        self._ended = threading.Event()

    def start(self) -> None:
        """Begins to ask; the store that is current here is current there."""
        work = copy_context().run
        threading.Thread(target=work, args=(self._work,), name="pystore fetch", daemon=True).start()

    def end(self) -> None:
        """Asks no more. A transfer under way is not waited for."""
        self._ended.set()

    def to_dict(self) -> dict[str, str | None]:
        """The remote, and why nothing came from it, as JSON."""
        return {"url": self._source.url, "because": self.because}

    def look(self) -> None:
        """Asks once for all that is wanted."""
        before = self.because
        self.because = "; ".join(dict.fromkeys(filter(None, self._reasons()))) or None
        if self.because is not None and self.because != before:
            self._tell(f"nothing came from {self._source.url}: {self.because}")

    def _reasons(self) -> list[str]:
        try:
            return [self._asked(one) for one in self._wanted()]
        except Exception as error:  # the user's code, or a rule of theirs, may raise anything
            return [in_one_line(f"{type(error).__name__}: {getattr(error, 'what', error)}")]

    def _asked(self, wanted: Named | str) -> str:
        self._source.refresh(wanted)
        return self._source.reason

    def _work(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._every)


def wanted_of(
    model: Comparing, matcher: Matcher | None, pin: str | None, shadow: Matcher | None = None
) -> list[Named | str]:
    """What a remote is asked for: the pin, or what the matcher chooses of the comparable."""
    pinned: list[Named | str] = [] if pin is None else [pin]
    main = matcher or model.matcher if pin is None else None
    matchers = [one for one in (main, shadow) if one is not None]
    if not matchers:
        return pinned
    is_wanted = model.comparison()
    return [*pinned, *(Named(model.name, is_wanted, one) for one in matchers)]
