"""The table of a collection of ours: made at the first insert, checked at later ones.

OW1  A field that is new and may be empty is added; what has another type is refused.
OW2  A table is replaced only if it is one of ours; then its predictions and the names of its
     snapshots are gone as well, since they were of other rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from ..core.dataclasses import replace
from ..core.printable import listed
from .declared import Declared
from .errors import BadField
from .fetching import Policy
from .fields import Field, field_from
from .source import Source, names_in, type_of
from .tracking import Tracking
from .triggers import Triggers

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def make_table(collection: Declared, *, replaces: bool) -> None:
    """Makes the table, or adds to it the fields that are new. Raises BadField."""
    database, told = collection.database, _described(collection.fields)
    with database.read() as connection:
        is_known = database.tables.check(connection) and _declared(collection, connection) == told
        if is_known and not replaces and sa.inspect(connection).has_table(collection.name):
            return
    with database.write() as connection:
        database.tables.install(connection)
        before = _declared(collection, connection)
        is_there = sa.inspect(connection).has_table(collection.name)
        if is_there and before is None:
            raise _of_others(collection)
        if is_there and not replaces:
            _add(collection, before or {}, connection)
        else:
            _make(collection, connection, is_there=is_there)
            before = None
        known = database.tables.collections
        new = database.insert(known).values(name=collection.name, fields={**(before or {}), **told})
        fields = {"fields": new.excluded.fields}
        connection.execute(new.on_conflict_do_update(index_elements=[known.c.name], set_=fields))
    collection.table.forget()
    if is_there and before is None:
        _track_again(collection)


def _make(collection: Declared, connection: sa.Connection, *, is_there: bool) -> None:
    """Makes the table anew; what was recorded of an earlier one goes (OW2)."""
    table, own = _table(collection), collection.database.tables
    if is_there:
        table.drop(connection)
    table.create(connection)
    mine = own.snapshots.c.collection == collection.name
    connection.execute(sa.delete(own.snapshots).where(mine))
    for source in _listened(collection, connection):
        state = own.state(source.name, [_KEY])
        if sa.inspect(connection).has_table(state.name, schema=state.schema):
            connection.execute(sa.delete(state))


def _listened(collection: Declared, connection: sa.Connection) -> list[Source]:
    """What listeners of the table read."""
    known = collection.database.tables.listeners.c
    listened = sa.select(known.field).where(known.collection == collection.name).distinct()
    told = [names_in(spec) for spec in connection.scalars(listened)]
    return [collection.source(*names) for names in told if collection.fields.keys() >= {*names}]


def _track_again(collection: Declared) -> None:
    """The triggers of the listeners, which went with the table."""
    with collection.database.write() as connection:
        for source in _listened(collection, connection):
            Triggers(Tracking(source), notify=True).install(connection)


def _of_others(collection: Declared) -> BadField:
    return BadField(
        f"there is a table {collection.name} already, which is none of ours",
        database=collection.database.name,
        remedy=f"db.attach({collection.name!r}, …), or another name",
    )


def _described(fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        name: {
            **field.describe(),
            **({"required": True} if field.required else {}),
            **({} if field.fetched is None else {"fetched": _plain(field.fetched)}),
        }
        for name, field in fields.items()
    }


def _plain(policy: Policy) -> dict[str, Any]:
    told = {**asdict(policy), "root": None if policy.root is None else str(policy.root)}
    return {key: list(one) if isinstance(one, tuple) else one for key, one in told.items()}


def described(told: Mapping[str, Any]) -> Field:
    """The field of a table of ours, as it was recorded."""
    own = ("required", "fetched")
    field = field_from({key: one for key, one in told.items() if key not in own})
    policy = None if told.get("fetched") is None else Policy(**told["fetched"])
    return replace(field, required=told.get("required", False), fetched=policy)


def _declared(collection: Declared, connection: sa.Connection) -> dict[str, Any] | None:
    known = collection.database.tables.collections
    query = sa.select(known.c.fields).where(known.c.name == collection.name)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def _table(collection: Declared) -> sa.Table:
    columns = [
        sa.Column(name, type_of(field), nullable=not field.required)
        for name, field in collection.fields.items()
    ]
    own = sa.Column("id", _KEY, sa.Identity(), primary_key=True)
    # A key is never used again, not even that of the last row.
    return sa.Table(collection.name, sa.MetaData(), own, *columns, sqlite_autoincrement=True)


def _type(told: Mapping[str, Any]) -> str:
    """What a column cannot change, in words."""
    kind = f"uri of {told['kind']}" if told.get("fetched") else str(told["kind"])
    return f"{kind}, required" if told.get("required") else kind


def _add(collection: Declared, before: Mapping[str, Any], connection: sa.Connection) -> None:
    """Adds columns for new fields. Raises BadField for those that differ."""
    told = _described(collection.fields)
    for name in [name for name in told if name in before]:
        has, given = _type(before[name]), _type(told[name])
        if has != given:
            raise BadField(
                f"the field {name} has another type",
                has=has,
                given=given,
                remedy="give it another name; replace=True replaces the table, and its rows are "
                "lost",
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
        added = f"ALTER TABLE {table} ADD COLUMN {column} {kind}"
        connection.execute(sa.text(added.replace(":", r"\:")))
