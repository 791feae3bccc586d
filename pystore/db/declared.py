"""Declared: a table and its typed fields, of ours or of somebody else, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from ..core.printable import listed
from ..core.refs import check_name
from .conditions import FieldOf
from .connections import Connections
from .errors import BadField
from .fields import Field
from .source import Source, Table, type_of
from .tables import JSON

_VERBS = frozenset(("id", "model"))  # names that no field of ours has


class Declared:
    """A table and its fields, as they were declared. Nothing is asked of the database yet."""

    def __init__(
        self,
        database: Connections,
        name: str,
        fields: Mapping[str, Field],
        *,
        is_ours: bool,
        replaces: bool = False,
        where: Any = None,
    ) -> None:
        self.database = database
        self.name = check_name(name) if is_ours else name
        self.fields = dict(fields)
        self.is_ours = is_ours
        self.condition = where
        self._replaces = replaces
        self.table = Table(database, name)
        taken = sorted(_VERBS & self.fields.keys()) if is_ours else []
        if taken:
            raise BadField(
                f"a field cannot be called {listed(taken)}",
                collection=name,
                remedy="`id` is the key of a table of ours, `model` a column of its views",
            )
        ours = [key for key, field in self.fields.items() if field.path] if is_ours else []
        if ours:
            raise BadField(
                f"a field of a table of ours has no path: {listed(ours)}",
                remedy="leave out at=; paths are for tables of somebody else: db.attach(…)",
            )

    # --- declaring

    def __getitem__(self, name: str) -> FieldOf:
        """A field, to write conditions with."""
        if name == "id" and self.is_ours:
            return self._field(name, Field("int"))
        if name in self.fields:
            return self._field(name, self.fields[name])
        raise self.unknown(name)

    def __getattr__(self, name: str) -> FieldOf:
        if name not in {"id", *self.__dict__.get("fields", {})}:
            raise AttributeError(f"a collection has no {name!r}")
        return self[name]

    @cached_property
    def columns(self) -> Mapping[str, Any]:
        """The columns of the fields, as conditions have them."""
        types = {f.column or n: JSON if f.path else type_of(f) for n, f in self.fields.items()}
        if self.is_ours:
            types["id"] = sa.BigInteger()
        # Without the name of the table, so that they fit any query of it alone.
        return {name: sa.column(name, kind) for name, kind in types.items()}

    def _field(self, name: str, field: Field) -> FieldOf:
        column = self.columns[field.column or name]
        return FieldOf(name, field, column, is_postgres=self.database.is_postgres)

    def source(self, *names: str) -> Source:
        """These fields as a listener or a snapshot reads them."""
        unknown = [name for name in names if name not in self.fields]
        if unknown:
            raise self.unknown(unknown[0])
        return Source(self.table, {name: self.fields[name] for name in names})

    def unknown(self, name: str) -> BadField:
        """The error for a field that there is none of."""
        near = get_close_matches(name, self.fields, 1)
        return BadField(
            f"{self.name} has no field {name}",
            fields=listed(self.fields) or "none",
            remedy=f"did you mean {near[0]}?" if near else "declare it: db.collection(…)",
        )

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}: {field.kind}" for name, field in self.fields.items())
        return f"<collection {self.name} ({fields})>"
