"""Outputs: what the listeners of a collection show for its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.outputs import UNNAMED
from .declared import Declared
from .ledger import Ledger
from .register import Entry
from .source import Pk, Source, among, names_in
from .tracking import Tracking


def outputs_of(collection: Declared, pks: Sequence[Pk]) -> dict[Pk, dict[str, Any]]:
    """The predictions of rows by the names of listeners; rows without any are left out."""
    database = collection.database
    tables = database.tables
    if not pks:
        return {}
    own = tables.listeners
    with database.read() as connection:
        if not tables.check(connection):
            return {}
        query = sa.select(own).where(own.c.collection == collection.name)
        listeners = connection.execute(query).mappings().all()
        found: dict[Pk, dict[str, Any]] = {}
        for listener in listeners:
            source = listened(collection, listener["field"])
            if listener["shown"] is None or source is None:
                continue
            tracking = Tracking(source)
            for pk, value in _shown(connection, tracking, listener["shown"], pks):
                outputs = unwrapped(value, listener["outputs"])
                found.setdefault(pk, {})[listener["name"]] = outputs
    return found


def listened(collection: Declared, spec: str) -> Source | None:
    """What a listener reads of a collection; None where its fields are declared otherwise here."""
    names = names_in(spec)
    if not collection.fields.keys() >= {*names}:
        return None
    source = collection.source(*names)
    return source if source.spec == spec else None


def _shown(
    connection: sa.Connection, tracking: Tracking, model: int, pks: Sequence[Pk]
) -> list[tuple[Pk, Any]]:
    made = tracking.database.tables.predictions.c
    state = tracking.state
    query = (
        sa.select(*tracking.pks, made.value)
        .select_from(state.join(made.key.table, made.key == state.c.key))
        .where(made.model == model, made.value.is_not(None), among(tracking.pks, pks))
    )
    return [(tuple(row[:-1]), row[-1]) for row in connection.execute(query)]


def unwrapped(value: Mapping[str, Any], outputs: Mapping[str, str]) -> Any:
    """The outputs as readers see them: the value itself where it has no name."""
    return value.get(UNNAMED) if [*outputs] == [UNNAMED] else dict(value)


def retry_all(collection: Declared) -> int:
    """Makes what has failed work to do again, for each listener of a collection."""
    database, own = collection.database, collection.database.tables.listeners
    with database.read() as connection:
        if not database.tables.check(connection):
            return 0
        query = sa.select(own).where(own.c.collection == collection.name)
        listeners = connection.execute(query).mappings().all()
    tried = 0
    for one in listeners:
        source = listened(collection, one["field"])
        if source is None:
            continue
        names = ("collection", "name", "field", "predictor", "follows", "outputs")
        entry = Entry(**{name: one[name] for name in names})
        tried += Ledger(entry, Tracking(source)).retry()
    return tried
