"""Overview: what there is in a database, as values, as text, and as HTML for notebooks."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.printable import when
from .connections import Connections
from .source import Table, recorded
from .tracking import NEVER, Tracking

_ALIVE = 5.0  # [s] within which a process of a listener shows that it lives
Rows = list[dict[str, Any]]


def listeners(database: Connections) -> Rows:
    """The listeners, one a dict: what they show, and how many rows are pending and failed.

    `behind` is how long [s] the oldest row waits that is due; 0.0 where none does.
    """
    own = database.tables.listeners
    with database.read() as connection:
        if not database.tables.check(connection):
            return []
        query = sa.select(own).order_by(own.c.collection, own.c.name)
        found = connection.execute(query).mappings().all()
    # The entries are looked up before anything is read. Where a writer of SQLite waits for readers
    # to end, a reader that opens another connection waits for the writer.
    states = [_state(database, row).c for row in found]
    with database.read() as connection:
        return [
            _listener(database, connection, row, state)
            for row, state in zip(found, states, strict=True)
        ]


def _state(database: Connections, row: Any) -> sa.Table:
    return Tracking(recorded(Table(database, row["collection"]), row["field"])).state


def _listener(
    database: Connections, connection: sa.Connection, row: Any, state: Any
) -> dict[str, Any]:
    models = database.tables.models.c
    rrefs = dict(connection.execute(sa.select(models.id, models.rref)).all())
    made, now = database.tables.predictions.c, time.time()
    keyed = made.key == state.key
    shown = sa.select(made.key).where(made.model == row["shown"], keyed, made.value.is_not(None))
    failed = sa.select(made.key).where(made.model == row["shown"], keyed, made.error.is_not(None))
    has_prediction, has_failed = sa.exists(shown), sa.exists(failed) | state.error.is_not(None)
    is_idle = (state.key.is_(None), state.due >= NEVER, state.error.is_(None))

    def count(*where: Any) -> int:
        query = sa.select(sa.func.count()).select_from(state.key.table).where(*where)
        return connection.scalar(query) or 0

    rows, done, idle = count(), count(has_prediction), count(*is_idle)
    bad = count(has_failed, ~has_prediction)
    oldest = row["behind_since"]
    pending = rows - done - bad - idle
    return {
        "collection": row["collection"],
        "name": row["name"],
        "field": row["field"],
        "predictor": row["predictor"],
        "follows": row["follows"],
        "shown": rrefs.get(row["shown"]),
        "target": rrefs.get(row["target"]),
        "rows": rows,
        "pending": pending,
        "failed": bad,
        "behind": max(0.0, now - oldest) if pending and oldest is not None else 0.0,
        "is_alive": row["alive"] is not None and now - row["alive"] < _ALIVE,
        "process": row["process"],
        "note": row["note"],
    }


class Overview:
    """Collections, snapshots, models and listeners: `str` is a text, `to_dict` are values."""

    def __init__(
        self, database: Connections, forgotten_in: Callable[[Collection[str]], Mapping[str, str]]
    ) -> None:
        self.database = database
        tables = database.tables
        models = _rows(database, tables.models, "id", "rref", "code")
        told = forgotten_in({row["rref"] for row in models})
        self._tables = {
            "collections": _collections(database),
            "snapshots": _rows(database, tables.snapshots, "collection", "name", "dref", "taken"),
            "models": [{**row, "forgotten": told.get(row["rref"])} for row in models],
            "listeners": listeners(database),
        }

    def to_dict(self) -> dict[str, Rows]:
        """The rows of each table."""
        return self._tables

    def __str__(self) -> str:
        parts = [
            f"{name}\n{as_text(_brief(name, rows))}" for name, rows in self._tables.items() if rows
        ]
        return "\n\n".join(parts) or f"{self.database.name} has nothing of ours"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(
            f"<h4>{name}</h4>{as_html(_brief(name, rows))}"
            for name, rows in self._tables.items()
            if rows
        )


def _collections(database: Connections) -> Rows:
    known = database.tables.collections
    told = []
    for row in _rows(database, known, "name", "fields"):
        with database.read() as connection:
            is_there = sa.inspect(connection).has_table(row["name"])
            count = sa.select(sa.func.count()).select_from(sa.table(row["name"]))
            rows = connection.scalar(count) if is_there else None
        fields = ", ".join(f"{name}: {one['kind']}" for name, one in row["fields"].items())
        told.append({"name": row["name"], "rows": rows, "fields": fields})
    return told


def _rows(database: Connections, table: sa.Table, *names: str) -> Rows:
    with database.read() as connection:
        if not database.tables.check(connection):
            return []
        query = sa.select(*(table.c[name] for name in names)).order_by(table.c[names[0]])
        return [dict(row) for row in connection.execute(query).mappings()]


_BRIEF = (
    "name",
    "collection",
    "field",
    "follows",
    "shown",
    "rows",
    "pending",
    "failed",
    "behind",
    "note",
)


def _brief(name: str, rows: Rows) -> Rows:
    """The columns that people look at."""
    if name == "listeners":
        rows = [{key: row[key] for key in _BRIEF} for row in rows]
        rows = [{**row, "behind": f"{row['behind']:.1f} s"} for row in rows]
    if name == "models":
        rows = [{**row, "code": row["code"][:8]} for row in rows]
    if name == "snapshots":
        rows = [{**row, "taken": when(int(row["taken"] * 1e9))} for row in rows]
    return [{key: "" if value is None else value for key, value in row.items()} for row in rows]


def as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned columns; numbers stand to the right."""
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    is_number = [all(isinstance(row[name], int | float) for row in rows) for name in names]
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        )
        for line in cells
    )
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def as_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table; pictures are shown."""
    from html import escape  # for weight: only notebooks need it

    head = "".join(f"<th>{escape(str(name))}</th>" for name in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row.values())}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    from html import escape  # for weight: only notebooks need it

    if not hasattr(value, "save"):
        text = str(value)
        return escape(text if len(text) <= 200 else text[:199] + "…")
    import base64

    file = io.BytesIO()
    small = value.convert("RGB")
    small.thumbnail((96, 96))
    small.save(file, "PNG")
    return f'<img src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'


def rows_html(name: str, rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """Rows of a collection, with their pictures."""
    from html import escape  # for weight: only notebooks need it

    told = [
        {**{k: v for k, v in row.items() if k != "_outputs"}, **row["_outputs"]} for row in rows
    ]
    names = list(dict.fromkeys(key for row in told for key in row))
    table = as_html([{name: row.get(name, "") for name in names} for row in told]) if told else ""
    return f"{table}<p>{total:,} rows of {escape(name)}</p>"
