"""Collection: a table with typed fields, of ours or of somebody else.

CO1  An insert is one transaction: all of its rows are there, or none.
CO2  A table of somebody else is never made or altered.
CO3  A field that the table does not have, or that it holds as another type, is refused before
     anything is asked of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from .conditions import check_condition
from .declared import Declared
from .errors import BadContent, BadDatabase, BadField, BadRow
from .fields import Field
from .folds import Fold, fold_of
from .frames import Found, as_polars, frame_of, table_of
from .outputs import outputs_of, retry_all
from .overview import rows_html
from .own_table import make_table
from .refusals import refusal
from .row_keys import key_part
from .source import Pk, behind
from .words_of_find import check_words, counts
from .writing import row_to_write, rows_to_write

_SHOWN = 10  # rows in a notebook

Row = tuple[Pk, tuple[Any, ...]]
"""A row: its key, and what is stored for its fields."""


class Collection(Declared):
    """Rows with typed fields; the database is asked when they are used."""

    _is_made = False  # whether the table has these fields: an insert has looked
    _is_checked = False

    def where(self, condition: Any) -> Collection:
        """The rows for which a condition holds, as a collection to read."""
        self._check_condition(condition)
        both = condition if self.condition is None else self.condition & condition
        found = type(self)(self.database, self.name, self.fields, is_ours=self.is_ours, where=both)
        found.table = self.table
        return found

    # --- writing

    def insert(self, rows: Any) -> list[Any]:
        """Inserts rows, a list of dicts or a frame, all or none; returns their keys.

        The first insert into a collection of ours makes its table, or checks that it has these
        fields. Raises BadRow, with the number of the row, and BadField.
        """
        made = rows_to_write(self, rows)
        if not made:
            return []
        if self.is_ours:
            if not self._is_made or self._replaces:
                self._make(replaces=self._replaces)
            self._is_made, self._replaces = True, False
        self._check()
        return [row[0] if len(row) == 1 else tuple(row) for row in self._inserted(made)]

    def _make(self, *, replaces: bool) -> None:
        make_table(self, replaces=replaces)

    def _inserted(self, made: Sequence[dict[str, Any]]) -> list[Any]:
        """The keys of rows that are inserted, all or none."""
        table = self._whole()
        found: list[Any] = []
        key = [table.c[name] for name in self.table.primary_key]
        new = sa.insert(table).returning(*key, sort_by_parameter_order=True)
        with self._writing() as connection:
            for names, some in groupby(made, lambda row: row.keys()):
                rows = list(some)
                found += connection.execute(new, rows if names else [{}] * len(rows)).all()
            if self.is_ours and self.database.is_postgres and "id" in made[0]:
                self._count_on(connection)
        return found

    def _count_on(self, connection: sa.Connection) -> None:
        """Goes on after the greatest key, where keys were given: no key is used twice."""
        connection.execute(
            sa.text(
                "SELECT setval(s, greatest(nextval(s), (SELECT max(id) FROM "
                f"{self.table.quoted}))) FROM pg_get_serial_sequence(:t, 'id') AS s"
            ),
            {"t": self.table.quoted},
        )

    def update(self, changes: Mapping[str, Any], where: Any = None, **equal: Any) -> int:
        """Changes fields of the rows that are meant; returns how many rows there were."""
        new = row_to_write(self, changes, is_partial=True)
        return self._updated(new, self._meant(where, equal, "update"))

    def _updated(self, new: Mapping[str, Any], meant: Sequence[Any]) -> int:
        told = sa.update(self._whole()).where(*meant).values(**new)
        with self._writing() as connection:
            return int(connection.execute(told).rowcount)

    def delete(self, where: Any = None, **equal: Any) -> int:
        """Deletes the rows that are meant; returns how many there were."""
        return self._deleted(self._meant(where, equal, "delete"))

    def _deleted(self, meant: Sequence[Any]) -> int:
        told = sa.delete(self._whole()).where(*meant)
        with self._writing() as connection:
            return int(connection.execute(told).rowcount)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes. Raises BadRow for what the table does not take."""
        self._check()
        try:
            with self.database.write() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            because = refusal(error)
            if because is None:
                raise
            raise BadRow(
                "the table does not take a row",
                collection=self.name,
                because=because,
                remedy="leave out a key that is there already, or change the row with update(…); "
                "leave out what the database itself writes, such as a generated column",
            ) from error

    def _check(self) -> None:
        """Raises BadField where the table has not these fields (CO3)."""
        if not self._is_checked:
            self.source(*self.fields).check()
            self._is_checked = True

    def _meant(self, where: Any, equal: Mapping[str, Any], verb: str) -> list[Any]:
        conditions = self._conditions(where, equal)
        if not conditions:
            raise BadRow(
                f"{verb} without a condition would take each row",
                remedy=f"collection.{verb}(…, id=17), or a condition such as collection['id'] > 0",
            )
        return conditions

    # --- reading

    def find(
        self,
        where: Any = None,
        *,
        fold: Fold | None = None,
        by: str | None = None,
        limit: int | None = None,
        **equal: Any,
    ) -> list[dict[str, Any]]:
        """The rows that are meant, in the order of their keys, each with what listeners predict.

        A row is a dict of its key, its fields and `_outputs`, by the names of listeners. `fold`
        goes by the content of the field `by`, by default the only one of media.
        """
        return list(self.iterate(where, fold=fold, by=by, limit=limit, **equal))

    def find_one(self, where: Any = None, **how: Any) -> dict[str, Any] | None:
        """The first row that is meant; None if there is none."""
        return next(iter(self.iterate(where, limit=1, **how)), None)

    def iterate(
        self,
        where: Any = None,
        *,
        fold: Fold | None = None,
        by: str | None = None,
        limit: int | None = None,
        batch: int = 500,
        **equal: Any,
    ) -> Iterator[dict[str, Any]]:
        """The rows of `find`, read `batch` rows at a time: for more than memory holds."""
        for found in self._found(where, fold=fold, by=by, limit=limit, batch=batch, **equal):
            yield self._document(*found)

    def _found(
        self,
        where: Any = None,
        *,
        fold: Fold | None = None,
        by: str | None = None,
        limit: int | None = None,
        batch: int = 500,
        **equal: Any,
    ) -> Iterator[Found]:
        """The rows of `find` as they are stored."""
        left, batch = counts(limit, batch)
        check_words(self, where=where, fold=fold, by=by, limit=limit)
        conditions = self._conditions(where, equal)
        in_fold = self._in_fold(fold, by)
        if left == 0:
            return
        size = batch if left is None or in_fold else min(batch, left)
        for page in self._pages(conditions, size):
            rows = [row for row in page if in_fold is None or in_fold(row[1])][:left]
            outputs = self._outputs(rows)
            yield from ((pk, stored, outputs.get(pk, {})) for pk, stored in rows)
            left = None if left is None else left - len(rows)
            if left == 0:
                return

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.iterate()

    def _in_fold(
        self, fold: Fold | None, by: str | None
    ) -> Callable[[tuple[Any, ...]], bool] | None:
        """Whether what is stored for a row is in a fold; None: there is no question."""
        if fold is None:
            return None
        found, name = fold_of(fold), by or self.only_media("find(fold='valid', by='img')")
        source = self.source(name)
        if source.fields[name].fetched is not None:
            raise BadField(
                f"the folds of {name} go by the content that its URLs lead to",
                remedy="take a snapshot: snapshot(x=…, fold=…) fetches it",
            )
        at = list(self.fields).index(name)

        def holds(stored: tuple[Any, ...]) -> bool:
            try:
                return stored[at] is not None and found.holds(source.key((stored[at],)))
            except BadContent:  # what has no content is in no fold
                return False

        return holds

    def last(self, count: int) -> list[Found]:
        """The rows with the greatest keys, the greatest first: key, what is stored, predictions."""
        rows = next(self._pages(self._conditions(None, {}), count, backward=True), [])[:count]
        outputs = self._outputs(rows)
        return [(pk, stored, outputs.get(pk, {})) for pk, stored in rows]

    def _pages(
        self, conditions: Sequence[Any], size: int, *, backward: bool = False
    ) -> Iterator[list[Row]]:
        """The rows that are meant by their keys, so many at a time; backward, the last ones."""
        self._check()
        source = self.source(*self.fields)
        keys = source.pk_columns
        order = [key.desc() for key in keys] if backward else keys
        query = sa.select(*keys, *source.columns()).where(*conditions).order_by(*order).limit(size)
        page = query
        while True:
            with self.database.read() as connection:
                found = connection.execute(page).all()
            rows = [(tuple(row[: len(keys)]), tuple(row[len(keys) :])) for row in found]
            if any(None in pk for pk, _ in rows):
                raise BadDatabase(
                    f"a row of {self.name} has no key",
                    because="SQLite lets the columns of a primary key be empty",
                    remedy="let its owner fill them",
                )
            yield rows
            if len(rows) < size or backward:
                return
            after = rows[-1][0]
            page = query.where(behind(keys, after))

    def _outputs(self, rows: Sequence[Row]) -> dict[Pk, dict[str, Any]]:
        return outputs_of(self, [pk for pk, _ in rows])

    def count(self, where: Any = None, **equal: Any) -> int:
        """How many rows are meant."""
        self._check()
        return self._counted(self._conditions(where, equal))

    def _counted(self, meant: Sequence[Any]) -> int:
        source = self.source(*self.fields)
        query = sa.select(sa.func.count()).select_from(source.selectable).where(*meant)
        with self.database.read() as connection:
            return int(connection.scalar(query) or 0)

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    def _document(self, pk: Pk, stored: Sequence[Any], outputs: Any) -> dict[str, Any]:
        values = {}
        for (name, field), one in zip(self.fields.items(), stored, strict=True):
            is_url = field.fetched is not None
            values[name] = one if one is None or is_url else self._value(field, one, name, pk)
        return {**dict(zip(self.table.primary_key, pk, strict=True)), **values, "_outputs": outputs}

    def _value(self, field: Field, stored: Any, name: str, pk: Pk) -> Any:
        try:
            return field.value(stored)
        except BadContent as error:
            if not self.is_ours:  # what others have written is shown as it is
                return stored
            raise error.having(field=name, row=pk[0] if len(pk) == 1 else pk) from None

    def frame(self, where: Any = None, **how: Any) -> Any:
        """The rows of `find` as a frame of pandas, with a column for each listener.

        A listener that is called as a field is has the column `_outputs.<name>`.
        """
        return frame_of(self, self.find(where, **how))

    def arrow(self, where: Any = None, **how: Any) -> Any:
        """The rows of `find` as a table of Arrow, with a column for each listener.

        Pictures, arrays and the like are the bytes of their files, and JSON is a text.
        """
        return table_of(self, self._found(where, **how))

    def polars(self, where: Any = None, **how: Any) -> Any:
        """The rows of `find` as a frame of polars, made of the table of Arrow."""
        return as_polars(self.arrow(where, **how))

    def _conditions(self, where: Any, equal: Mapping[str, Any]) -> list[Any]:
        if where is not None:
            self._check_condition(where)
        found = [self._as_shown(one) for one in (self.condition, where) if one is not None]
        key = self.table.primary_key if equal else {}
        for name, value in equal.items():
            if name in self.fields:
                found.append(self._as_shown(self[name] == value))
            elif name in key:
                found.append(self._key_is(name, key_part(self, name, value)))
            else:
                raise self.unknown(name)
        return found

    def _check_condition(self, condition: Any) -> None:
        check_condition(condition)

    def _key_is(self, name: str, value: Any) -> Any:
        return sa.column(name, self.table.primary_key[name]) == value

    def _whole(self) -> sa.Table:
        """The table with all that a write needs."""
        types = self.table.written({f.column or n: f for n, f in self.fields.items() if not f.path})
        key = self.table.primary_key
        columns = [sa.Column(n, t, primary_key=True) for n, t in key.items() if n not in types]
        columns += [sa.Column(n, t, primary_key=n in key) for n, t in types.items()]
        return sa.Table(self.table.own_name, sa.MetaData(schema=self.table.schema), *columns)

    # --- what stands in other rooms

    def snapshot(self, **how: Any) -> Any:
        """These rows as a derivation; see `pystore.app.snapshots.snapshot`."""
        return app_room().snapshot(self, **how)

    def listener(self, predictor: Any, *whom: Any, **how: Any) -> Any:
        """A listener that is declared, not started; see `pystore.app.beside_rows.listener`."""
        return app_room().listener(self, predictor, *whom, **how)

    def listen(self, predictor: Any, *whom: Any, **how: Any) -> Any:
        """Keeps predictions beside these rows from now on, in this process."""
        return self.listener(predictor, *whom, **how).start()

    def wait(self, timeout: float | None = None) -> None:
        """Waits until nothing is due for the listeners of the collection in this process.

        Raises NoListener, and TimedOut after `timeout` [s]; without one, it waits for ever, and
        warns every ten seconds what for.
        """
        app_room().wait(self, timeout)

    def lineage(self, key: Any, listener: str) -> Any:
        """Where the prediction of a row comes from, or why there is none."""
        return app_room().lineage_of(self, key, listener)

    def forget(self, row: Any, **how: Any) -> Any:
        """What was made of the content of a row; see `pystore.app.forgetting.forget`."""
        return app_room().forget(self, row, **how)

    def retry(self) -> int:
        """Makes rows whose prediction has failed work to do again; returns how many."""
        return retry_all(self)

    def _repr_html_(self) -> str:
        try:
            self._check()
        except (BadDatabase, BadField):  # it is declared, and has no table yet
            from html import escape  # for weight: only notebooks need it

            return f"<pre>{escape(repr(self))}</pre>"
        return rows_html(self.name, self.find(limit=_SHOWN), len(self))


def app_room() -> Any:
    """What collections and databases have from the room above."""
    from ..app import beside_rows  # the only way up from here; for weight

    return beside_rows
