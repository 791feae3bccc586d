"""The reference in a checkout: above each name that the site documents, how its docstring begins.

`python docs/reference.py` writes these lines into docs/api. The site shows whole docstrings
in their place; the directives that ask for them stand in comments, which a checkout hides.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

_DIRECTIVE = re.compile(
    r"(?:^\*\*`.*\n)*\n?^<!--\n::: (?P<name>[\w.]+)\n(?P<options>(?:    .*\n)*)-->\n", re.M
)
# Names of values and types, which have no docstrings when they are imported.
_ALIASES = {
    "selfref": "Stands for the derivation itself: `[selfref, 'file']` promises a file.",
    "Listener": "A function that is called with each event.",
}


def with_lines(page: str) -> str:
    """The page with these lines, and no others, above each name."""
    parts = re.split(r"(^```.*?^```$)", _DIRECTIVE.sub(_with_lines, page), flags=re.M | re.S)
    # Programs, which are every second part, keep their empty lines.
    parts[::2] = [re.sub(r"\n{3,}", "\n\n", part) for part in parts[::2]]
    return "".join(parts)


def _with_lines(directive: re.Match[str]) -> str:
    name, options = directive["name"], directive["options"]
    return "\n" + "\\\n".join(_lines(name, options)) + f"\n\n<!--\n::: {name}\n{options}-->\n"


def _lines(name: str, options: str) -> Iterator[str]:
    last = name.rpartition(".")[2]
    yield f"**`{last}`**: {_beginning(name)}"
    for member in _members(_named(name), options):
        yield f"**`{last}.{member}`**: {_beginning(f'{name}.{member}')}"


def _beginning(name: str) -> str:
    """The first paragraph of a docstring, on a line."""
    found, last = _named(name), name.rpartition(".")[2]
    documented = isinstance(found, (ModuleType, type, property)) or hasattr(found, "__qualname__")
    text = (inspect.getdoc(found) if documented else None) or _ALIASES[last]
    return " ".join(text.partition("\n\n")[0].split())


def _members(found: Any, options: str) -> list[str]:
    """The members that a directive names; of a module, all but those that it leaves out."""
    listed = re.search(r"members: \[(.+)\]", options)
    if listed is not None:
        return listed[1].split(", ")
    skipped = re.findall(r"!\^(\w+)\$", options)
    names = found.__all__ if isinstance(found, ModuleType) else ()
    return [name for name in names if name not in skipped]


def _named(name: str) -> Any:
    """What a dotted name stands for."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        place, _, last = name.rpartition(".")
        return getattr(_named(place), last)


if __name__ == "__main__":
    for page in sorted((Path(__file__).parent / "api").glob("*.md")):
        page.write_text(with_lines(page.read_text()))
