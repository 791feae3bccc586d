"""Deleted rows: what was made of deleted rows goes, unless another row has the same content.

DF1  The prediction of a deleted row, its error and its fetched picture go, and nothing that another
     row needs.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .connections import Connections
from .errors import BadDatabase
from .source import Table, recorded
from .tracking import Tracking

_SOME = 500


def forget_deleted(database: Connections, source: str) -> int:
    """Removes what was made of the deleted rows of a source; returns of how many contents."""
    tables = database.tables
    gone = tables.deleted
    mine = gone.c.source == source
    with database.read() as connection:  # a look takes no lock
        keys = [
            bytes(key) for key in connection.scalars(sa.select(gone.c.key).where(mine).distinct())
        ]
    for at in range(0, len(keys), _SOME):
        with database.write() as connection:
            _forget(database, connection, mine, sorted(keys[at : at + _SOME]))
    return len(keys)


def _forget(database: Connections, connection: sa.Connection, mine: Any, keys: list[bytes]) -> None:
    tables = database.tables
    used: set[bytes] = set()
    for entries in _entries(database, connection):
        query = sa.select(entries.c.key).where(entries.c.key.in_(keys))
        used |= set(map(bytes, connection.scalars(query)))
    free = [key for key in keys if key not in used]
    for table in (tables.predictions, tables.fetched):
        connection.execute(sa.delete(table).where(table.c.key.in_(free)))
    connection.execute(sa.delete(tables.deleted).where(mine, tables.deleted.c.key.in_(keys)))


def _entries(database: Connections, connection: sa.Connection) -> list[sa.Table]:
    """The entries of each source that is listened to: predictions may be for several of them."""
    own = database.tables.listeners.c
    query = sa.select(own.collection, own.field).distinct()
    schema = "pystore" if database.is_postgres else None
    known = sa.inspect(connection).get_table_names(schema)
    found = []
    for collection, field in connection.execute(query).all():
        try:
            entries = Tracking(recorded(Table(database, collection), field)).state
        except BadDatabase:  # its table is gone
            continue
        found += [entries] if entries.name in known else []
    return found
