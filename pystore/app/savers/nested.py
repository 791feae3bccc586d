"""Nested values: tuples, lists and dicts whose items have savers, such as `(X, y)`."""

from collections.abc import Callable
from typing import Any

from .kind import Fresh, Stored, Written, no_saver
from .plain_values import decode, encode, is_plain

_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "list": list}


def write(value: Any) -> Written:
    """Each item is a part. Raises BadStage for dicts with keys that are not plain."""
    if type(value) is dict:
        keys = list(value)
        if not all(is_plain(key) and key == key for key in keys):
            raise no_saver(value, because="its keys are not plain")
        return Written({"of": "dict", "keys": encode(keys)}, parts=list(value.values()))
    return Written({"of": type(value).__name__}, parts=list(value))


def read(stored: Stored) -> Any:
    """The items in the container that had them."""
    of = stored.about["of"]
    keys = decode(stored.about["keys"]) if of == "dict" else list(range(stored.part_count))
    if len(keys) != stored.part_count:
        raise ValueError("as many keys as parts")
    items = [stored.load_part(number, _item(stored.fresh, key)) for number, key in enumerate(keys)]
    return dict(zip(keys, items, strict=True)) if of == "dict" else _SEQUENCES[of](items)


def _item(fresh: Fresh | None, key: Any) -> Fresh | None:
    """What makes the item anew: a part of what makes all of it."""
    return None if fresh is None else lambda: fresh()[key]
