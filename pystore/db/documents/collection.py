"""Collection: documents with typed fields, in a collection of ours or of somebody else.

MO1  Nothing of an owner's documents is changed but by `insert`, `update` and `delete`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo.collection import Collection as Documents
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, WriteError

from ..collection import Collection, Row
from ..errors import BadField, BadRow
from ..fields import Field
from ..own_table import fields_told, new_fields, of_others
from ..source import Pk, Source, names_in
from .conditions import DocumentFieldOf, Where, all_of
from .connections import Document, said
from .outputs import outputs_of, retry_all
from .source import DocumentSource, DocumentTable, check_path, paged, pk_of

_TRIES = 8  # to find keys that nobody has


class DocumentCollection(Collection):
    """Documents with typed fields. The key of one of ours is `id`, which MongoDB has as `_id`."""

    database: Any  # a DocumentConnections

    def __init__(self, *given: Any, **how: Any) -> None:
        super().__init__(*given, **how)
        self.table = DocumentTable(self.database, self.name, "id" if self.is_ours else "_id")
        for name, field in self.fields.items():
            check_path(field.at or name)
            if "." in name:
                raise BadField(
                    "MongoDB reads a dot in the name of a field as a path",
                    field=name,
                    remedy="name it otherwise; a path is for somebody else's: "
                    "text(at='record.likes')",
                )

    # --- what the verbs of a collection need

    @property
    def condition_text(self) -> str | None:
        """The condition without the values in it; None: all documents are meant."""
        return None if self.condition is None else str(self.condition)

    @property
    def condition_values(self) -> Any:
        """The values in the condition, whose `repr` tells them from others."""
        return None if self.condition is None else self.condition.yes

    def _check_condition(self, condition: Any) -> None:
        all_of([condition])

    def _as_shown(self, condition: Any) -> Any:
        return condition

    def source(self, *names: str) -> Source:
        """These fields as a listener or a snapshot reads them."""
        known = super().source(*names)
        return DocumentSource(known.table, known.fields)

    @property
    def _documents(self) -> Documents[Document]:
        found: Documents[Document] = self.database.named[self.name]
        return found

    def _field(self, name: str, field: Field) -> DocumentFieldOf:
        is_key = name == "id" and self.is_ours
        return DocumentFieldOf(name, field, "_id" if is_key else field.at or name)

    def _key_is(self, name: str, value: Any) -> Where:
        return Where({"_id": {"$eq": value}}, {"_id": {"$ne": value}})

    def _make(self, *, replaces: bool) -> None:
        """Records the fields of a collection of ours. Raises BadField for those that differ."""
        database, told = self.database, fields_told(self.fields)
        with database.write():
            database.install()
            known = database.ours("collections")
            found = known.find_one({"_id": self.name})
            is_there = self.name in database.names()
            if is_there and found is None:
                raise of_others(self)
            before = json.loads(found["fields"]) if is_there and found and not replaces else {}
            if before:
                new_fields(self, before)
            else:
                self._forget_documents()
            fields = {"fields": json.dumps({**before, **told}), **({} if before else {"last": 0})}
            known.update_one({"_id": self.name}, {"$set": fields}, upsert=True)
            if not is_there or not before:
                database.named.create_collection(self.name)

    def _forget_documents(self) -> None:
        """Drops the documents, and what was recorded of them."""
        database = self.database
        self._documents.drop()
        database.ours("snapshots").delete_many({"collection": self.name})
        for one in database.ours("listeners").find({"collection": self.name}):
            names = [name for name in names_in(one["field"]) if name in self.fields]
            listened = self.source(*names)
            database.ours(f"rows_{listened.name}").delete_many({})

    def _inserted(self, made: Sequence[dict[str, Any]]) -> list[Any]:
        rows = [self._checked(row) for row in made]
        has_keys = not self.is_ours or "id" in rows[0]
        with self.database.write():
            for left in range(_TRIES - 1, -1, -1):
                keyed = self._with_keys(rows) if self.is_ours else rows
                try:
                    return [pk_of(one) for one in self.database.all_or_none(self._documents, keyed)]
                except (BulkWriteError, OperationFailure, DocumentTooLarge) as error:
                    if has_keys or not left or not isinstance(error, BulkWriteError):
                        raise _refused(self.name, error) from error
                self._pass_over_keys()
        raise AssertionError("unreachable")

    def _pass_over_keys(self) -> None:
        """Goes on after the greatest key: somebody else has given keys to documents."""
        numbers = {"_id": {"$type": "number"}}
        found = self._documents.find_one(numbers, {"_id": 1}, sort=[("_id", -1)]) or {"_id": 0}
        known = self.database.ours("collections")
        known.update_one({"_id": self.name}, {"$max": {"last": int(found["_id"])}})

    def _with_keys(self, rows: Sequence[Document]) -> list[Document]:
        """Rows with their keys: those given, or new ones that no row has had."""
        known = self.database.ours("collections")
        if "id" in rows[0]:
            most = max(row["id"] for row in rows)
            known.update_one({"_id": self.name}, {"$max": {"last": most}})
            return [{"_id": row["id"], **_without_id(row)} for row in rows]
        before = known.find_one_and_update({"_id": self.name}, {"$inc": {"last": len(rows)}})
        first = (before or {}).get("last", 0) + 1
        return [{"_id": first + at, **row} for at, row in enumerate(rows)]

    def _checked(self, row: Mapping[str, Any]) -> Document:
        for name, value in row.items():
            if isinstance(value, datetime) and value.microsecond % 1000:
                raise BadRow(
                    "MongoDB keeps milliseconds",
                    field=name,
                    given=value.isoformat(),
                    remedy="round the time: value.replace(microsecond=0)",
                )
            if name == "id" and self.is_ours and type(value) is not int:
                raise BadRow("a key is an integer", given=repr(value)[:80], remedy="leave it out")
        return dict(row)

    def _updated(self, new: Mapping[str, Any], meant: Sequence[Any]) -> int:
        if self.table.primary_key.keys() & new.keys():
            raise BadRow(
                "MongoDB changes no key",
                collection=self.name,
                remedy="insert the document under its new key, and delete the old one",
            )
        self._check()
        with self.database.write():
            try:
                changed = {"$set": self._checked(new)}
                return int(self._documents.update_many(all_of(meant), changed).matched_count)
            except (WriteError, DocumentTooLarge) as error:
                raise _refused(self.name, error) from error

    def _deleted(self, meant: Sequence[Any]) -> int:
        self._check()
        with self.database.write():
            return int(self._documents.delete_many(all_of(meant)).deleted_count)

    def _pages(
        self, conditions: Sequence[Any], size: int, *, backward: bool = False
    ) -> Iterator[list[Row]]:
        self._check()
        source = self.source(*self.fields)
        assert isinstance(source, DocumentSource)
        with self.database.read():
            found = self._documents.find(all_of(conditions), source.projection)
            found = found.sort("_id", -1 if backward else 1)
            for page in paged(found, size):
                yield [(pk_of(one["_id"]), source.stored(one)) for one in page]

    def _counted(self, meant: Sequence[Any]) -> int:
        with self.database.read():
            return int(self._documents.count_documents(all_of(meant)))

    def _outputs(self, rows: Sequence[Row]) -> dict[Pk, dict[str, Any]]:
        return outputs_of(self, rows)

    def retry(self) -> int:
        """Makes rows whose prediction has failed work to do again; returns how many."""
        return retry_all(self)


def _without_id(row: Mapping[str, Any]) -> Document:
    return {name: value for name, value in row.items() if name != "id"}


def _refused(collection: str, error: Exception) -> BadRow:
    return BadRow(
        "the collection does not take a row",
        collection=collection,
        because=said(error),
        remedy="leave out a key that is there already, or change the row with update(…); a "
        "document has 16 MB at most",
    )
