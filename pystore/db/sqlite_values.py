"""Values of SQLite: a column holds anything there, so texts and times are looked at one by one.

ZQ1  A text that is no UTF-8 is the fault of its row, and holds up no other.
ZQ2  Times are compared as times, in whatever form they are written that is read; what is no time
     compares with nothing, and that is told.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ..core.errors import PystoreWarning
from .errors import BadContent
from .kinds import KINDS, NotUtf8

_HAS_STRICT = sqlite3.sqlite_version_info >= (3, 37)
_TIME = "pystore_time"
_FORM = "YYYY-MM-DD hh:mm:ss.ffffff"  # of a time in a table of ours, as SQLAlchemy writes it
_TYPES = {
    "int": ("integer", "real"),
    "float": ("integer", "real"),
    "bool": ("integer",),
    "text": ("text",),
    "bytes": ("blob",),
}


def prepare(connection: Any) -> None:
    """Makes a connection of the driver give texts (ZQ1) and compare times (ZQ2)."""
    connection.text_factory = _text
    connection.create_function(_TIME, 3, _Times(), deterministic=True)


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return NotUtf8(raw)


def of_kind(column: Any, kind: str, name: str) -> Any:
    """What a column holds, to compare with values of a kind; NULL for a value of another kind."""
    if kind == "datetime":
        written = sa.cast(column, sa.LargeBinary)  # a function is given no text that is no UTF-8
        held = getattr(sa.func, _TIME)(sa.func.typeof(column), written, name)
    else:
        held = sa.case((sa.func.typeof(column).in_(_TYPES[kind]), column))
    return sa.type_coerce(_OfKind(held, column), column.type)


class _OfKind(FunctionElement[Any]):
    """What a column holds of a kind; to people it is told as the column."""

    inherit_cache = True


@compiles(_OfKind)
def _told(element: _OfKind, compiler: Any, **how: Any) -> str:
    held, column = element.clauses
    return str(compiler.process(column if how.get("for_people") else held, **how))


def as_text(key: NotUtf8) -> Any:
    """A key that is a text and no UTF-8, as SQL has it."""
    return sa.cast(sa.literal(bytes(key), sa.LargeBinary()), sa.Text())


class AsItIs(sa.types.UserDefinedType[Any]):
    """A type of a column of SQLite that keeps 1 and '1' apart, or not, as the owner's column does.

    A column of BLOB changes no value; one of NUMERIC makes numbers of texts that are such.
    """

    cache_ok = True

    def __init__(self, affinity: str) -> None:
        self.affinity = affinity

    def get_col_spec(self, **_: Any) -> str:
        """The type as SQL has it."""
        return self.affinity


def key_types(connection: sa.Connection, table: str, types: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a key with types by which keys are read, sought and kept as they are."""
    query = sa.text("SELECT 1 FROM pragma_table_list WHERE strict AND name = :n COLLATE NOCASE")
    is_strict = _HAS_STRICT and connection.execute(query, {"n": table}).first() is not None
    return {column: _key_type(kind, is_strict) for column, kind in types.items()}


def _key_type(kind: Any, is_strict: bool) -> Any:
    if isinstance(kind, sa.Integer | sa.String):
        return kind
    is_any = isinstance(kind, sa.LargeBinary | sa.types.NullType)
    is_any |= is_strict and isinstance(kind, sa.Numeric)  # ANY, which makes no numbers of texts
    return AsItIs("BLOB" if is_any else "NUMERIC")


class _Times:
    """The function of SQL that gives a time in one form, as a text in UTC."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, kind: str, written: bytes | None, name: str) -> str | None:
        if written is None:
            return None
        told = written.decode(errors="replace")
        try:
            found: datetime = KINDS["datetime"].load(told if kind == "text" else written, {})
        except BadContent:
            self._tell(name, told)
            return None
        is_in_form = len(told) == len(_FORM) and told[10] == " "
        return told if is_in_form else found.replace(tzinfo=None).isoformat(" ", "microseconds")

    def _tell(self, name: str, told: str) -> None:
        if name not in self._told:
            self._told.add(name)
            warnings.warn(
                f"the field {name} of a row is no time, and compares with nothing: {told[:80]!r}; "
                "declare the field by the type that is stored there, such as field(int)",
                PystoreWarning,
                stacklevel=2,
            )
