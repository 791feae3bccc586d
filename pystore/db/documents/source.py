"""Source: the listened fields of a collection of documents, and the content of its documents.

MH1  What a document holds is a value, never an operator, whatever its keys are called.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson import SON, DBRef, Decimal128, Int64
from pymongo.collection import Collection as Documents

from ...core.dataclasses import dataclass
from ..errors import BadContent, BadField, nearest, not_there
from ..fields import Field
from ..kinds import Malformed
from ..source import Pk, Source, Table
from .connections import Document, DocumentConnections

_SOME = 500  # documents that are asked for by their keys at a time


class Id(SON[str, Any]):
    """A key that is a document: it is told from others by the order of its parts as well."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return hash(repr(self))


def pk_of(key: Any) -> Pk:
    """The key of a row for the `_id` of a document."""
    return (Id(key) if isinstance(key, dict) else plain(key),)


def ids(pks: Sequence[Pk]) -> list[Any]:
    """The `_id`s of rows."""
    return [pk[0] for pk in pks]


@dataclass(frozen=True)
class DocumentTable(Table):
    """A collection of documents, by its name."""

    key: str = "_id"  # the name of the key among fields

    @property
    def primary_key(self) -> dict[str, Any]:
        """The key, which each document has."""
        return {self.key: None}

    @property
    def columns(self) -> dict[str, Any]:
        """Nobody says what documents have."""
        return {}

    def forget(self) -> None:
        """There is nothing that is known."""


class DocumentSource(Source):
    """Some fields of documents, as a listener or a snapshot reads them."""

    database: DocumentConnections

    def __init__(self, table: Table, fields: Mapping[str, Field]) -> None:
        super().__init__(table, fields)
        self._paths = [field.at or name for name, field in fields.items()]
        for path in self._paths:
            check_path(path)

    @property
    def documents(self) -> Documents[Document]:
        """The collection."""
        return self.database.named[self.table.name]

    def check(self) -> None:
        """Raises BadDatabase where there is no such collection."""
        with self.database.read():
            there = self.database.names()
        if self.table.name in there:
            return
        name, database = self.table.name, self.database.name
        otherwise = "name one of these; a collection of ours is there after its first insert"
        remedy = nearest(name, there, otherwise)
        raise not_there("collection", name, there, database=database, remedy=remedy)

    def forget(self) -> None:
        """There is nothing that is known."""

    @property
    def projection(self) -> dict[str, int]:
        """The parts of documents that are read."""
        whole = {path.split(".")[0] for path in self._paths if "." not in path}
        own = [path for path in self._paths if "." not in path or path.split(".")[0] not in whole]
        return dict.fromkeys(["_id", *own], 1)

    def stored(self, document: Mapping[str, Any]) -> tuple[Any, ...]:
        """What is stored for each field of a document."""
        named = zip(self._paths, self.fields.values(), strict=True)
        return tuple(_at(document, path.split("."), field) for path, field in named)

    def contents(self, connection: Any, pks: Sequence[Pk]) -> dict[Pk, tuple[Any, ...]]:
        """What is stored in the listened fields of documents, by key; documents may be gone."""
        found: dict[Pk, tuple[Any, ...]] = {}
        for at in range(0, len(pks), _SOME):
            some = {"_id": {"$in": ids(pks[at : at + _SOME])}}
            for one in self.documents.find(some, self.projection, session=connection):
                found[pk_of(one["_id"])] = self.stored(one)
        return found

    def pages(self, connection: Any, condition: Any, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """What is stored for the fields of each document, then its key, so many at a time."""
        meant = {} if condition is None else condition.yes
        found = self.documents.find(meant, self.projection, session=connection).sort("_id", 1)
        for page in paged(found, size):
            yield [(*self.stored(one), *pk_of(one["_id"])) for one in page]

    def key_or_none(self, stored: Sequence[Any]) -> bytes | None:
        """The key of a content; None where there is none."""
        if all(one is None for one in stored):
            return None
        try:
            return self.key(stored)
        except BadContent:
            return None


def paged(found: Any, size: int) -> Iterator[list[Any]]:
    """The documents of a cursor, so many at a time."""
    page: list[Any] = []
    with found.batch_size(size) as cursor:
        for one in cursor:
            page.append(one)
            if len(page) == size:
                yield page
                page = []
    if page:
        yield page


def check_path(path: str) -> None:
    """Raises BadField for a path that MongoDB would read as something else (MH1)."""
    if any(not part or part.startswith("$") or "\0" in part for part in path.split(".")):
        raise BadField(
            "MongoDB reads such a name as something else",
            field=path,
            remedy="take a name without a dollar sign at its start; a dot leads to what is below: "
            "at='record.img'",
        )


def _at(document: Any, path: Sequence[str], field: Field) -> Any:
    found = document
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    if field.kind != "json" or field.fetched is not None:
        return plain(found)
    try:
        json.dumps(made := plain(found))
    except (TypeError, ValueError):
        return Malformed(repr(found)[:200])
    return made


def plain(value: Any) -> Any:
    """A value of BSON as Python has it: integers and decimals, and dicts whatever their keys."""
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
