"""Lineage: from a row to its prediction, its model, the attempt, the code and the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from ..core.dataclasses import dataclass
from ..core.errors import PystoreError
from ..core.printable import when
from ..core.refs import DRef, RRef
from ..db.declared import Declared
from ..db.errors import BadRow, NoListener
from ..db.outputs import listened, unwrapped
from ..db.tracking import Tracking
from ..store.current import current_store


@dataclass(frozen=True)
class Lineage:
    """Where the prediction of a row comes from; `why_not` says why there is none."""

    collection: str
    row: Any
    listener: str
    key: str | None  # of the content of the row, in hex
    prediction: Any
    why_not: str | None
    rref: str | None
    code: str | None  # digest of the code that predicts
    training_code: str | None
    seed: int | None
    host: str | None
    trained: str | None  # when, in UTC
    predicted: str | None  # when, in UTC
    forgotten: str | None  # that the model has seen rows that were forgotten since
    rows: dict[str, dict[str, Any]]  # the snapshots that it was trained and validated on

    def to_dict(self) -> dict[str, Any]:
        """The lineage as a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        told = {name: value for name, value in asdict(self).items() if name != "rows"}
        lines = [f"{name.replace('_', ' '):<14} {value}" for name, value in told.items()
                 if value is not None]  # fmt: skip
        for name, one in self.rows.items():
            called = f" ({one['name']})" if one["name"] else ""
            lines.append(f"{name:<14} {one['count']:,} rows, {one['dref']}{called}")
        return "\n".join(lines)

    __repr__ = __str__


_OF_PREDICTION = (
    *("rref", "code", "training_code", "seed", "host", "trained", "forgotten"),
    *("predicted", "prediction"),
)


def lineage_of(collection: Declared, key: Any, name: str) -> Lineage:
    """The lineage of what a listener shows for a row. Raises NoListener, and BadRow without row."""
    database, tables = collection.database, collection.database.tables
    pk = tuple(key) if isinstance(key, tuple | list) else (key,)
    own = tables.listeners
    with database.read() as connection:
        mine = (own.c.collection == collection.name, own.c.name == name)
        is_there = tables.check(connection)
        row = (
            connection.execute(sa.select(own).where(*mine)).mappings().first() if is_there else None
        )
        if row is None:
            raise NoListener(
                f"nothing listens to {collection.name} under this name",
                name=name,
                remedy="db.listeners() says who listens",
            )
    source = listened(collection, row["field"])
    if source is None:
        raise NoListener(
            f"the listener {name} listens to fields that are declared otherwise here",
            listens_to=row["field"],
            remedy="declare these fields of the collection as they are there",
        )
    tracking = Tracking(source)
    entry_of_row = _entry_query(tracking, pk)  # looks at the table, so outside of what reads
    with database.read() as connection:
        entry = connection.execute(entry_of_row).mappings().first()
        if entry is None:
            raise BadRow(
                f"{collection.name} has no row with this key",
                row=key,
                remedy="look for it: collection.find()",
            )
        made = _made(connection, collection, entry["key"], row["shown"])
    told: dict[str, Any] = dict.fromkeys(_OF_PREDICTION)
    rows: dict[str, dict[str, Any]] = {}
    if made is not None and made["value"] is not None:
        told["prediction"] = unwrapped(made["value"], row["outputs"])
        told["predicted"] = when(int(made["made"] * 1e9))
        told["rref"], told["code"] = made["rref"], made["code"]
        attempt, rows = _training(collection, RRef(made["rref"]))
        told |= attempt
    return Lineage(
        collection.name,
        key,
        name,
        None if entry["key"] is None else bytes(entry["key"]).hex(),
        why_not=_why_not(entry, made, row),
        rows=rows,
        **told,
    )


def _entry_query(tracking: Tracking, pk: tuple[Any, ...]) -> sa.Select[Any]:
    where = [column == value for column, value in zip(tracking.pks, pk, strict=True)]
    return sa.select(tracking.state).where(*where)


def _made(connection: sa.Connection, collection: Declared, key: Any, model: Any) -> Any:
    tables = collection.database.tables
    made, models = tables.predictions, tables.models
    query = sa.select(made, models.c.rref, models.c.code).join(models, models.c.id == made.c.model)
    mine = query.where(made.c.key == key, made.c.model == model)
    return connection.execute(mine).mappings().first()


def _why_not(entry: Any, made: Any, listener: Any) -> str | None:
    if made is not None and made["value"] is not None:
        return None
    if entry["error"] is not None:
        return f"{entry['phase']}: {entry['error']}"
    if made is not None and made["error"] is not None:
        return f"{made['phase']}: {made['error']}"
    if listener["shown"] is None:
        return listener["note"] or "the listener shows no model yet"
    return "nothing was predicted for it yet, or it has no content"


def _training(collection: Declared, rref: RRef) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attempt that made a realization, and the rows that it has read."""
    store = current_store()
    try:
        config = store.config(rref.dref).value
        [attempt] = [one for one in store.attempts(rref.dref) if one.rref == rref][-1:]
    except (PystoreError, ValueError):
        return {}, {}  # another store has it
    told = {
        "seed": attempt.seed,
        "host": attempt.host,
        "trained": when(attempt.stop),
        "training_code": config.get("code"),
        "forgotten": store.verdicts(rref).get("forgotten"),
    }
    names = _names(collection)
    rows: dict[str, dict[str, Any]] = {}
    for name, dref in _inputs(config):
        of_input = store.config(DRef(dref)).value
        if "snapshot" in of_input:
            rows[name] = {"dref": dref, "name": names.get(dref), "count": of_input["count"]}
    return told, rows


def _inputs(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The derivations that a config names, with the parameter or the key that names each."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _inputs(value)
        elif isinstance(value, str) and value.startswith("dref:"):
            yield name, value


def _names(collection: Declared) -> dict[str, str]:
    known = collection.database.tables.snapshots.c
    with collection.database.read() as connection:
        found = connection.execute(sa.select(known.dref, known.name)).all()
    return {row.dref: row.name for row in found}
