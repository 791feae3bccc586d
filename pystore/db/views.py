"""Views: predictions beside rows, for readers who know SQL and nothing of us.

VW1  A row is in the view whether it has a prediction or not.
VW2  On PostgreSQL no view depends on a column of the owner's but the primary key, so that ALTER
     TABLE goes on to work.
"""

from __future__ import annotations

from ..core.printable import listed
from .errors import BadField
from .ledger import Entry
from .sql import statements
from .tracking import Tracking

_TYPES = {"str": "text", "int": "bigint", "float": "double precision", "bool": "boolean"}


class Views:
    """The two views of a listener: its predictions, and the rows that have failed."""

    def __init__(self, entry: Entry, tracking: Tracking) -> None:
        self.entry = entry
        self.tracking = tracking
        self.database = tracking.database

    @property
    def names(self) -> tuple[str, str]:
        """The names of the views of predictions and of failures, as SQL takes them."""
        schema = "pystore" if self.database.is_postgres else None
        name = f"{self.entry.collection.replace('.', '_')}_{self.entry.name}"
        quoted = self.database.quoted
        return quoted(name, schema), quoted(f"{name}_failed", schema)

    def statements(self) -> list[str]:
        """The SQL that makes the views. Raises BadField when an output is called like a column."""
        known = statements(self.database.engine.dialect.name)
        table = self.tracking.source.table
        is_whole = not self.database.is_postgres
        columns = set(table.columns if is_whole else table.primary_key)
        taken = sorted(columns & {*self.entry.outputs, "model"})
        if taken:
            raise BadField(
                f"an output is called like a column: {listed(taken)}",
                table=table.name,
                remedy="name the outputs otherwise: outputs={'guess': str}; the column `model` of "
                "a view says which realization has answered",
            )
        words = self._view_words()
        predictions, failed = self.names
        made = []
        for name, view in (("view", predictions), ("failed_view", failed)):
            if is_whole:
                made.append(known["drop_view"].replace("{view}", view))
            text = known[name]
            for key, value in {**words, "view": view}.items():
                text = text.replace(f"{{{key}}}", value)
            made.append(text)
        return made

    def _view_words(self) -> dict[str, str]:
        quote, tracking = self.database.quoted, self.tracking
        words = tracking._words()
        named = {
            key: quote(table.name, table.schema)
            for key in ("listeners", "predictions", "models")
            for table in [getattr(self.database.tables, key)]
        }
        own = zip(tracking.pks, tracking.source.table.primary_key, strict=True)
        outputs = (self._output(name, kind) for name, kind in self.entry.outputs.items())
        return {
            **named,
            "state": words["state"],
            "table": words["table"],
            "state_is_row": words["state_is_row"],
            "collection": _text(self.entry.collection),
            "name": _text(self.entry.name),
            "view_pk": ", ".join(f"s.{quote(pk.name)} AS {quote(name)}" for pk, name in own),
            "outputs": ", ".join(outputs),
        }

    def _output(self, name: str, kind: str) -> str:
        quoted = self.database.quoted(name)
        if not self.database.is_postgres:
            path = _text('$."' + name + '"')
            return f"json_extract(p.value, {path}) AS {quoted}"
        if kind not in _TYPES:
            return f"p.value -> {_text(name)} AS {quoted}"
        return f"(p.value ->> {_text(name)})::{_TYPES[kind]} AS {quoted}"

    def removal_statements(self) -> list[str]:
        """The SQL that takes the views away."""
        return [f"DROP VIEW IF EXISTS {name}" for name in self.names]


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
