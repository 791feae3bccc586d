"""Snapshots: rows of a collection as a derivation, named by what they hold.

SN1  The same rows are the same derivation, on every database and in any order.
SN2  The rows that are written are the rows that were named.
SN3  A snapshot with a name is taken once, and recorded in the database.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from blake3 import blake3

from ..core.config import Config
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import match_only
from ..core.printable import counted
from ..core.realizer import Realizer
from ..core.refs import check_name
from ..db.connections import Connections
from ..db.contents import failure_of, keep, kept, row_of
from ..db.declared import Declared
from ..db.errors import BadContent, BadDatabase, BadRow
from ..db.fetching import Fetched, Fetcher
from ..db.fields import Field
from ..db.folds import Fold, fold_of
from ..db.source import Source
from ..declare.build import Build
from ..declare.nesting import file_that_is_loaded
from ..declare.stage import Stage, Staged, StageRealizer
from ..declare.stage_options import Options
from ..run.verbs import realize
from .stored_rows import Stored, write_rows

RECIPE = 1  # the number of how rows are written
_PAGE = 1000  # rows that are read at a time


class SnapshotStage(Stage[...]):
    """Rows as a stage: its config is the digest of what they hold."""

    def __init__(self, name: str) -> None:
        super().__init__(_declare, Options(match_only(), name, code=None), realize)

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys of its configs."""
        return frozenset(("name", "snapshot", "count", "x", "y", "recipe"))

    def of(self, config: Mapping[str, Any], reader: Reader | None) -> Staged:
        """The derivation with this config, whose rows the reader reads again."""
        realizer = Realizer(StageRealizer(self, {"reader": reader}))
        made = Staged(Config(dict(config)), self.options.matcher, realizer, self.options.resources)
        made.stage = self
        return made

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Writes the rows, if they are still those that the config names (SN2)."""
        reader: Reader | None = values.get("reader")
        if reader is None:
            raise BadStage(
                "the rows of this snapshot are not here",
                remedy="take it again where the collection is: collection.snapshot(…)",
            )
        digest = Digest()
        with reader.reading():
            fields = reader.fields
            write_rows(b.outpath, reader.x, reader.y, fields, digest.noting(reader))
        if digest.root() != values["snapshot"]:
            raise BadStage(
                "the rows of this snapshot have changed since it was taken",
                rows=f"{digest.count:,}, then {values['count']:,}",
                remedy="take it again: collection.snapshot(…, retake=True); or pull it from where "
                "it was built",
            )


class Digest:
    """The digest of rows in any order: of the sorted digests of each one's key and label."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def noting(self, reader: Reader) -> Iterator[Stored]:
        """The rows, each noted on its way."""
        label = None if reader.y is None else reader.fields[reader.y]
        for key, stored in reader.rows():
            content = b"" if label is None else label.content(stored[str(reader.y)])
            self._rows.append(blake3(key + content).digest(16))
            yield key, stored

    @property
    def count(self) -> int:
        """How many rows were noted."""
        return len(self._rows)

    def root(self) -> str:
        """The digest of all, in hex."""
        import numpy as np

        rows = np.frombuffer(b"".join(self._rows), "S16")
        return blake3(np.sort(rows).tobytes()).hexdigest(32)


class Reader:
    """What reads the rows of a snapshot, in the order of their keys in the table."""

    def __init__(
        self, collection: Declared, x: Sequence[str], y: str | None, fold: Fold | None
    ) -> None:
        self.collection = collection
        self.x, self.y = tuple(x), y
        self._fold = None if fold is None else fold_of(fold)
        self._connection: sa.Connection | None = None
        self.left_out = 0  # rows whose content was not fetched, or is none
        source = collection.source(*self.x)
        self._source = source
        names = [*self.x, *([y] if y is not None and y not in self.x else [])]
        self._whole: Source = collection.source(*names)
        self._urls = [name for name in self.x if source.fields[name].fetched]

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the rows; what was fetched is kept as what it is."""
        return dict(self._whole.fields)

    def reading(self) -> Any:
        """One transaction for all that is read (SN2)."""
        return _Reading(self, self.collection.database)

    def rows(self) -> Iterator[Stored]:
        """The key of each row, and what is stored for its fields. Raises BadRow without a label."""
        assert self._connection is not None
        source, names = self._whole, list(self._whole.fields)
        key_columns = source.pk_columns
        condition = self.collection.condition
        query = sa.select(*key_columns, *source.columns()).order_by(*key_columns)
        if condition is not None:
            query = query.where(condition)
        streamed = self._connection.execution_options(yield_per=_PAGE)
        for page in streamed.execute(query).partitions(_PAGE):
            stored = [dict(zip(names, row[len(key_columns) :], strict=True)) for row in page]
            here = self._fetched(stored)
            for row, values in zip(page, stored, strict=True):
                fetched = here.get(_url(values, self._urls), {})
                if self._urls and not fetched:
                    self.left_out += 1
                else:
                    yield from self._row({**values, **fetched}, row[: len(key_columns)])

    def _row(self, values: dict[str, Any], pk: Sequence[Any]) -> Iterator[Stored]:
        content = [values[name] for name in self.x]
        if all(one is None for one in content):
            self.left_out += 1
            return
        try:
            key = self._source.key(content)
            if not self.collection.is_ours:  # an insert of ours has looked at it
                self._source.value(content)
        except BadContent:
            self.left_out += 1
            return
        if self._fold is not None and not self._fold.holds(key):
            return
        if self.y is not None and values[self.y] is None:
            raise BadRow(
                f"a row has no {self.y}",
                row=pk[0] if len(pk) == 1 else tuple(pk),
                remedy=f"leave such rows out: rows = collection.where(collection[{self.y!r}]"
                ".exists); rows.snapshot(…)",
            )
        yield key, values

    def _fetched(self, stored: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, bytes]]:
        """What was fetched for these rows, by URL."""
        if not self._urls:
            return {}
        assert self._connection is not None
        urls = [url for one in stored if (url := _url(one, self._urls))]
        found = kept(self._source, self._connection, urls)
        return {url: {self._urls[0]: content} for url, content in found.items()}

    def fetch(self) -> None:
        """Fetches what is not here yet, before anything is read in one transaction."""
        if not self._urls:
            return
        source = self.collection.source(self._urls[0])
        database, column = self.collection.database, source.columns()[0]
        query = sa.select(column)
        if self.collection.condition is not None:
            query = query.where(self.collection.condition)
        with database.write() as connection:
            database.tables.install(connection)
        with database.read() as connection:
            urls = list(dict.fromkeys(u for u in connection.scalars(query) if isinstance(u, str)))
            here = kept(source, connection, urls)
        missing = [url for url in urls if url not in here]
        policy = source.fields[self._urls[0]].fetched
        assert policy is not None
        fetcher: Fetcher[str] = Fetcher(policy)
        reasons: dict[str, int] = {}
        try:
            for url in missing:
                fetcher.submit(url, url)
            while fetcher.pending:
                got = fetcher.done(1.0)
                keep(source, [row_of(source, u, one) for u, one in got if isinstance(one, Fetched)])
                for _, one in got:
                    if not isinstance(one, Fetched):
                        reason = failure_of(one).error
                        reasons[reason] = reasons.get(reason, 0) + 1
        finally:
            fetcher.close()
        if reasons:
            told = "; ".join(f"{number} x {reason}" for reason, number in reasons.items())
            warnings.warn(
                f"{counted(sum(reasons.values()), 'row')} left out of a snapshot: {told}",
                PystoreWarning,
                stacklevel=4,
            )


class _Reading:
    """A transaction in which a reader reads; inside of another one it is that one."""

    def __init__(self, reader: Reader, database: Any) -> None:
        self._reader, self._database = reader, database
        self._own: Any = None

    def __enter__(self) -> None:
        if self._reader._connection is None:
            self._own = self._database.read(one_state=True)
            self._reader._connection = self._own.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._own is not None:
            self._reader._connection = None
            self._own.__exit__(*error)


def snapshot(
    collection: Declared,
    *,
    x: str | Sequence[str],
    y: str | None = None,
    fold: Fold | None = None,
    name: str | None = None,
    retake: bool = False,
) -> Staged:
    """Rows of a collection as a derivation, for any stage: the fields x to predict from, and y.

    `fold` takes the rows of a fold, by the content of x. With a `name` it is taken once, and later
    calls, in any process, give the same without reading a row; `retake` takes it again.

    Raises BadRow for a row without y, BadStage for no rows, BadDatabase for a name that has other
    fields.
    """
    fields = (x,) if isinstance(x, str) else tuple(x)
    reader = Reader(collection, fields, y, fold)
    stage = SnapshotStage(check_name(collection.name.replace(".", "-")))
    told = {"x": list(fields), "y": y, "fold": list(fold) if isinstance(fold, tuple) else fold}
    if name is not None and not retake:
        known = _recorded(collection, name)
        if known is not None:
            _check_same(name, told, known)
            return stage.of(known["config"], reader)
    _check_may_take(name)
    reader.fetch()
    digest = Digest()
    with reader.reading():
        for _ in digest.noting(reader):
            pass
        if not digest.count:
            raise BadStage(
                "a snapshot of no rows",
                collection=collection.name,
                fold=fold,
                left_out=reader.left_out or None,
                remedy="insert rows first; or take other rows",
            )
        config = {
            "name": stage.stage_name,
            "snapshot": digest.root(),
            "count": digest.count,
            "x": list(fields),
            "y": y,
            "recipe": RECIPE,
        }
        made = stage.of(config, reader)
        _tell_left_out(reader)
        realize(made)
    if name is not None:
        _record(collection, name, told, config, made)
    return made


def _check_may_take(name: str | None) -> None:
    """Raises BadStage where a file is only loaded: another process would take another snapshot."""
    file = file_that_is_loaded()
    if file is None:
        return
    if name is None:
        raise BadStage(
            "a snapshot without a name is taken anew whenever the file is loaded",
            file=file,
            because="a service would follow a training on rows that nobody has trained on",
            remedy="name it: collection.snapshot(…, name='first')",
        )
    raise BadStage(
        f"the snapshot {name} was not taken yet",
        file=file,
        remedy=f"run the file once: python {file}",
    )


def _tell_left_out(reader: Reader) -> None:
    if reader.left_out:
        warnings.warn(
            f"{counted(reader.left_out, 'row')} left out of a snapshot: nothing is there to decode",
            PystoreWarning,
            stacklevel=4,
        )


def is_recorded(database: Connections, dref: str) -> bool:
    """Whether a snapshot has a name in a database."""
    known = database.tables.snapshots
    with database.read() as connection:
        if not database.tables.check(connection):
            return False
        query = sa.select(known.c.name).where(known.c.dref == dref).limit(1)
        return connection.execute(query).first() is not None


def _recorded(collection: Declared, name: str) -> dict[str, Any] | None:
    database = collection.database
    known = database.tables.snapshots
    with database.read() as connection:
        if not database.tables.check(connection):
            return None
        mine = (known.c.collection == collection.name, known.c.name == name)
        return connection.execute(sa.select(known.c.config).where(*mine)).scalar_one_or_none()


def _check_same(name: str, told: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    other = [key for key in told if told[key] != known[key]]
    if other:
        raise BadDatabase(
            f"the snapshot {name} was taken with another {other[0]}",
            has=known[other[0]],
            given=told[other[0]],
            remedy="give this one another name; retake=True takes it again under this name",
        )


def _record(
    collection: Declared,
    name: str,
    told: Mapping[str, Any],
    config: Mapping[str, Any],
    made: Staged,
) -> None:
    database = collection.database
    known = database.tables.snapshots
    values = {
        "dref": str(made.dref),
        "config": {**told, "config": dict(config)},
        "taken": time.time(),
    }
    new = database.insert(known).values(collection=collection.name, name=name, **values)
    index = [known.c.collection, known.c.name]
    with database.write() as connection:
        database.tables.install(connection)
        connection.execute(new.on_conflict_do_update(index_elements=index, set_=values))


def _url(values: Mapping[str, Any], names: Sequence[str]) -> str:
    url = values[names[0]] if names else None
    return url if isinstance(url, str) else ""


def _declare() -> None:
    """Rows of a collection."""
