"""Values of `-p` as a parameter takes them; a slip is an error before anything is trained."""

import inspect
import json
import re
from typing import Any

from ...core.errors import BadStage
from ...declare.parameter_types import NONE, ParameterType, closest_words, types_of

_NUMBERS = frozenset((bool, int, float))
_EXACT = 2**53  # above it, a float does not hold every whole number
# Numbers as Python writes them, also those that JSON lacks: .1, 1., 1_000.
_WHOLE = re.compile(r"[+-]?\d+(_\d+)*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(_\d+)*)?\.?(\d+(_\d+)*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NO_VALUE = ("none", "null")


def as_type(name: str, parameter: inspect.Parameter, value: Any, function: Any = None) -> Any:
    """The value as a parameter of the stage `name` takes it: 1 becomes 1.0 for a float.

    The annotation says which types fit; the globals of `function` say what its names mean. Without
    an annotation, a default that is a number refuses texts and lists. Raises BadStage when the
    value does not fit.
    """
    annotated = types_of(function, [parameter]).get(parameter.name)
    wanted = annotated or _of_default(parameter)
    if wanted is None:
        return value
    value = _read(value, wanted)
    slipped = isinstance(value, (str, list)) if annotated is None else not _fits(value, wanted)
    if slipped:
        raise BadStage(
            f"{parameter.name} of {name} is {wanted}",
            given=json.dumps(value, ensure_ascii=False),
            parameter=str(parameter),
            closest=", ".join(closest_words(value, wanted)) or None,
            remedy=f"{parameter.name}={_example(wanted, value)}{_sweep(parameter, value)}",
        )
    # 1 and 1.0 would be two trainings.
    return _float(parameter.default, value) if wanted.types & _NUMBERS == {float} else value


def _of_default(parameter: inspect.Parameter) -> ParameterType | None:
    kind = type(parameter.default)
    return ParameterType(frozenset((kind,))) if kind in _NUMBERS else None


def _read(value: Any, wanted: ParameterType) -> Any:
    """A text for a parameter that takes no text is read as Python reads it."""
    if not isinstance(value, str) or str in wanted.types or wanted.has_word(value):
        return value
    if NONE in wanted.types and value.lower() in _NO_VALUE:
        return None
    if int in wanted.types and _WHOLE.fullmatch(value):
        return int(value)
    if float in wanted.types and _NUMBER.fullmatch(value) and any(map(str.isdigit, value)):
        return _finite(value)
    return value


def _finite(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:  # such as e5, which only looks like one
        return text
    return number if abs(number) != float("inf") else text


def _fits(value: Any, wanted: ParameterType) -> bool:
    return any(_is_kind(value, kind) for kind in wanted.types) or wanted.has_word(value)


def _is_kind(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _float(default: Any, value: Any) -> Any:
    if type(default) is int and default == value:
        return default
    return float(value) if type(value) is int and abs(value) < _EXACT else value


def _sweep(parameter: inspect.Parameter, value: Any) -> str:
    if not isinstance(value, list) and "," not in str(value):
        return ""
    return f"; for a sweep, several: -p {parameter.name}=… -p {parameter.name}=…"


def _example(wanted: ParameterType, value: Any) -> str:
    if wanted.words:
        return str(wanted.words[0])
    if str in wanted.types:  # quoted twice, what looks like JSON stays a text
        return f"'{json.dumps(value if isinstance(value, str) else json.dumps(value))}'"
    examples = {bool: "true", int: "3", float: "0.5", list: "'[1, 2]'", dict: """'{"key": 1}'"""}
    return next(text for kind, text in examples.items() if kind in wanted.types)
