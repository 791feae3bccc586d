"""The SQL of triggers and views, a file for each database and one for both."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAMED = re.compile(r"^-- ([a-z_]+): .*$", re.MULTILINE)


_PART = re.compile(r"\{(part_\w+)\}")


@cache
def statements(dialect: str) -> dict[str, str]:
    """The statements for a database by their names; words in braces stand for quoted names.

    Parts that several statements have are filled in.
    """
    found = {**_named("both"), **_named(dialect)}
    parts = {name: body for name, body in found.items() if name.startswith("part_")}
    return {name: _whole(body, parts) for name, body in found.items()}


def _whole(body: str, parts: Mapping[str, str]) -> str:
    while _PART.search(body):
        body = _PART.sub(lambda part: parts[part[1]], body)
    return body


def _named(file: str) -> dict[str, str]:
    text = (files(__name__) / f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _NAMED.split(text)
    return {
        name: body.strip().rstrip(";") for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def filled(statement: str, words: Mapping[str, str]) -> str:
    """A statement with the names for its words."""
    return re.sub(r"\{(\w+)\}", lambda found: words[found[1]], statement)


def literal(text: str) -> str:
    """A text as SQL takes it, in a statement that cannot have bound values."""
    return "'" + text.replace("'", "''") + "'"
