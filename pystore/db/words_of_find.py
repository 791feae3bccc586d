"""Words of `find`: its own parameters, which no field takes, and how many rows there can be."""

from __future__ import annotations

from typing import Any

from .declared import Declared
from .errors import BadField


def check_words(collection: Declared, **given: Any) -> None:
    """Raises BadField for a word of `find` that is a field as well."""
    for name, value in given.items():
        if value is not None and name in collection.fields:
            raise BadField(
                f"{name}= is a word of its own here, and the name of a field",
                remedy=f"find(collection[{name!r}] == {value!r:.40}); another declaration may "
                "give the field another name",
            )


def counts(limit: Any, batch: Any) -> tuple[int | None, int]:
    """The same as integers of Python. Raises BadField for what is no count of rows."""
    if not _is_count(batch, 1) or not (limit is None or _is_count(limit, 0)):
        raise BadField(
            "there are no so many rows",
            limit=repr(limit)[:80],
            batch=repr(batch)[:80],
            remedy="limit=10; a batch has one row at least",
        )
    return None if limit is None else int(limit), int(batch)


def _is_count(number: Any, least: int) -> bool:
    return hasattr(number, "__index__") and bool(number >= least)
