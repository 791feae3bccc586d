"""Write back: predictions in columns of the table itself, by the leave of its owner.

WB1  A column follows what the view shows: the prediction for what its row holds now, or NULL.
WB2  Nobody who writes rows waits for it: a row that its writer has locked is written later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from ..core.printable import listed
from .errors import BadField, NoPermission
from .json_paths import at_path, text_at
from .ledger import Ledger
from .refusals import refusal
from .source import Pk, Source, among, behind
from .tables import JSON
from .tracking import PATIENCE, run

_SOME = 500  # rows in one statement
_HOLD: Mapping[str, tuple[type, ...]] = {
    "str": (sa.Text, sa.String),
    "int": (sa.Integer, sa.Numeric),
    "float": (sa.Numeric, sa.Float),
    "bool": (sa.Boolean,),
}


class WriteBack:
    """The columns that a listener fills: outputs by columns, "" for all outputs as one JSON."""

    def __init__(self, ledger: Ledger, given: str | Mapping[str, str]) -> None:
        outputs = [*ledger.entry.outputs]
        only = outputs[0] if len(outputs) == 1 else ""
        self.columns = {given: only} if isinstance(given, str) else {c: o for o, c in given.items()}
        self._ledger, self._tracking = ledger, ledger.tracking
        self._database = ledger.database
        self._left: dict[Pk, None] = {}  # in the order in which they are tried
        self._after: Pk | None = None
        self._is_looking = False  # at all rows
        self.note: str | None = None  # why a row was not written
        self._check(outputs, given)

    def _check(self, outputs: Sequence[str], given: str | Mapping[str, str]) -> None:
        listened = {field.column or n for n, field in self._source.fields.items()}
        strange = [one for one in self.columns.values() if one and one not in outputs]
        is_twice = not isinstance(given, str) and len(self.columns) < len(given)
        if strange or listened & self.columns.keys() or not self.columns or is_twice:
            raise BadField(
                "write_back names a column that nobody listens to, or one for each output",
                given=str(given),
                outputs=listed(outputs),
                remedy="write_back='guess', or write_back={'label': 'guess', 'p': 'sure'}",
            )

    @property
    def _source(self) -> Source:
        return self._tracking.source

    # --- before anything is written

    def check(self) -> None:
        """Raises BadField where the table has no such columns, NoPermission without the right."""
        types = self._source.table.columns
        for column, output in self.columns.items():
            kind = types.get(column)
            if kind is None or not self._can_hold(kind, output):
                raise BadField(
                    f"the column {column} cannot take {output or 'all outputs'}",
                    table=self._source.table.name,
                    type="there is no such column" if kind is None else str(kind),
                    remedy="let its owner add it: JSON takes each output, text a str, bigint an "
                    "int, double precision a float, boolean a bool",
                )
        try:
            with self._database.write() as connection:
                self._write(connection, [])
        except DBAPIError as error:
            because = refusal(error)
            if because is None:
                raise
            raise BadField(
                f"the database writes {listed(self.columns)} itself, or lets nobody write there",
                table=self._source.table.name,
                because=because,
                remedy="name a column that the table's owner has added for it",
            ) from error
        except NoPermission as error:
            table, names = self._source.table.quoted, map(self._database.quoted, self.columns)
            raise NoPermission(
                f"this role may not write into {listed(self.columns)}",
                **error.facts,
                remedy=f"GRANT UPDATE ({', '.join(names)}) ON {table} TO "
                f"{self._database.url.username}",
            ) from error

    def _can_hold(self, kind: Any, output: str) -> bool:
        """Whether a column can hold an output, whatever its value; one of SQLite holds anything."""
        declared = self._ledger.entry.outputs.get(output, "")
        if isinstance(kind, sa.JSON) or (not self._database.is_postgres and output):
            return True
        is_limited = isinstance(kind, sa.String) and kind.length is not None
        return isinstance(kind, _HOLD.get(declared, ())) and not is_limited

    # --- writing

    @property
    def is_pending(self) -> bool:
        """Whether rows are left to be written or to be looked at."""
        return bool(self._left) or self._is_looking

    def note_rows(self, pks: Sequence[Pk]) -> None:
        """Notes that these rows are to be written."""
        self._left |= dict.fromkeys(pks)

    def note_keys(self, connection: sa.Connection, keys: Sequence[bytes]) -> None:
        """Notes that the rows with these contents are to be written."""
        key = self._tracking.state.c.key
        for at in range(0, len(keys), _SOME):
            query = sa.select(*self._tracking.pks).where(key.in_(list(keys[at : at + _SOME])))
            self.note_rows([tuple(row) for row in connection.execute(query)])

    def look_at_all(self) -> None:
        """Looks at each row from now on: another model is shown, or time has passed."""
        self._is_looking, self._after, self.note = True, None, None

    def step(self) -> bool:
        """Writes some rows. Returns whether any was written, or looked at."""
        if not self._left and self._is_looking:
            self._take_page()
        some = [*self._left][:_SOME]
        if not some:
            return False
        written, locked = self._written(some)
        for pk in some:
            del self._left[pk]
        self.note_rows(locked)
        return bool(written) or self._is_looking

    def _written(self, pks: Sequence[Pk]) -> tuple[int, list[Pk]]:
        """How many of these rows were written, and which are locked."""
        try:
            with self._database.write() as connection:
                if self._database.is_postgres:
                    run(connection, f"SET LOCAL lock_timeout = '{PATIENCE}'")
                return self._write(connection, pks), self._differing(connection, pks)
        except DBAPIError as error:  # such as a number that is too large for its column
            because = refusal(error)
            if because is None:
                raise
            if len(pks) == 1:
                self.note = f"the row {pks[0]} is not written back: {because}{self._emptied(pks)}"
                return 0, []
        half = len(pks) // 2
        (one, locked), (other, more) = self._written(pks[:half]), self._written(pks[half:])
        return one + other, locked + more

    def _emptied(self, pks: Sequence[Pk]) -> str:
        """Takes away what stands in the columns of a row that does not take what is shown; what is
        to be told if it cannot be taken away.
        """
        try:
            with self._database.write() as connection:
                self._write(connection, pks, is_empty=True)
        except DBAPIError as error:
            if refusal(error) is None:
                raise
            return "; what stood there stays, since NULL is refused as well"
        return ""

    def _take_page(self) -> None:
        """Takes the rows that come next in the order of their keys."""
        pks = self._tracking.pks
        query = sa.select(*pks).order_by(*pks).limit(_SOME)
        if self._after is not None:
            query = query.where(behind(pks, self._after))
        with self._database.read() as connection:
            page = [tuple(row) for row in connection.execute(query)]
        self._is_looking = len(page) == _SOME
        self._after = page[-1] if page else None
        self.note_rows(page)

    def _write(
        self, connection: sa.Connection, pks: Sequence[Pk], *, is_empty: bool = False
    ) -> int:
        """Writes what is shown for these rows, or NULL, but for those that are locked (WB2)."""
        table, own = self._table(), self._table().alias("t")
        entries = self._tracking.state.alias("s")
        other = self._other(own, entries, pks, is_empty=is_empty)
        found = other.with_for_update(of=[own, entries], skip_locked=True)
        new = found.subquery("new")
        names = self._source.table.primary_key
        same = [table.c[name] == new.c[f"pk{n}"] for n, name in enumerate(names)]
        values = {column: new.c[f"value{n}"] for n, column in enumerate(self.columns)}
        return int(connection.execute(sa.update(table).where(*same).values(values)).rowcount)

    def _differing(self, connection: sa.Connection, pks: Sequence[Pk]) -> list[Pk]:
        """Those of these rows in which something else stands than what is shown."""
        own, entries = self._table().alias("t"), self._tracking.state.alias("s")
        found = connection.execute(self._other(own, entries, pks)).all()
        return [tuple(row[: len(self._tracking.pks)]) for row in found]

    def _table(self) -> Any:
        own = self._source.table
        names = dict.fromkeys([*own.primary_key, *self.columns])
        columns = [sa.column(name, own.primary_key.get(name)) for name in names]
        return sa.table(own.own_name, *columns, schema=own.schema)

    def _other(self, own: Any, entries: Any, pks: Sequence[Pk], *, is_empty: bool = False) -> Any:
        """Those of these rows that hold something else than what is shown, and that (WB1).

        With `is_empty`, nothing is shown.
        """
        tables, entry = self._database.tables, self._ledger.entry
        listeners, made = tables.listeners.alias("l"), tables.predictions.alias("p")
        keys = [entries.c[pk.name] for pk in self._tracking.pks]
        names = self._source.table.primary_key
        is_row = sa.and_(*(k == own.c[name] for k, name in zip(keys, names, strict=True)))
        mine = (listeners.c.collection == entry.collection) & (listeners.c.name == entry.name)
        is_shown = (made.c.model == listeners.c.shown) & (made.c.key == entries.c.key)
        joined = own.join(entries, is_row).outerjoin(listeners, mine).outerjoin(made, is_shown)
        value = sa.cast(sa.null(), JSON) if is_empty else made.c.value
        told = [self._told(value, column) for column in self.columns]
        differs = [self._is_other(own.c[c], one) for c, one in zip(self.columns, told, strict=True)]
        labels = [one.label(f"value{n}") for n, one in enumerate(told)]
        return (
            sa.select(*(own.c[name].label(f"pk{n}") for n, name in enumerate(names)), *labels)
            .select_from(joined)
            .where(among(keys, pks), sa.or_(*differs))
        )

    def _told(self, value: Any, column: str) -> Any:
        """What a column is to hold, of the value of a prediction."""
        output, kind = self.columns[column], self._source.table.columns[column]
        if isinstance(kind, sa.JSON):
            found = value
            if output:
                found = at_path(value, (output,), is_postgres=self._database.is_postgres)
            return sa.cast(found, kind) if self._database.is_postgres else found
        text = text_at(value, (output,), is_postgres=self._database.is_postgres)
        return sa.cast(text, kind) if self._database.is_postgres else text

    def _is_other(self, column: Any, value: Any) -> Any:
        kind = self._source.table.columns[column.name]
        if self._database.is_postgres and isinstance(kind, sa.JSON):  # json has no equality
            column, value = sa.cast(column, JSONB), sa.cast(value, JSONB)
        return column.is_distinct_from(value)


def columns_of(given: str | Mapping[str, str] | None) -> tuple[str, ...]:
    """The columns that `write_back` names."""
    return (given,) if isinstance(given, str) else tuple((given or {}).values())
