"""Kinds: what `-p` gives, as a parameter takes it, before a training is spent on a slip."""

import inspect
import json
from typing import Any

from ...model.errors import BadStage

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_NUMBERS = (bool, int, float)
_EXACT = 2**53  # the whole numbers that a float holds begin to have gaps here


def as_kind(name: str, parameter: inspect.Parameter, value: Any) -> Any:
    """The value as a parameter of the stage `name` takes it: where a float is due, 1 is 1.0.

    Only plain annotations say what it is for; where there is none, a default that is a number
    says that a text or a list is a slip. Raises BadStage when it is plainly for something else.
    """
    annotated = _annotated(parameter)
    kind = annotated or type(parameter.default)
    slipped = kind in _NUMBERS and isinstance(value, (str, list))
    if slipped or (annotated is not None and not _is_kind(value, annotated)):
        raise BadStage(
            f"{parameter.name} of {name} is {_KINDS[kind]}",
            given=json.dumps(value, ensure_ascii=False),
            parameter=str(parameter),
            remedy=f"{parameter.name}={_example(kind, value)}{_sweep(parameter, value)}",
        )
    # 1 and 1.0 would be two trainings.
    return _float(parameter.default, value) if kind is float and not slipped else value


def _float(default: Any, value: Any) -> Any:
    if type(default) is int and default == value:
        return default
    return float(value) if type(value) is int and abs(value) < _EXACT else value


def _annotated(parameter: inspect.Parameter) -> type | None:
    """The plain kind that the annotation names; None where it says something else, or nothing."""
    told = parameter.annotation
    if parameter.default is None:
        return None  # as in `rate: float = None`
    return next((kind for kind in _KINDS if told is kind or told == kind.__name__), None)


def _is_kind(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _sweep(parameter: inspect.Parameter, value: Any) -> str:
    if not isinstance(value, list) and "," not in str(value):
        return ""
    return f"; for a sweep, several: -p {parameter.name}=… -p {parameter.name}=…"


def _example(kind: type, value: Any) -> str:
    if kind is str:  # what looks like JSON is a text when it is quoted twice
        return f"'{json.dumps(str(value))}'"
    return {bool: "true", int: "3", float: "0.5"}[kind]
