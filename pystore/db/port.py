"""The port: what listeners, snapshots and lineages need of a database, whichever it is.

A connection is what `read` and `write` of a database give; who has one only hands it on. Where a
database has no transactions, each write takes place at its call, and can be made again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from .connections import Connections
from .contents import Contents
from .declared import Declared
from .installation import Met
from .kept_files import KeptFiles
from .register import Entry, Standing
from .source import Pk, Source
from .tracking import Claim, Mark, Outcome
from .waking import Wake
from .write_back import WriteBack

Rows = list[dict[str, Any]]


class Tracking(Protocol):
    """Which rows of a source are work to do."""

    @property
    def source(self) -> Source:
        """The listened fields."""

    def has_work(self, connection: Any) -> bool:
        """Whether a row is to be worked on now; costs no lock."""

    def claim(self, connection: Any, most: int, owner: int) -> list[Claim]:
        """At most so many rows without a key, which other processes leave alone from now on."""

    def mark(self, connection: Any, marks: Sequence[Mark]) -> list[Mark]:
        """Notes what is known of rows that have not changed; returns those to mark again."""

    def redo(self, connection: Any, pks: Sequence[Pk]) -> int:
        """Makes rows work to do again, whatever was known of them."""

    def rows_of(self, connection: Any, keys: Sequence[bytes]) -> Mapping[bytes, Pk]:
        """One row for each of these keys that a row has."""

    def pages(self, most: int) -> Iterator[list[tuple[Pk, bytes | None]]]:
        """Rows that have a key, or had no content, so many at a time."""

    def owners(self, connection: Any) -> set[int]:
        """The processes that have claims."""

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""


class Ledger(Protocol):
    """The predictions of a listener, and what it shows of them."""

    entry: Entry

    @property
    def database(self) -> Connections:
        """The database."""

    def there(
        self, connection: Any, models: Collection[int], keys: Sequence[bytes]
    ) -> set[tuple[int, bytes]]:
        """Those of these models and keys that have a prediction, or that failed."""

    def take_in(
        self, connection: Any, made: Mapping[int, Sequence[Outcome]], marks: Sequence[Mark]
    ) -> list[Mark]:
        """Keeps what the models said, leaves the rest to others, marks rows; see `mark`."""

    def claim_due(self, model: int, most: int, owner: int) -> list[bytes]:
        """Keys whose prediction is due again, or was left to be made; ours from now on."""

    def claim_missing(
        self, model: int, after: bytes, most: int, owner: int
    ) -> tuple[list[bytes], bytes | None]:
        """Keys of rows without a prediction, and where to go on; None: there are no more."""

    def put(self, connection: Any, model: int, made: Iterable[Outcome]) -> None:
        """Keeps predictions and failures; a prediction that is there stays."""

    def drop(self, connection: Any, model: int, keys: Sequence[bytes]) -> None:
        """Gives up claims of keys whose row was not found."""

    def swap(self, standing: Standing, most_lost: float) -> tuple[bool, float]:
        """Shows the target when nothing is left to do for it: (whether it did, share lost)."""

    def standing(self) -> Standing | None:
        """What is shown and what is filled; None when the listener was removed."""

    def was_removed(self) -> bool:
        """Whether somebody has removed it; where nothing of ours is there, nobody has."""

    def take(self, rref: str, code: str) -> Standing | None:
        """Makes a model the one to fill; the first one is shown at once."""

    def model(self, number: int) -> tuple[str, str]:
        """The realization and the code of a model."""

    def note(self, process: str, note: str | None, behind_since: float | None) -> None:
        """Records that a process is at work, since when it is behind, and what keeps it."""

    def ended(self, process: str) -> None:
        """Records that a process is no longer at work."""

    def owners(self, connection: Any) -> set[int]:
        """The processes that have claims of predictions."""

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""

    def retry(self) -> int:
        """Makes what has failed work to do again."""

    def is_idle(self, models: Collection[int]) -> bool:
        """Whether nothing is to be done now by those who have these models."""

    def failed_for_good(self) -> int:
        """How many rows are not tried again."""


class Views(Protocol):
    """What readers read who know nothing of us."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the views of predictions and of failures."""

    def grants(self, roles: Sequence[str] | None = None) -> list[str]:
        """The SQL that lets roles read the views."""


class Installation(Protocol):
    """What a listener makes in a database."""

    @property
    def has_triggers(self) -> bool:
        """Whether changes of rows are told."""

    @property
    def ledger(self) -> Ledger:
        """The predictions of the listener."""

    @property
    def tracking(self) -> Tracking:
        """Which rows are work to do."""

    @property
    def views(self) -> Views:
        """What readers read."""

    def install(self) -> Met:
        """Makes what is missing, and looks at each row."""

    def reconcile(self) -> Met:
        """Gives each row its entry, takes away the others, and mends what was changed."""

    def remove(self) -> None:
        """Takes all away but predictions."""

    def statements(self) -> list[str]:
        """The SQL that makes all of it."""

    def removal_statements(self) -> list[str]:
        """The SQL that takes all of it away."""

    def as_it_is(self) -> str | None:
        """Tells one state of the table, of which changes are told since, from others."""

    def note_looked(self, what: str | None) -> None:
        """Notes that all rows were looked at; `what` is `as_it_is` before that began."""

    def mark(self) -> str | None:
        """Tells what was changed before from what is changed later."""

    def has_seen(self, mark: str | None) -> bool:
        """Whether the listener knows of all that was changed before a mark."""

    def wake(self, slot: Any, how: str) -> Wake:
        """What waits for changes."""


class Slot(Protocol):
    """The number of a living process."""

    number: int

    def dead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those of these numbers that no living process has."""

    def close(self) -> None:
        """Gives the number to others."""


class Port(Protocol):
    """A database as this package's other rooms use it."""

    database: Connections
    failures: tuple[type[Exception], ...]  # what its driver raises

    def can_get_better(self, error: Exception) -> bool:
        """Whether it may by waiting, such as a connection that was lost."""

    # --- listeners

    def installation(self, entry: Entry, source: Source, **how: Any) -> Installation:
        """What a listener needs; it knows its ledger, its tracking and its views."""

    def write_back(self, made: Any, given: str | Mapping[str, str]) -> WriteBack:
        """What writes predictions into columns of the table itself."""

    def contents(self, source: Source) -> Contents:
        """What gives claimed rows their contents."""

    def files(self, source: Source) -> KeptFiles:
        """What was fetched for a source."""

    def slot(self, source: str) -> Slot:
        """A number that no living process of a source has."""

    def forget_deleted(self, source: str) -> int:
        """Removes what was made of the deleted rows of a source."""

    # --- snapshots

    def snapshot(self, collection: str, name: str) -> dict[str, Any] | None:
        """What is recorded of a snapshot under a name."""

    def record_snapshot(
        self, collection: str, name: str, told: Mapping[str, Any], *, retake: bool
    ) -> dict[str, Any]:
        """Records a snapshot under a name, unless there is one; returns what has the name now."""

    def snapshot_names(self) -> dict[str, str]:
        """The names of the recorded snapshots, by their derivations."""

    # --- lineage, and forgetting

    def shown(self, collection: Declared, pk: Pk, listener: str) -> tuple[Any, Any, Any]:
        """What is recorded of a listener, of a row, and of the prediction that is shown for it.

        Each is a mapping; None for the first where nothing listens under the name, or for the
        second without such a row.
        """

    def key_of(self, source: Source, pk: Pk) -> bytes | None:
        """The key of the content of a row, if it is known."""

    def pks_of(self, source: Source, key: bytes) -> list[Pk]:
        """The rows with a content, as far as they are known."""

    def forget(self, key: bytes, *, dry_run: bool) -> tuple[int, int]:
        """Deletes predictions of a content and its fetched files: how many there were of each."""
