"""JSON twin: the same values as a page, for programs."""

import json
import math
from collections.abc import Mapping
from typing import Any


def as_json(value: Any) -> bytes:
    """The JSON text; numbers that JSON does not have are null."""
    return json.dumps(_plain(value), allow_nan=False, indent=1).encode() + b"\n"


def _plain(value: Any) -> Any:
    match value:
        case str() | bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _ if hasattr(value, "to_dict"):
            return _plain(value.to_dict())
    return str(value)
