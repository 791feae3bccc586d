"""The kinds of objects that are pickled by their names."""

import sys
from functools import lru_cache
from types import FunctionType
from typing import Any

CACHE = type(lru_cache(len))
NAMED = (FunctionType, type, CACHE)  # the kinds of objects that are pickled by name
Named = Any
"""An object of one of these kinds."""

_ABSENT = object()


def is_named(one: Named) -> bool:
    """Whether the module of this object has it under its name."""
    module = sys.modules.get(getattr(one, "__module__", None) or "")
    return getattr(module, one.__qualname__, _ABSENT) is one
