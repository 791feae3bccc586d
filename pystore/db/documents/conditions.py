"""Conditions: which documents are meant, by their fields. Values are never operators (MH1).

MC1  A condition and its negation leave out what has no value of the kind, as in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from ...core.dataclasses import dataclass
from ..conditions import FieldOf
from ..errors import BadField
from ..fields import Field

_SAID = {eq: "$eq", ge: "$gte", gt: "$gt", le: "$lte", lt: "$lt"}
_TYPES = {"bool": "bool", "bytes": "binData", "datetime": "date", "text": "string"}


@dataclass(frozen=True)
class Where:
    """The filter of documents for which a condition holds, and of those for which it does not."""

    yes: Mapping[str, Any]
    no: Mapping[str, Any]

    def __and__(self, other: Where) -> Where:
        return Where({"$and": [self.yes, other.yes]}, {"$or": [self.no, other.no]})

    def __or__(self, other: Where) -> Where:
        return Where({"$or": [self.yes, other.yes]}, {"$and": [self.no, other.no]})

    def __invert__(self) -> Where:
        return Where(self.no, self.yes)

    def __bool__(self) -> bool:
        raise TypeError("combine conditions by & and |, not by `and` and `or`")

    def __str__(self) -> str:
        return _without_values(self.yes)


def _without_values(told: Any) -> str:
    if isinstance(told, Mapping):
        parts = (
            f"{key}: {_without_values(one) if _has_more(key, one) else '?'}"
            for key, one in told.items()
        )
        return f"{{{', '.join(parts)}}}"
    return f"[{', '.join(map(_without_values, told))}]"


def _has_more(key: str, one: Any) -> bool:
    is_operator = key.startswith("$")
    return key in ("$and", "$or", "$nor", "$not") or (not is_operator and isinstance(one, Mapping))


class DocumentFieldOf(FieldOf):
    """A field of documents, to compare with values."""

    def __init__(self, name: str, field: Field, path: str) -> None:
        super().__init__(name, field, None, is_postgres=False)
        self._path = path

    @property
    def exists(self) -> Where:
        """Whether there is a value that is not null."""
        there = {"$or": [{self._path: {"$ne": None}}, {self._path: {"$type": "array"}}]}
        yes = {"$and": [there, *self._through_no_list(self._path.rpartition(".")[0])]}
        return Where(yes, {"$nor": [yes]})

    def _compared(self, how: Callable[[Any, Any], Any], value: Any) -> Where:
        if how is ne:
            return ~self._compared(eq, value)
        return self._where({_SAID[how]: self._stored(value)})

    def _among(self, values: Sequence[Any]) -> Where:
        return self._where({"$in": [*values]})

    def _where(self, told: Mapping[str, Any]) -> Where:
        plain = self._through_no_list(self._path)
        kind = {self._path: {"$type": _TYPES.get(self._kind, "number")}}
        holds = {self._path: told}
        return Where({"$and": [holds, *plain]}, {"$and": [kind, {"$nor": [holds]}, *plain]})

    def _through_no_list(self, path: str) -> list[Mapping[str, Any]]:
        """A path leads through documents only, where MongoDB would look into each of a list."""
        parts = path.split(".") if path else []
        paths = [".".join(parts[: end + 1]) for end in range(len(parts))]
        return [{one: {"$not": {"$type": "array"}}} for one in paths]


def all_of(conditions: Sequence[Where]) -> Mapping[str, Any]:
    """The filter of documents for which all conditions hold. Raises BadField for others."""
    for one in conditions:
        if not isinstance(one, Where):
            raise BadField(
                "this is no condition for documents",
                given=type(one).__name__,
                remedy="compare a field: collection['age'] > 17; filters of MongoDB are not taken",
            )
    return {"$and": [one.yes for one in conditions]} if conditions else {}
