"""Conditions: which attempts are meant, as text: `epochs=3 accuracy.txt>0.9 host=gpu*`.

WH1  What has no value of a name fits no condition on it, also none of `!=`.
WH2  Numbers are compared as numbers, so that 1 fits `=1.0`; all else as it is written.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ...core.errors import BadStage
from ...core.options import is_number

Where = str | Mapping[str, Any]
"""Conditions as text, or values by name: one, several as a list, or a function that tests one."""

_CONDITION = re.compile(r"([^<>=!]+)(<=|>=|!=|=|<|>)(.*)", re.S)
_RANGE = re.compile(r"(.*)\.\.(.*)", re.S)
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_GLOB = set("*?[")


class Condition(NamedTuple):
    """A condition on the values of one name."""

    name: str
    fits: Callable[[Any], bool]


def conditions(where: Where | None) -> list[Condition]:
    """The conditions of a call or of a command. Raises BadStage if a text is none."""
    if where is None:
        return []
    if isinstance(where, str):
        return [_condition(word) for word in _split(where)]
    if isinstance(where, Mapping):
        return [Condition(name, _test(wanted)) for name, wanted in where.items()]
    raise BadStage(
        "where= is a text or a dict",
        given=ascii(where)[:200],
        remedy='where="epochs=3 accuracy.txt>0.9", or where={"epochs": 3}',
    )


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadStage(
            "a condition is not closed",
            given=ascii(text)[:200],
            because=str(error),
            remedy="put the same quote at its beginning and at its end",
        ) from None


def _condition(word: str) -> Condition:
    parsed = _CONDITION.fullmatch(word)
    if parsed is None:
        raise BadStage(
            "this is no condition",
            given=ascii(word)[:200],
            expected="NAME=VALUE, or with !=, <, <=, >, >= in place of =",
            remedy="write no spaces around the sign: 'epochs=3 accuracy.txt>0.9'",
        )
    name, sign, wanted = parsed[1], parsed[2], parsed[3]
    if sign == "=":
        return Condition(name, equal(wanted))
    if sign == "!=":
        test = equal(wanted)
        return Condition(name, lambda value: not test(value))
    return Condition(name, _compared(sign, _number_in(word, wanted)))


def equal(wanted: str) -> Callable[[Any], bool]:
    """Fits a value, one of several with commas between, a range `0.1..0.5`, or a pattern."""
    tests = [_one(text) for text in dict.fromkeys([wanted, *wanted.split(",")])]
    return lambda value: any(test(value) for test in tests)


def _one(text: str) -> Callable[[Any], bool]:
    if limits := _limits(text):
        low, high = limits
        return lambda value: is_number(value) and low <= value <= high
    if _GLOB & set(text):
        return lambda value: text == (told := _written(value)) or fnmatchcase(told, text)
    number = _number(text)
    if number is not None:
        return lambda value: value == number if is_number(value) else _written(value) == text
    word = text.lower()
    return lambda value: (
        _written(value) == text
        or (word in _WORDS and not is_number(value) and value is _WORDS[word])
    )


def _limits(text: str) -> tuple[float, float] | None:
    parsed = _RANGE.fullmatch(text)
    if parsed is None or not any(parsed.groups()):
        return None
    low, high = (_number(one) if one else None for one in parsed.groups())
    if (low is None and parsed[1]) or (high is None and parsed[2]):
        return None
    least = float("-inf") if low is None else low
    most = float("inf") if high is None else high
    if not least <= most:
        raise BadStage(
            "no number is in this range",
            given=ascii(text)[:200],
            remedy="write the lower number first: seed=1..5",
        )
    return least, most


def _compared(sign: str, limit: float) -> Callable[[Any], bool]:
    tests: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < limit,
        "<=": lambda value: value <= limit,
        ">": lambda value: value > limit,
        ">=": lambda value: value >= limit,
    }
    test = tests[sign]
    return lambda value: is_number(value) and test(value)


def _test(wanted: Any) -> Callable[[Any], bool]:
    if callable(wanted):
        return lambda value: bool(wanted(value))
    several = list(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
    return lambda value: any(_same(value, one) for one in several)


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and (isinstance(value, bool) == isinstance(wanted, bool))


def _number(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _number_in(word: str, text: str) -> float:
    number = _number(text)
    if number is None or number != number:
        raise BadStage(
            "only numbers can be less or more",
            given=ascii(word)[:200],
            remedy="compare with a number, or write = with a pattern: host=gpu*",
        )
    return number


def _written(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def names(wanted: Iterable[Condition]) -> list[str]:
    """The names that stand in conditions, in their order."""
    return list(dict.fromkeys(condition.name for condition in wanted))
