"""Garbage: predictions that no listener has, and fetched contents that no row needs.

GB1  What a row of a table that is known names by its URL stays; a table is known if it is listened
     to, one of ours, or declared here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from .column_types import is_text
from .connections import Connections
from .declared import Declared
from .errors import BadDatabase, BadField
from .own_table import described
from .source import Source, Table, recorded


def collect(database: Connections, known: Collection[Declared], *, dry_run: bool) -> dict[str, int]:
    """Removes predictions of models that no listener has, and what was fetched for no row (GB1).

    Returns how many of what there were. `known` are collections that were declared here.
    """
    tables = database.tables
    own, made, models = tables.listeners.c, tables.predictions, tables.models
    used = sa.union(
        sa.select(own.shown).where(own.shown.is_not(None)),
        sa.select(own.target).where(own.target.is_not(None)),
    )
    with database.read() as connection:
        is_there = tables.check(connection)
    named = [*_urls(database, known)] if is_there else []
    unused = {
        "predictions": (made, [made.c.model.not_in(used)]),
        "models": (models, [models.c.id.not_in(used)]),
        "fetched": (tables.fetched, [tables.fetched.c.url.not_in(one) for one in named]),
    }
    found = dict.fromkeys(unused, 0)
    with database.write() as connection:
        for name, (table, where) in unused.items() if is_there else ():
            count = sa.select(sa.func.count()).select_from(table).where(*where)
            found[name] = connection.scalar(count) or 0
            if not dry_run:
                connection.execute(sa.delete(table).where(*where))
    return found


def _urls(database: Connections, known: Collection[Declared]) -> Iterator[Any]:
    """Queries of the URLs that rows name, or of other texts that are none."""
    for source in _sources(database, known):
        try:
            kinds = source.table.columns
            for name, field in source.fields.items():
                if field.path or is_text(kinds.get(field.column or name)):
                    url = source.url(name)
                    yield sa.select(url).select_from(source.selectable).where(url.is_not(None))
        except (BadDatabase, BadField):  # the table is gone, or has no key any more
            continue


def _sources(database: Connections, known: Collection[Declared]) -> Iterator[Source]:
    tables = database.tables
    with database.read() as connection:
        listened = sa.select(tables.listeners.c.collection, tables.listeners.c.field).distinct()
        listening = connection.execute(listened).all()
        ours = connection.execute(sa.select(tables.collections.c.name, tables.collections.c.fields))
        made = [(name, told) for name, told in ours]
    yield from (recorded(Table(database, name), spec) for name, spec in listening)
    for name, told in made:
        yield Source(Table(database, name), {key: described(one) for key, one in told.items()})
    for one in known:
        yield one.source(*one.fields)
