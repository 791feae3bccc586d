"""Printable: texts, times and counts for people, on one line; tables for notebooks."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

MOST = 20  # names in one message
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
T = TypeVar("T")


def printable(text: str | bytes) -> str:
    r"""The text, with control characters and bytes that are no UTF-8 escaped: `\x1b`, `\n`."""
    text = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def no_formula(value: T) -> T | str:
    """The value for a cell of a CSV file; a text that may be a formula begins with a '."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def when(time: int | None) -> str:
    """A time [ns since the epoch], in UTC; empty for none."""
    if time is None:
        return ""
    from datetime import UTC, datetime  # for its weight

    return f"{datetime.fromtimestamp(time // 10**9, UTC).isoformat(' ')[:19]}Z"


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 attempt`, `1,204 attempts`."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[object], parted_by: str = ", ", most: int = MOST) -> str:
    """The names in one line; of many, the first `most` and how many more there are."""
    found = [str(name) for name in names]
    left = len(found) - most
    shown = found if left <= 0 else [*found[:most], f"and {left:,} more"]
    return parted_by.join(shown)


def html_table(values: Mapping[str, object]) -> str:
    """A table of names and values."""
    from html import escape  # for weight: only notebooks need it

    rows = ((escape(name), escape(str(value))) for name, value in values.items())
    return f"<table>{''.join(f'<tr><th>{n}</th><td>{v}</td></tr>' for n, v in rows)}</table>"
