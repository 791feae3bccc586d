"""Conditions: which attempts are meant, as text: `epochs=3 accuracy.txt>0.9 host=gpu*`.

WH1  What has no value of a name fits no condition on it, also none of `!=`.
WH2  Numbers are compared as numbers, so that 1 fits `=1.0`; all else as it is written.
WH3  What reads like a condition and can fit nothing, or leaves half of itself out, is an error.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any, NamedTuple

from ...core.errors import BadStage
from ...core.options import is_number

Where = str | Mapping[str, Any]
"""Conditions as text, or values by name: one, several as a list, or a function that tests one."""

_CONDITION = re.compile(r"([^<>=!]+)(<=|>=|!=|==|=|<|>)(.*)", re.S)
_SECOND = re.compile(r"[A-Za-z_][\w./-]*(<=|>=|!=|==|=|<|>).*", re.S)  # after a comma
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
    if isinstance(where, Mapping) and all(isinstance(name, str) for name in where):
        return [Condition(name, _test(wanted)) for name, wanted in where.items()]
    raise BadStage(
        "where= is a text, or a dict with names as its keys",
        given=ascii(where)[:200],
        remedy='where="epochs=3 accuracy.txt>0.9", or where={"epochs": 3}',
    )


def _split(text: str) -> list[str]:
    try:
        return _lists_joined(shlex.split(text))
    except ValueError as error:
        raise BadStage(
            "a condition is not closed",
            given=ascii(text)[:200],
            because=str(error),
            remedy="put the same quote at its beginning and at its end",
        ) from None


def _lists_joined(words: list[str]) -> list[str]:
    """The words, with each list as tables print it, `layers=[64, 32]`, in one of them."""
    found, at = [], 0
    while at < len(words):
        end = _end(words, at)
        found.append(" ".join(words[at:end]))
        at = end
    return found


def _end(words: list[str], at: int) -> int:
    """The place behind a word, or behind the list that begins in it."""
    parsed = _CONDITION.fullmatch(words[at])
    if parsed and parsed[3].startswith("["):
        for end in range(at + 1, len(words) + 1):
            if _is_list(" ".join([parsed[3], *words[at + 1 : end]])):
                return end
    return at + 1


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
    _refuse_two_in_one(word, sign, wanted)
    if sign in ("=", "=="):
        return Condition(name, equal(wanted))
    if sign == "!=":
        test = equal(wanted)
        return Condition(name, lambda value: not test(value))
    return Condition(name, _compared(sign, _number_in(word, wanted)))


def _refuse_two_in_one(word: str, sign: str, wanted: str) -> None:
    """Raises BadStage for `rate=>0.1`, and for `epochs=3,rate>0.1` (WH3)."""
    if wanted[:1] in ("<", "=", ">") and _number(wanted[1:]) is not None:
        raise BadStage(
            "this is no sign",
            given=ascii(word)[:200],
            expected="=, !=, <, <=, > or >=",
            remedy="write <= and >= with the = behind: 'rate>=0.1'",
        )
    first, *others = wanted.split(",")
    if "=" in sign and not set(first) & set("<=>") and any(map(_SECOND.fullmatch, others)):
        raise BadStage(
            "a condition begins after a comma",
            given=ascii(word)[:200],
            remedy="put a space between conditions: 'epochs=3 rate>0.1'; "
            "in a text, write ? for the comma",
        )


def equal(wanted: str) -> Callable[[Any], bool]:
    """Fits a value, one of several with commas between, a range `0.1..0.5`, or a pattern."""
    several = [] if _is_list(wanted) else wanted.split(",")
    tests = [_one(text) for text in dict.fromkeys([wanted, *several])]
    return lambda value: any(test(value) for test in tests)


def _one(text: str) -> Callable[[Any], bool]:
    if limits := _limits(text):
        low, high = limits
        return lambda value: low <= value <= high if is_number(value) else value == text
    if _GLOB & set(text):
        as_list = _bare(text)
        return lambda value: (
            text == (told := _written(value))
            or fnmatchcase(told, text)
            or (told.startswith("[") and _bare(told) == as_list)
        )
    number = _number(text)
    if number is not None:
        return lambda value: value == number if is_number(value) else _written(value) == text
    word = text.lower()
    return lambda value: (
        _written(value) == text
        or (word in _WORDS and not is_number(value) and value is _WORDS[word])
    )


def _is_list(text: str) -> bool:
    """Whether the bracket at the beginning is closed at the end, and not before."""
    open_ones = [*accumulate((each == "[") - (each == "]") for each in text)]
    return text.startswith("[") and 0 in open_ones and open_ones.index(0) == len(text) - 1


def _bare(text: str) -> str:
    """A list as text, without the spaces and quotes that are easily lost: `[64,32]`."""
    return re.sub(r"[\s\"']", "", text)


def _limits(text: str) -> tuple[float, float] | None:
    found = dict.fromkeys(filter(None, map(_limits_at, _splits(text))))
    if not found:
        return None
    (least, most), *others = found
    if others:
        raise BadStage(
            "where does this range begin?",
            given=ascii(text)[:200],
            remedy="write a 0 before the point: rate=0..0.5",
        )
    if not least <= most:
        raise BadStage(
            "no number is in this range",
            given=ascii(text)[:200],
            remedy="write the lower number first: seed=1..5",
        )
    return least, most


def _splits(text: str) -> list[tuple[str, str]]:
    """What stands before and behind `..`, which three points have at two places."""
    places = [at for at in range(len(text)) if text.startswith("..", at)]
    return [(text[:at], text[at + 2 :]) for at in places]


def _limits_at(parts: tuple[str, str]) -> tuple[float, float] | None:
    low, high = (_number(one) if one else None for one in parts)
    if parts == ("", "") or (low is None and parts[0]) or (high is None and parts[1]):
        return None
    return float("-inf") if low is None else low, float("inf") if high is None else high


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
    if not isinstance(wanted, Iterable) or isinstance(wanted, (str, bytes, Mapping)):
        one = _as_parameter(wanted)
        return lambda value: _same(value, one)
    given = list(wanted)
    several = [*map(_as_parameter, given), _as_parameter(given)]
    return lambda value: any(_same(value, one) for one in several)


def _as_parameter(wanted: Any) -> Any:
    """A value as parameters have it: lists are texts, and numbers of NumPy are those of Python."""
    if isinstance(wanted, (list, tuple, dict)):
        return json.dumps(wanted, ensure_ascii=False, default=_as_parameter)
    told = getattr(wanted, "item", None)
    return told() if callable(told) and not isinstance(wanted, Iterable) else wanted


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
