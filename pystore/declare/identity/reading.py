"""Reading: what code reads of the code that it uses: docstrings, annotations, source, subclasses.

A decorator, a base class or a metaclass of a package may do so, as in click, pydantic and DSPy;
those of the standard library do not.
"""

import re
import sys
from types import ModuleType
from typing import Any

from .functions import MISSING
from .listing import roots_of
from .project import Project
from .scope import NOTHING, Read

_ALL = Read(docstrings=True, annotations=True)
_OF_DOCSTRINGS = ("__doc__", "getdoc")
_OF_ANNOTATIONS = (
    "__annotations__", "__annotate__", "get_type_hints", "get_annotations", "signature",
    "getfullargspec",
)  # fmt: skip
_OF_SOURCE = ("getsource", "getsourcelines")
_OF_SUBCLASSES = ("__subclasses__",)
_READERS = (_OF_DOCSTRINGS, _OF_ANNOTATIONS, _OF_SOURCE, _OF_SUBCLASSES)  # as the fields of Read
_WORDS = tuple(name for several in _READERS for name in several)
_READS = re.compile(rf"[$.':](?:{'|'.join(f'({one})' for one in map('|'.join, _READERS))})\b")


def reads_of(text: str) -> Read:
    """The things that some code, in normal form, may read of functions and classes."""
    found = NOTHING
    if not any(name in text for name in _WORDS):
        return found  # as nearly always, and quick to see
    for one in _READS.finditer(text):
        found |= Read(*map(bool, one.groups()))
    return found


def reads_of_decorators(
    node: Any, names: dict[str, Any], project: Project
) -> tuple[Read, list[bool]]:
    """The things that decorators may read of a definition; for each, whether it is of a package."""
    foreign = [is_foreign(names.get(root, MISSING), project) for root in roots_of(node)]
    return (_ALL if any(foreign) else NOTHING), foreign


def reads_of_bases(kind: type, project: Project) -> Read:
    """The things that a metaclass, or a base with `__init_subclass__`, may read of a class."""
    hooks = [one for one in kind.__mro__[1:] if "__init_subclass__" in vars(one)]
    return _ALL if any(is_foreign(one, project) for one in (type(kind), *hooks)) else NOTHING


def is_foreign(value: Any, project: Project) -> bool:
    """Whether a value is of a package other than the standard library and pystore."""
    if isinstance(value, ModuleType):
        home = value.__name__
    else:
        home = getattr(value if isinstance(value, type) else type(value), "__module__", "")
        if home in ("builtins", "functools"):
            home = getattr(value, "__module__", None) or home
    top = str(home).partition(".")[0]
    if top in sys.stdlib_module_names or top in ("pystore", "__main__"):
        return False
    return value is not MISSING and not project.name(str(home))
