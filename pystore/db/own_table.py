"""The table of a collection of ours: made at the first insert, checked at later ones.

OW1  A field that is new and may be empty is added; what has another type is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ..core.printable import listed
from .declared import Declared
from .errors import BadField
from .fields import Field
from .source import type_of


def make_table(collection: Declared, *, replaces: bool) -> None:
    """Makes the table, or adds to it the fields that are new. Raises BadField."""
    database, told = collection.database, _described(collection.fields)
    with database.read() as connection:
        is_known = database.tables.check(connection) and _declared(collection, connection) == told
    if is_known and not replaces:
        return
    with database.write() as connection:
        database.tables.install(connection)
        table = _table(collection)
        if replaces:
            table.drop(connection, checkfirst=True)
        before = {} if replaces else _declared(collection, connection)
        if sa.inspect(connection).has_table(table.name):
            _add(collection, before or {}, connection)
        else:
            table.create(connection)
        known = database.tables.collections
        new = database.insert(known).values(name=collection.name, fields={**(before or {}), **told})
        fields = {"fields": new.excluded.fields}
        connection.execute(new.on_conflict_do_update(index_elements=[known.c.name], set_=fields))
    collection.table.forget()


def _described(fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        name: {**field.describe(), **({"required": True} if field.required else {})}
        for name, field in fields.items()
    }


def _declared(collection: Declared, connection: sa.Connection) -> dict[str, Any] | None:
    known = collection.database.tables.collections
    query = sa.select(known.c.fields).where(known.c.name == collection.name)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def _table(collection: Declared) -> sa.Table:
    # A key is never used again, not even that of the last row.
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    columns = [
        sa.Column(name, type_of(field), nullable=not field.required)
        for name, field in collection.fields.items()
    ]
    own = sa.Column("id", key, sa.Identity(), primary_key=True)
    return sa.Table(collection.name, sa.MetaData(), own, *columns, sqlite_autoincrement=True)


def _add(collection: Declared, before: Mapping[str, Any], connection: sa.Connection) -> None:
    """Adds columns for new fields. Raises BadField for those that differ."""
    if not before:
        raise BadField(
            f"there is a table {collection.name} already, which is none of ours",
            database=collection.database.name,
            remedy=f"db.attach({collection.name!r}, …), or another name; replace=True replaces it, "
            "and its rows are lost",
        )
    told = _described(collection.fields)
    other = [name for name in told if name in before and before[name]["kind"] != told[name]["kind"]]
    if other:
        name = other[0]
        raise BadField(
            f"the field {name} has another type",
            has=before[name]["kind"],
            given=told[name]["kind"],
            remedy="give it another name; replace=True replaces the table, and its rows are lost",
        )
    new = [name for name in told if name not in before]
    required = [name for name in new if collection.fields[name].required]
    if required:
        raise BadField(
            f"rows that are there have no {listed(required)}, which is required",
            remedy="declare it without required=True",
        )
    table, dialect = collection.table.quoted, connection.dialect
    for name in new:
        kind = type_of(collection.fields[name]).compile(dialect)
        column = collection.database.quoted(name)
        connection.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column} {kind}"))
