"""Source: the listened fields of a table, as SQL has them, and the content of its rows.

KY1  A key is the digest of the content of the listened fields of one row, and of nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from blake3 import blake3
from sqlalchemy.dialects.postgresql import ARRAY

from ..core.dataclasses import dataclass
from ..core.printable import listed
from . import postgresql_keys, sqlite_values
from .column_types import can_hold, is_text, told_type
from .connections import Connections
from .errors import BadDatabase, BadField, nearest, not_there
from .fields import Field
from .json_paths import AsWritten, at_path, text_at
from .kinds import KINDS, NotUtf8
from .postgresql_conditions import as_shown
from .sqlite_values import as_text
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
_KEYS_BY_SPELLING = sqlite3.sqlite_version_info < (3, 45)  # "\\u00fc" is another key than "ü"

Stored = Sequence[Any]
Pk = tuple[Any, ...]
"""The primary key of a row: one value a column."""


def type_of(field: Field) -> Any:
    """The type of the column of a field; a text for a URL."""
    return sa.Text() if field.fetched is not None else _TYPES[field.kind]


def _read_as(field: Field, *, is_postgres: bool) -> Any:
    """The type by which a column is read: on SQLite as it is, since it may hold anything."""
    if is_postgres:
        wanted = type_of(field)  # a numeric beyond all floats would be read as infinite
        return sa.types.NullType() if isinstance(wanted, sa.Double) else wanted
    is_json = field.kind == "json" and field.fetched is None
    return AsWritten() if is_json else sa.types.NullType()


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
            types = {name: columns[name] for name in key["constrained_columns"]}
            if types and self.database.is_postgres:
                return postgresql_keys.key_types(connection, self.quoted, types)
            if types:
                return sqlite_values.key_types(connection, self.own_name, types)
        raise BadDatabase(
            f"the table {self.name} has no primary key",
            columns=listed(columns),
            remedy="let its owner add one: predictions are found by it",
        )

    @cached_property
    def columns(self) -> dict[str, Any]:
        """All columns with their types. Raises BadDatabase where there is no such table."""
        with self.database.read() as connection:
            looked = sa.inspect(connection)
            schemas = looked.get_schema_names()
            if self.schema is not None and self.schema not in schemas:
                raise BadDatabase(
                    f"there is no schema {self.schema}",
                    table=self.name,
                    schemas=listed(schemas),
                    remedy="name one of these; a table whose name has a dot cannot be used",
                )
            there = looked.get_table_names(schema=self.schema)
            known = [*there, *looked.get_view_names(schema=self.schema)]
            is_there = looked.has_table(self.own_name, schema=self.schema)
            if is_there and (self.database.is_postgres or self.own_name in known):
                found = looked.get_columns(self.own_name, schema=self.schema)
                return {one["name"]: told_type(one["type"]) for one in found}
        there = [one for one in there if not one.startswith("pystore_")]
        otherwise = "name one of these; a collection of ours has a table after its first insert"
        remedy = nearest(self.own_name, there, otherwise)
        raise not_there("table", self.name, there, database=self.database.name, remedy=remedy)

    def written(self, fields: Mapping[str, Field]) -> dict[str, Any]:
        """The types by which columns are written: an enum takes no texts but those of its type."""
        known = {name: self.columns.get(name) for name in fields}
        return {n: k if isinstance(k, sa.Enum) else type_of(fields[n]) for n, k in known.items()}

    def as_shown(self, condition: Any) -> Any:
        """A condition that finds what is shown."""
        is_other = condition is not None and self.database.is_postgres
        return as_shown(condition, self.columns) if is_other else condition

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
        self._only = next(iter(fields.values())) if self.is_single else None

    def __getstate__(self) -> dict[str, Any]:
        return {key: one for key, one in self.__dict__.items() if key != "key"}

    @property
    def name(self) -> str:
        """Tells the source from others in names of ours."""
        parts = [self.table.name, *self.spec.split(",")]
        plain = "_".join(parts).replace(".", "_").replace("@", "_")
        is_plain = plain.isascii() and not any({*"_.@"} & {*one} for one in parts)
        if len(plain) <= _LONGEST and is_plain:
            return plain
        short = "".join(one for one in plain if one.isascii())[:_LONGEST]
        return f"{short}_{blake3(repr(parts).encode()).hexdigest(3)}"

    @property
    def spec(self) -> str:
        """The fields as a listener records them: their names, each with its path if it has one."""
        named = self.fields.items()
        return ",".join(name if one.at is None else f"{name}@{one.at}" for name, one in named)

    @property
    def kinds(self) -> str:
        """As what the fields are declared: the keys of their contents go by it."""
        return ",".join(
            f"uri of {one.kind}" if one.fetched else one.kind for one in self.fields.values()
        )

    def check(self) -> None:
        """Raises BadField where the table has no such columns."""
        for name, field in self.fields.items():
            kind = self._column(name, field)
            if field.path:
                self._check_path(name, field, kind)
            elif not can_hold(kind, type_of(field), is_postgres=self.database.is_postgres):
                raise BadField(
                    f"the column {field.column or name} cannot hold a {field.kind}",
                    type=str(kind),
                    remedy="declare the field by the type that the column has",
                )

    def forget(self) -> None:
        """Looks again at the next use: the table was changed."""
        self.table.forget()
        self.__dict__.pop("pk_columns", None)
        self.__dict__.pop("selectable", None)

    def _column(self, name: str, field: Field) -> Any:
        columns, column = self.table.columns, field.column or name
        if column in columns:
            return columns[column]
        otherwise = (
            "name one of these, or a path in a column of JSON: at='record.img'; an insert adds a "
            "new field to a table of ours"
        )
        raise BadField(
            f"the table {self.table.name} has no column {column}",
            field=name,
            columns=listed(columns),
            remedy=nearest(column, columns, otherwise),
        )

    def _check_path(self, name: str, field: Field, kind: Any) -> None:
        is_postgres = self.database.is_postgres
        if not isinstance(kind, sa.JSON) and (is_postgres or not is_text(kind)):
            raise BadField(
                f"the column {field.column} holds no JSON, and has no paths",
                field=name,
                type=str(kind),
                remedy=f"{name}=…, without at=, for a column of its own",
            )
        if _KEYS_BY_SPELLING and not is_postgres and not "".join(field.path).isascii():
            raise BadField(
                "this version of SQLite finds such a key only as it is spelled in the text",
                field=name,
                at=field.at,
                version=sqlite3.sqlite_version,
                remedy="use keys of ASCII, or SQLite 3.45 or newer",
            )

    @cached_property
    def pk_columns(self) -> list[Any]:
        """The columns of the primary key in queries of the table."""
        return [self.selectable.c[name] for name in self.table.primary_key]

    @cached_property
    def selectable(self) -> Any:
        """The table with the columns that are used here."""
        key = self.table.primary_key
        own = [field.column or name for name, field in self.fields.items()]
        columns = [sa.column(name, key.get(name)) for name in dict.fromkeys([*own, *key])]
        return sa.table(self.table.own_name, *columns, schema=self.table.schema)

    def url(self, name: str) -> Any:
        """The URL in a field as a text, as a query selects it."""
        field, columns = self.fields[name], self.selectable.c
        if not field.path:
            return sa.type_coerce(columns[field.column or name], sa.Text())
        is_postgres = self.database.is_postgres
        return text_at(columns[field.column], field.path, is_postgres=is_postgres)

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
            query = sa.select(*keys, *self.columns()).where(self._among(some))
            for row in connection.execute(query).all():
                found[tuple(row[:width])] = tuple(row[width:])
        return found

    def pages(self, connection: Any, condition: Any, size: int) -> Iterator[Sequence[Stored]]:
        """What is stored for the fields of each row, then its primary key, so many at a time."""
        query = sa.select(*self.columns(), *self.pk_columns).order_by(*self.pk_columns)
        query = query if condition is None else query.where(self.table.as_shown(condition))
        yield from connection.execution_options(yield_per=size).execute(query).partitions(size)

    def _among(self, pks: Sequence[Pk]) -> Any:
        """As `among`; many integers are one bound value, which takes less time than many."""
        keys = self.pk_columns
        if len(keys) > 1 or any(type(one) is not int for [one] in pks):
            return among(keys, pks)
        some: Any = [one for [one] in pks]
        if self.database.is_postgres:
            return keys[0] == sa.func.any(sa.bindparam(None, some, ARRAY(sa.BigInteger)))
        each = sa.func.json_each(json.dumps(some)).table_valued("value")
        return keys[0].in_(sa.select(each.c.value))

    @cached_property
    def key(self) -> Callable[[Sequence[Any]], bytes]:
        """The key of what is stored, or was fetched, for each field. Raises BadContent."""
        parts = [(one.kind.encode(), KINDS[one.kind].content) for one in self.fields.values()]
        return _key_of_one(*parts[0]) if self.is_single else _key_of_several(parts)

    def value(self, stored: Sequence[Any]) -> Any:
        """The value of the field; of several, a dict. Raises BadContent."""
        if self._only is not None:
            return None if stored[0] is None else self._only.value(stored[0])
        return {
            name: None if one is None else field.value(one)
            for (name, field), one in zip(self.fields.items(), stored, strict=True)
        }


Content = Callable[[Any], bytes]


def _key_of_one(kind: bytes, content_of: Content) -> Callable[[Sequence[Any]], bytes]:
    start = kind + b":"

    def key(stored: Sequence[Any]) -> bytes:
        return blake3(start + content_of(stored[0])).digest(KEY)

    return key


def _key_of_several(parts: Sequence[tuple[bytes, Content]]) -> Callable[[Sequence[Any]], bytes]:
    def key(stored: Sequence[Any]) -> bytes:
        hasher = blake3()
        for (kind, content_of), one in zip(parts, stored, strict=True):
            content = b"" if one is None else content_of(one)
            length = b"-" if one is None else b"%d" % len(content)  # nothing is no empty text
            hasher.update(b"%b:%b:%b" % (kind, length, content))
        return hasher.digest(KEY)

    return key


def names_in(spec: str) -> list[str]:
    """The names of the fields that a listener has recorded."""
    return [one.partition("@")[0] for one in spec.split(",")]


def recorded(table: Table, spec: str) -> Source:
    """The source that a listener has recorded; it is known where it is, not what it holds."""
    return Source(table, recorded_fields(spec))


def recorded_fields(spec: str) -> dict[str, Field]:
    """The fields that a listener has recorded, without their kinds."""
    parts = (one.partition("@") for one in spec.split(","))
    return {name: Field("bytes", at=at or None) for name, _, at in parts}


def among(columns: Sequence[Any], pks: Iterable[Pk]) -> Any:
    """Whether these columns have one of these values."""
    if len(columns) == 1:
        return columns[0].in_([pk[0] for pk in pks])
    return sa.tuple_(*columns).in_([tuple(pk) for pk in pks])


def behind(columns: Sequence[Any], pk: Pk) -> Any:
    """Whether these columns come after a key, in the order of the keys."""
    parts = [as_text(one) if isinstance(one, NotUtf8) else one for one in pk]
    return columns[0] > parts[0] if len(columns) == 1 else sa.tuple_(*columns) > sa.tuple_(*parts)


def expression(database: Connections, columns: Any, name: str, field: Field) -> Any:
    """What is stored for a field, as a query selects it."""
    if not field.path:
        read_as = _read_as(field, is_postgres=database.is_postgres)
        return sa.type_coerce(columns[field.column or name], read_as)
    return at_path(columns[field.column], field.path, is_postgres=database.is_postgres)
