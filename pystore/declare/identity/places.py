"""Places: the kind and the file of each part of some code. For people; they are no identity."""

import os
import sys
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from ...core.change import Places
from ...core.printable import printable

Grouped = dict[str, dict[str, list[str]]]


def place_of(thing: Any) -> tuple[str, str]:
    """The kind and the file of a function, class or module, or of a constant in a namespace."""
    if isinstance(thing, FunctionType):
        return "function", _file_name(thing.__code__.co_filename)
    if isinstance(thing, type):
        return "class", _file_name(getattr(sys.modules.get(thing.__module__), "__file__", None))
    if isinstance(thing, ModuleType):
        return "module", _file_name(getattr(thing, "__file__", None))
    return "constant", _file_name(thing.get("__file__")) if isinstance(thing, dict) else ""


def _file_name(file: object) -> str:
    """The name of a file; "" for the cell of a notebook, whose name says nothing."""
    return _name_in(file) if type(file) is str else ""


@cache
def _name_in(path: str) -> str:
    if path.startswith("<") or "ipykernel_" in path:
        return ""
    return printable(os.path.basename(path))  # without UTF-8 in the locale, a name may be no text


def grouped(places: Places) -> Grouped:
    """The places by file, then by kind: a short form for the notes of an attempt."""
    found: Grouped = {}
    for name, (kind, file) in places.items():
        found.setdefault(file, {}).setdefault(kind, []).append(name)
    return found


def ungrouped(notes: Any) -> Places:
    """The places in a note by `grouped`; other contents of the note are ignored."""
    files = notes if isinstance(notes, dict) else {}
    kinds = ((file, of) for file, of in files.items() if isinstance(of, dict))
    lists = ((file, k, names) for file, of in kinds for k, names in of.items())
    found = [(f, k, names) for f, k, names in lists if isinstance(names, list)]
    return {str(name): (kind, file) for file, kind, names in found for name in names}
