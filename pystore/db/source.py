"""Source: the listened fields of a table, as SQL has them, and the content of its rows.

SO1  A key is the digest of the content of the listened fields of one row, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from blake3 import blake3

from ..core.printable import listed
from .connections import Connections
from .errors import BadDatabase, BadField
from .fields import Field
from .tables import JSON, KEY

_TYPES: Mapping[str, Any] = {
    "int": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    "float": sa.Double(),
    "bool": sa.Boolean(),
    "text": sa.Text(),
    "bytes": sa.LargeBinary(),
    "datetime": sa.DateTime(timezone=True),
    "json": JSON,
    "array": sa.LargeBinary(),
    "image": sa.LargeBinary(),
    "own": sa.LargeBinary(),
}
_LONGEST = 40  # [characters] of the name of a source, since names of PostgreSQL have 63 bytes

Pk = tuple[Any, ...]
"""The primary key of a row: one value a column."""


def type_of(field: Field) -> Any:
    """The type of the column of a field; a text for a URL."""
    return sa.Text() if field.fetched is not None else _TYPES[field.kind]


@dataclass(frozen=True)
class Table:
    """A table of the user's, by its name; what it has is looked up when it is needed."""

    database: Connections
    name: str

    @property
    def schema(self) -> str | None:
        """The schema that the name says."""
        return self.name.rpartition(".")[0] or None

    @property
    def own_name(self) -> str:
        """The name without the schema."""
        return self.name.rpartition(".")[2]

    @property
    def quoted(self) -> str:
        """The name as SQL takes it."""
        return self.database.quoted(self.own_name, self.schema)

    @cached_property
    def primary_key(self) -> dict[str, Any]:
        """The columns of the primary key, with their types. Raises BadDatabase."""
        columns = self.columns
        with self.database.read() as connection:
            key = sa.inspect(connection).get_pk_constraint(self.own_name, schema=self.schema)
        names = key["constrained_columns"]
        if not names:
            raise BadDatabase(
                f"the table {self.name} has no primary key",
                columns=listed(columns),
                remedy="let its owner add one: predictions are found by it",
            )
        return {name: columns[name] for name in names}

    @cached_property
    def columns(self) -> dict[str, Any]:
        """All columns with their types. Raises BadDatabase where there is no such table."""
        with self.database.read() as connection:
            looked = sa.inspect(connection)
            if looked.has_table(self.own_name, schema=self.schema):
                return {
                    one["name"]: one["type"]
                    for one in looked.get_columns(self.own_name, schema=self.schema)
                }
            there = looked.get_table_names(schema=self.schema)
        raise BadDatabase(
            f"there is no table {self.name}",
            database=self.database.name,
            tables=listed([one for one in there if not one.startswith("pystore_")]) or "none",
            remedy="name one of these; a collection of ours has a table after its first insert",
        )

    def __deepcopy__(self, memo: object) -> Table:
        return self

    def forget(self) -> None:
        """Looks again at the next use: the table was made or changed."""
        self.__dict__.pop("columns", None)
        self.__dict__.pop("primary_key", None)


class Source:
    """Some fields of a table, as a listener or a snapshot reads them."""

    def __init__(self, table: Table, fields: Mapping[str, Field]) -> None:
        self.table = table
        self.database = table.database
        self.fields = dict(fields)
        self.is_single = len(fields) == 1

    @property
    def name(self) -> str:
        """Tells the source from others in names of ours."""
        parts = [self.table.name, *self.fields]
        plain = "_".join(parts).replace(".", "_")
        if len(plain) <= _LONGEST and not any("_" in one or "." in one for one in parts):
            return plain
        return f"{plain[:_LONGEST]}_{blake3(repr(parts).encode()).hexdigest(3)}"

    def check(self) -> None:
        """Raises BadField where the table has no such columns."""
        columns = self.table.columns
        for name, field in self.fields.items():
            column = field.column or name
            if column not in columns:
                raise BadField(
                    f"the table {self.table.name} has no column {column}",
                    field=name,
                    columns=listed(columns),
                    remedy="name one of these, or a path in a column of JSON: at='record.img'",
                )
            kind = columns[column]
            is_text = isinstance(kind, sa.String) and not self.database.is_postgres
            if field.path and not (isinstance(kind, sa.JSON) or is_text):
                raise BadField(
                    f"the column {column} holds no JSON, and has no paths",
                    field=name,
                    type=str(kind),
                    remedy=f"{name}=…, without at=, for a column of its own",
                )
            if not field.path and _parted(kind) != _parted(type_of(field)):
                raise BadField(
                    f"the column {column} cannot hold a {field.kind}",
                    type=str(kind),
                    remedy="declare the field by the type that the column has",
                )

    @cached_property
    def pk_columns(self) -> list[Any]:
        """The columns of the primary key in queries of the table."""
        return [self.selectable.c[name] for name in self.table.primary_key]

    @cached_property
    def selectable(self) -> Any:
        """The table with the columns that are used here."""
        key = self.table.primary_key
        named = {field.column or name: field for name, field in self.fields.items()}
        own = {name: JSON if field.path else type_of(field) for name, field in named.items()}
        columns = [sa.column(name, kind) for name, kind in {**own, **key}.items()]
        return sa.table(self.table.own_name, *columns, schema=self.table.schema)

    def columns(self) -> list[Any]:
        """What is stored for each field, as a query selects it."""
        return [expression(self.database, self.selectable.c, n, f) for n, f in self.fields.items()]

    def contents(self, connection: sa.Connection, pks: Sequence[Pk]) -> dict[Pk, tuple[Any, ...]]:
        """What is stored in the listened fields of rows, by primary key; rows may be gone."""
        keys = self.pk_columns
        width = len(keys)
        found: dict[Pk, tuple[Any, ...]] = {}
        for at in range(0, len(pks), 500):
            some = pks[at : at + 500]
            query = sa.select(*keys, *self.columns()).where(among(keys, some))
            for row in connection.execute(query):
                found[tuple(row[:width])] = tuple(row[width:])
        return found

    def key(self, stored: Sequence[Any]) -> bytes:
        """The key of what is stored, or was fetched, for each field. Raises BadContent."""
        hasher = blake3()
        for field, one in zip(self.fields.values(), stored, strict=True):
            content = b"\0" if one is None else field.content(one)
            hasher.update(b"%s:%d:" % (field.kind.encode(), len(content)))
            hasher.update(content)
        return hasher.digest(KEY)

    def value(self, stored: Sequence[Any]) -> Any:
        """The value of the field; of several, a dict. Raises BadContent."""
        made = {
            name: None if one is None else field.value(one)
            for (name, field), one in zip(self.fields.items(), stored, strict=True)
        }
        return next(iter(made.values())) if self.is_single else made


def among(columns: Sequence[Any], pks: Iterable[Pk]) -> Any:
    """Whether these columns have one of these values."""
    if len(columns) == 1:
        return columns[0].in_([pk[0] for pk in pks])
    return sa.tuple_(*columns).in_([tuple(pk) for pk in pks])


def expression(database: Connections, columns: Any, name: str, field: Field) -> Any:
    """What is stored for a field, as a query selects it."""
    if not field.path:
        return columns[name]
    column = sa.type_coerce(columns[field.column], JSON)
    found = column[field.path]
    if database.is_postgres:
        return found
    is_json = sa.func.json_valid(columns[field.column]) == 1  # else the query would fail
    return sa.type_coerce(sa.case((is_json, found)), JSON)


def _parted(kind: Any) -> str:
    """The family of types that a type is of."""
    if isinstance(kind, sa.types.TypeDecorator):
        kind = kind.impl
    families = (
        (sa.JSON, "json"),
        (sa.Boolean, "number"),
        (sa.Integer, "number"),
        (sa.Numeric, "number"),
        (sa.LargeBinary, "bytes"),
        (sa.DateTime, "time"),
        (sa.String, "text"),
        (sa.Uuid, "text"),
    )
    return next((name for one, name in families if isinstance(kind, one)), "other")
