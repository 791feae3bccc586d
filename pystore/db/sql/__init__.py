"""The SQL of triggers and views, a file for each database; `statements` reads them."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAMED = re.compile(r"^-- ([a-z_]+): .*$", re.MULTILINE)


@cache
def statements(dialect: str) -> dict[str, str]:
    """The statements for a database by their names; words in braces stand for quoted names."""
    text = (files(__name__) / f"{dialect}.sql").read_text(encoding="utf-8")
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
