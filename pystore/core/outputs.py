"""Outputs: what a predictor gives for a row: one rule for models and for listeners.

OT1  Where outputs are declared, each prediction has exactly these, each of its type, or None, and
     finite; what has not is told with its row, and is never taken for a prediction.
"""

import math
from collections.abc import Mapping
from typing import Any

UNNAMED = "prediction"  # the name of an output without a name

_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict": (dict,),
    "list": (list,),
}


def named_types(outputs: Mapping[str, type]) -> dict[str, str]:
    """The outputs with the names of their types; any type is ""."""
    names = {one: getattr(kind, "__name__", str(kind)) for one, kind in outputs.items()}
    return {one: kind if kind in _TYPES else "" for one, kind in names.items()}


def problem_of(prediction: Any, types: Mapping[str, str]) -> str:
    """Why a JSON value is not what was declared by `named_types` (OT1); "" if it is."""
    if not isinstance(prediction, dict):
        return f"it is no dict of {', '.join(types)}"
    told = [f"{name} is missing" for name in types if name not in prediction]
    told += [f"{name} is not declared" for name in prediction if name not in types]
    for name, kind in types.items():
        value = prediction.get(name)
        if kind and value is not None and not _is(value, kind):
            told.append(f"{name} is no {kind}")
        elif not is_finite(value):
            told.append(f"{name} is no finite number")
    return "; ".join(told)


def is_finite(value: Any) -> bool:
    """Whether all numbers in a JSON value are finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    return all(map(is_finite, value)) if isinstance(value, list) else True


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and isinstance(value, bool) <= (kind == "bool")
