"""Kinds: whether what `-p` gives is what a parameter is for, before a training is spent on it."""

import inspect
import json
from typing import Any

from ...model.errors import BadStage

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_NUMBERS = (bool, int, float)


def check_kind(name: str, parameter: inspect.Parameter, value: Any) -> None:
    """Raises BadStage when a parameter of the stage `name` is plainly for something else.

    Only plain annotations say what it is for; where there is none, a default that is a number
    says that a text or a list is a slip.
    """
    annotated = _annotated(parameter)
    kind = annotated or type(parameter.default)
    slipped = kind in _NUMBERS and isinstance(value, (str, list))
    if slipped or (annotated is not None and not _is_kind(value, annotated)):
        raise BadStage(
            f"{parameter.name} of {name} is {_KINDS[kind]}",
            given=json.dumps(value, ensure_ascii=False),
            parameter=str(parameter),
            remedy=f"{parameter.name}={_example(kind, value)}{_sweep(name, parameter, value)}",
        )


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


def _sweep(name: str, parameter: inspect.Parameter, value: Any) -> str:
    if not isinstance(value, list) and "," not in str(value):
        return ""
    return f"; several values make a sweep, in Python: sweep({name}, {parameter.name}=[…, …])"


def _example(kind: type, value: Any) -> str:
    if kind is str:  # what looks like JSON is a text when it is quoted twice
        return f"'{json.dumps(str(value))}'"
    return {bool: "true", int: "3", float: "0.5"}[kind]
