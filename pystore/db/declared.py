"""Declared: a table and its typed fields, of ours or of somebody else, as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from ..core.printable import listed
from ..core.refs import check_name
from .conditions import FieldOf
from .connections import Connections
from .errors import BadField, nearest
from .fields import Field
from .source import Source, Table, type_of
from .tables import JSON

_TAKEN = frozenset(("id", "model"))  # names that no field of ours has
_NAME = re.compile(r"[^,\0-\x1f]+")


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
        self._check_names()

    def _check_names(self) -> None:
        for name in self.fields:
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "_outputs":
                raise BadField(
                    "this is no name of a field",
                    given=repr(name)[:80],
                    remedy="a name has no comma, and up to 63 bytes; `_outputs` are predictions",
                )
        if self.is_ours:
            self._check_ours()

    def _check_ours(self) -> None:
        if self.name.lower().startswith(("pystore_", "sqlite_", "pg_")) or len(self.name) > 63:
            raise BadField(
                f"a table of ours cannot be called {self.name}",
                remedy="up to 63 letters; other names than pystore_…, sqlite_…, pg_…",
            )
        by_lower: dict[str, str] = {}
        for name, field in self.fields.items():
            if name.lower() in _TAKEN or len(name.encode()) > 63:
                raise BadField(
                    f"a field cannot be called {name}",
                    collection=self.name,
                    remedy="`id` is the key of a table of ours, `model` a column of its views; a "
                    "name has up to 63 bytes",
                )
            if by_lower.setdefault(name.lower(), name) != name:
                raise BadField(
                    "two fields have one name, but for capital letters",
                    fields=listed([by_lower[name.lower()], name]),
                    remedy="give one of them another name: SQLite tells them not apart",
                )
            if field.at is not None:
                raise BadField(
                    f"a field of a table of ours has no path: {name}",
                    at=field.at,
                    remedy="leave out at=; paths are for tables of somebody else: db.attach(…)",
                )

    @property
    def condition_text(self) -> str | None:
        """The condition as SQL, without the values in it; None: all rows are meant."""
        if self.condition is None:
            return None
        return str(self._told_condition())

    @property
    def condition_values(self) -> Any:
        """The values in the condition, whose `repr` tells them from others."""
        if self.condition is None:
            return None
        return [*self._told_condition().params.values()]

    def _told_condition(self) -> Any:
        dialect = self.database.engine.dialect
        return self.condition.compile(dialect=dialect, compile_kwargs={"for_people": True})

    def _as_shown(self, condition: Any) -> Any:
        """A condition as it is asked of the database."""
        return self.table.as_shown(condition)

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
        is_key = name == "id" and self.is_ours
        is_postgres = self.database.is_postgres
        return FieldOf(name, field, column, is_postgres=is_postgres, is_typed=is_key)

    def source(self, *names: str) -> Source:
        """These fields as a listener or a snapshot reads them."""
        unknown = [name for name in names if name not in self.fields]
        if unknown:
            raise self.unknown(unknown[0])
        return Source(self.table, {name: self.fields[name] for name in names})

    def only_media(self, remedy: str) -> str:
        """The only field of media. Raises BadField, with what names another one."""
        media = [name for name, field in self.fields.items() if field.is_media]
        if len(media) == 1:
            return media[0]
        raise BadField(
            f"the content of which field of {self.name} is meant?",
            media=listed(media) or "none",
            remedy=f"name it: {remedy}",
        )

    def unknown(self, name: str) -> BadField:
        """The error for a field that there is none of."""
        return BadField(
            f"{self.name} has no field {name}",
            fields=listed(self.fields) or "none",
            remedy=nearest(str(name), self.fields, "declare it: db.collection(…)"),
        )

    def __getstate__(self) -> dict[str, Any]:
        # Who gets a copy adds rows to the table; what was there is replaced once, here.
        return {**self.__dict__, "_replaces": False}

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}: {field.kind}" for name, field in self.fields.items())
        return f"<collection {self.name} ({fields})>"
