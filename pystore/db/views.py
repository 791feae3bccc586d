"""Views: predictions beside rows, for readers who know SQL and nothing of us.

VW1  A row is in the view whether it has a prediction or not.
VW2  On PostgreSQL no view depends on a column of the owner's but the primary key, so that ALTER
     TABLE goes on to work.
VW3  Who may read a view may read it when it was made anew.
VW4  No view takes the place of another listener's, or of a table or a view of the owner's; and a
     removal takes none of these away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from blake3 import blake3
from sqlalchemy.exc import DBAPIError

from ..core.printable import listed
from .errors import BadField
from .kinds import is_kept_text
from .register import Entry
from .sql import filled, literal, statements
from .tracking import Tracking, run

_TYPES = {"str": "text", "int": "bigint", "float": "double precision", "bool": "boolean"}


class Views:
    """The two views of a listener: its predictions, and the rows that have failed."""

    def __init__(
        self,
        entry: Entry,
        tracking: Tracking,
        *,
        readers: Sequence[str] = (),
        index: Sequence[str] = (),
    ) -> None:
        self.entry = entry
        self.tracking = tracking
        self.database = tracking.database
        self._readers = tuple(readers)
        self._index = tuple(index)
        unknown = [name for name in index if name not in entry.outputs]
        if unknown:
            raise BadField(
                f"there is no output {listed(unknown)} to index",
                outputs=listed(entry.outputs),
                remedy="name outputs: listen(…, index=['label'])",
            )

    @property
    def plain_names(self) -> tuple[str, str]:
        """The names of the views of predictions and of failures, without their schema."""
        return names_of_views(self.entry.collection, self.entry.name)

    @property
    def names(self) -> tuple[str, str]:
        """These names as SQL takes them."""
        schema = "pystore" if self.database.is_postgres else None
        predictions, failed = self.plain_names
        return self.database.quoted(predictions, schema), self.database.quoted(failed, schema)

    def check_outputs(self) -> None:
        """Raises BadField for an output that no path of JSON leads to."""
        outputs = self.entry.outputs
        odd = [one for one in outputs if not one or {*'"\0'} & {*one} or not is_kept_text(one)]
        if odd:
            raise BadField(
                f"no path of JSON leads to an output with this name: {listed(map(repr, odd))}",
                remedy="name the outputs, without quotation marks and NUL",
            )

    def statements(self) -> list[str]:
        """The SQL that makes the views. Raises BadField when an output is called like a column."""
        self.check_outputs()
        known = statements(self.database.engine.dialect.name)
        table = self.tracking.source.table
        is_whole = not self.database.is_postgres
        columns = ["model", *(table.columns if is_whole else table.primary_key)]
        told = [self.database.same_name(one) for one in (*columns, *self.entry.outputs)]
        taken = sorted({one for one in told if told.count(one) > 1})
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
            made.append(filled(known[name], {**words, "view": view}))
        return made

    def _view_words(self) -> dict[str, str]:
        quote, tracking = self.database.quoted, self.tracking
        words = tracking.words()
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
            "collection": literal(self.entry.collection),
            "name": literal(self.entry.name),
            "view_pk": ", ".join(f"s.{quote(pk.name)} AS {quote(name)}" for pk, name in own),
            "outputs": ", ".join(outputs),
        }

    def _output(self, name: str, kind: str) -> str:
        return f"{self._value(name, kind)} AS {self.database.quoted(name)}"

    def _value(self, name: str, kind: str, of: str = "p.") -> str:
        """An output as SQL reads it; an index on it has the same expression."""
        if not self.database.is_postgres:
            path = literal('$."' + name + '"')
            return f"json_extract({of}value, {path})"
        if kind not in _TYPES:
            return f"({of}value -> {literal(name)})"
        return f"(({of}value ->> {literal(name)})::{_TYPES[kind]})"

    def grants(self, roles: Sequence[str] | None = None) -> list[str]:
        """The SQL that lets roles read the views, by default those that were named."""
        wanted = self._readers if roles is None else roles
        if not self.database.is_postgres or not wanted:
            return []
        named = ", ".join("…" if one == "…" else self.database.quoted(one) for one in wanted)
        views = ", ".join(self.names)
        return [f"GRANT USAGE ON SCHEMA pystore TO {named}", f"GRANT SELECT ON {views} TO {named}"]

    def index_statements(self) -> list[str]:
        """The SQL that makes the indexes on outputs."""
        table = self.database.tables.predictions
        on = self.database.quoted(table.name, table.schema)
        return [
            f"CREATE INDEX IF NOT EXISTS {name} ON {on} "
            f"({self._value(output, self.entry.outputs[output], of='')})"
            for name, output in zip(self._index_names(None), self._index, strict=True)
        ]

    def _index_names(self, schema: str | None) -> list[str]:
        parts = [self.entry.collection, self.entry.name]
        digests = [blake3(repr([*parts, one]).encode()).hexdigest(8) for one in self._index]
        return [self.database.quoted(f"pystore_output_{one}", schema) for one in digests]

    def install(self, connection: sa.Connection) -> None:
        """Makes the views; who could read them can read them (VW3), and no others go (VW4)."""
        made = self.statements()
        check_are_free(connection, self)
        try:
            with connection.begin_nested():
                for statement in made:
                    run(connection, statement)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "42P16":  # other columns than before
                raise
            may_read = self.may_read(connection)
            for statement in [*self._drops(), *made]:
                run(connection, statement)
            self.let_read(connection, may_read)
        for statement in [*self.index_statements(), *self.grants()]:
            run(connection, statement)

    def may_read(self, connection: sa.Connection) -> dict[str, list[str]]:
        """The roles that may read each view."""
        if not self.database.is_postgres:
            return {}
        query = sa.text(statements("postgresql")["view_grants"])
        return {view: [*connection.scalars(query, {"view": view})] for view in self.names}

    def let_read(self, connection: sa.Connection, may_read: Mapping[str, Sequence[str]]) -> None:
        """Lets roles read the views that were made anew (VW3)."""
        for view, roles in may_read.items():
            for role in roles:
                run(connection, f"GRANT SELECT ON {view} TO {role}")

    def _drops(self) -> list[str]:
        return [f"DROP VIEW IF EXISTS {name}" for name in self.names]

    def removal_statements(self) -> list[str]:
        """The SQL that takes the views and the indexes away."""
        schema = "pystore" if self.database.is_postgres else None
        return self._drops() + [
            f"DROP INDEX IF EXISTS {name}" for name in self._index_names(schema)
        ]


def names_of_views(collection: str, listener: str) -> tuple[str, str]:
    """The names of the two views of a listener."""
    name = f"{collection.replace('.', '_')}_{listener}"
    return name, f"{name}_failed"


def check_are_free(connection: sa.Connection, views: Views) -> None:
    """Raises BadField where something else is called as the views of a listener are (VW4)."""
    database, entry, own = views.database, views.entry, views.database.tables.listeners.c
    mine = {database.same_name(one): one for one in views.plain_names}
    table = database.tables.listeners
    is_there = sa.inspect(connection).has_table(table.name, schema=table.schema)
    listeners = sa.select(own.collection, own.name)
    for collection, name in connection.execute(listeners).all() if is_there else ():
        if (collection, name) != (entry.collection, entry.name):
            theirs = map(database.same_name, names_of_views(collection, name))
            for taken in mine.keys() & {*theirs}:
                raise _is_taken(mine[taken], f"the listener {name} of {collection} has it", views)
    if database.is_postgres:  # where a schema is ours
        return
    query = sa.text("SELECT lower(name), type, sql FROM sqlite_master WHERE type <> 'trigger'")
    for name, kind, text in connection.execute(query).all():
        is_ours = kind == "view" and f'"{database.tables.listeners.name}"' in text
        if name in mine and not is_ours:
            raise _is_taken(mine[name], f"it is a {kind} of the owner of the database", views)


def are_own(connection: sa.Connection, views: Views) -> bool:
    """Whether what is called as the views of a listener are is its own, or is not there (VW4)."""
    try:
        check_are_free(connection, views)
    except BadField:
        return False
    return True


def _is_taken(name: str, because: str, views: Views) -> BadField:
    return BadField(
        f"another one is called as a view of this listener is: {name}",
        collection=views.entry.collection,
        listener=views.entry.name,
        because=because,
        remedy="give the listener another name: listen(…, name='other')",
    )
