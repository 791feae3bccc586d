"""Snapshot rows: what reads the rows of a snapshot from a database, and what names them.

SD1  What is left out is counted by its reason, once for each row.
SD2  The digest of rows is one of a multiset: of the key and the label of each row, in no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from blake3 import blake3

from ..core.printable import listed
from ..db.contents import failure_of, keep, kept, row_of
from ..db.declared import Declared
from ..db.errors import BadContent, BadField, BadRow
from ..db.fetching import Fetched, Fetcher
from ..db.fields import Field
from ..db.folds import Fold, fold_of
from .stored_rows import Stored

_PAGE = 500  # rows that are read at a time
_FETCHED = 50  # rows whose fetched content is read at a time
_LABELS = 10_000  # labels whose digest is remembered
_PLAIN = (int, str)  # types of labels of which there are few values

Row = Sequence[Any]
"""What is stored for the fields of a row, then its primary key."""


class Reader:
    """What reads the rows of a snapshot, in the order of their keys in the table."""

    def __init__(
        self, collection: Declared, x: Sequence[str], y: str | None, fold: Fold | None
    ) -> None:
        self.collection = collection
        self.x, self.y = tuple(x), y
        self.left_out: Counter[str] = Counter()  # the rows of the last look that are not used
        self._fold = None if fold is None else fold_of(fold)
        self._connection: sa.Connection | None = None
        self._source = collection.source(*self.x)
        names = [*self.x, *([y] if y is not None and y not in self.x else [])]
        self._whole = collection.source(*names)
        self._check()
        urls = [at for at, name in enumerate(self.x) if self.fields[name].fetched]
        self._url_at = urls[0] if urls else None
        self.label_at = None if y is None else names.index(y)  # in a row
        self._failed: dict[str, str] = {}  # why URLs were not fetched
        self._bad: dict[bytes, str] = {}  # why contents are no values, by their keys
        self._has_looked = False  # at each row of this transaction

    def _check(self) -> None:
        urls = [name for name in self.x if self.fields[name].fetched]
        if not self.x or len(set(self.x)) < len(self.x) or len(urls) > 1:
            raise BadField(
                "x names the fields to predict from, each once, and one of URLs at most",
                x=listed(self.x) or "none",
                urls=listed(urls) or None,
                remedy="snapshot(x='img', y='label')",
            )
        if self.y is not None and self.fields[self.y].fetched:
            raise BadField(
                "a URL is no label",
                y=self.y,
                remedy="declare the field as text(), if its text is to be predicted",
            )

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the rows; what was fetched is kept as what it is."""
        return dict(self._whole.fields)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction for all that is read; inside of another one it is that one.

        What is not here yet is fetched before it begins, since a transaction is not to wait.
        """
        if self._connection is not None:
            yield
            return
        self._whole.check()
        self._fetch()
        try:
            with self.collection.database.read(one_state=True) as self._connection:
                yield
        finally:
            self._connection, self._bad, self._has_looked = None, {}, False

    def stored(self, row: Row) -> Mapping[str, Any]:
        """What is stored for each field of a row."""
        return dict(zip(self._whole.fields, row, strict=False))

    def pk(self, row: Row) -> Any:
        """The primary key of a row."""
        found = tuple(row[len(self._whole.fields) :])
        return found[0] if len(found) == 1 else found

    def pages(self) -> Iterator[list[tuple[bytes, Row]]]:
        """All rows with their keys, some at a time."""
        self.left_out = Counter()
        for page in self._pages():
            yield self._usable(page)
        self._has_looked = True

    def _usable(self, page: Iterable[Row]) -> list[tuple[bytes, Row]]:
        # A million rows are named in seconds: this loop calls little.
        found: list[tuple[bytes, Row]] = []
        fold, key_of, width = self._fold, self._source.key, len(self.x)
        is_single, is_ours = width == 1, self.collection.is_ours
        for row in page:
            content = row if is_single else row[:width]
            if content[0] is None and all(one is None for one in row[:width]):
                self.left_out["nothing is there"] += 1
                continue
            try:
                key = key_of(content)
            except BadContent as error:
                self.left_out[error.what] += 1
                continue
            if fold is not None and not fold.holds(key):
                continue
            # An insert into a table of ours has looked at each value.
            if not is_ours and self._is_bad(key, row[:width]):
                self.left_out[self._bad[key]] += 1
                continue
            found.append((key, row))
        return found

    def _is_bad(self, key: bytes, content: Sequence[Any]) -> bool:
        """Whether there is no value; the second look of a transaction decodes nothing again."""
        if not self._has_looked:
            try:
                self._source.value(content)
            except BadContent as error:
                self._bad[key] = error.what
        return key in self._bad

    def _pages(self) -> Iterator[Iterable[Row]]:
        assert self._connection is not None
        source = self._whole
        query = sa.select(*source.columns(), *source.pk_columns).order_by(*source.pk_columns)
        if self.collection.condition is not None:
            query = query.where(self.collection.condition)
        size = _PAGE if self._url_at is None else _FETCHED
        streamed = self._connection.execution_options(yield_per=size)
        for page in streamed.execute(query).partitions(size):
            yield page if self._url_at is None else self._fetched(page, self._url_at)

    def _fetched(self, page: Sequence[Row], at: int) -> Iterator[Row]:
        """The rows with what was fetched in the place of their URLs."""
        assert self._connection is not None
        urls = [row[at] for row in page if isinstance(row[at], str)]
        here = kept(self._source, self._connection, urls)
        for row in page:
            url = row[at]
            if isinstance(url, str) and url in here:
                yield (*row[:at], here[url], *row[at + 1 :])
            elif url is None:
                self.left_out["nothing is there"] += 1
            elif isinstance(url, str):
                self.left_out[self._failed.get(url, "it was not fetched")] += 1
            else:
                self.left_out["this is no URL"] += 1

    def _fetch(self) -> None:
        """Fetches what is not here yet."""
        if self._url_at is None:
            return
        source = self.collection.source(self.x[self._url_at])
        database, condition = self.collection.database, self.collection.condition
        query = sa.select(source.columns()[0]).select_from(source.selectable)
        with database.write() as connection:
            database.tables.install(connection)
        with database.read() as connection:
            found = connection.scalars(query if condition is None else query.where(condition))
            urls = list(dict.fromkeys(url for url in found if isinstance(url, str)))
            here = kept(source, connection, urls)
        policy = source.fields[self.x[self._url_at]].fetched
        assert policy is not None
        with Fetcher[str](policy) as fetcher:
            for url in urls:
                if url not in here:
                    fetcher.submit(url, url)
            while fetcher.pending:
                got = fetcher.done(1.0)
                came = [(url, one) for url, one in got if isinstance(one, Fetched)]
                keep(source, [row_of(source, url, one) for url, one in came])
                lost = {url: one for url, one in got if not isinstance(one, Fetched)}
                self._failed.update({url: failure_of(one).error for url, one in lost.items()})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None, "_bad": {}, "_has_looked": False}


class Digest:
    """The digest of rows in any order (SD2)."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._field = None if reader.y is None else reader.fields[reader.y]
        self._rows = bytearray()
        self._labels: dict[type, dict[Any, bytes]] = {kind: {} for kind in _PLAIN}
        self._width = 16 if self._field is None else 32

    def note_all(self) -> None:
        """Notes all rows. Raises BadRow for one without a label."""
        for page in self._reader.pages():
            self._note(page)

    def noting(self) -> Iterator[Stored]:
        """The rows as they are stored, each noted on its way."""
        for page in self._reader.pages():
            self._note(page)
            for key, row in page:
                yield key, self._reader.stored(row)

    def _note(self, page: Sequence[tuple[bytes, Row]]) -> None:
        # A million rows are named in seconds: this loop calls little.
        rows, labels, at = self._rows, self._labels, self._reader.label_at
        for key, row in page:
            rows += key
            if at is not None:
                label = row[at]
                known = labels.get(type(label))
                rows += (known and known.get(label)) or self._label(label, row)

    @property
    def count(self) -> int:
        """How many rows were noted."""
        return len(self._rows) // self._width

    def _label(self, stored: Any, row: Row) -> bytes:
        assert self._field is not None
        try:
            if stored is None:
                raise BadContent("nothing is there", remedy="")
            content = self._field.content(stored)
        except BadContent as error:
            raise self._no_label(row, error.what) from None
        told = blake3(b"%b:%b" % (self._field.kind.encode(), content)).digest(16)
        known = self._labels.get(type(stored))
        if known is not None and len(known) < _LABELS:
            known[stored] = told
        return told

    def _no_label(self, row: Row, because: str) -> BadRow:
        name = self._reader.y
        return BadRow(
            f"a row has no {name}",
            row=self._reader.pk(row),
            because=because,
            remedy=f"leave such rows out: rows = collection.where(collection[{name!r}].exists); "
            "rows.snapshot(…)",
        )

    def root(self) -> str:
        """The digest of all, in hex."""
        import numpy as np

        rows = np.frombuffer(self._rows, f"S{self._width}")
        return blake3(np.sort(rows).tobytes()).hexdigest(32)
