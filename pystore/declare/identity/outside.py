"""Outside: the names of things that packages and Python itself provide.

A thing that is found under its module and qualified name is the thing of that name, so its name
says all of it. Look-ups go by `vars`, since `getattr` may make a package import something.
"""

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from .project import HEAP_TYPE, Project

_NOTHING = object()


def outside_name(value: Any) -> str:
    """The name of an installed thing: its top package and its own name, which releases keep."""
    own: object
    if isinstance(value, ModuleType):
        home = own = str(value.__name__)
    else:
        home, own = _home(value), _own(value)
    top = home.partition(".")[0].lstrip("_")
    return f"={top}:{str(own).rpartition('.')[2] if home == own else own}"


def found_name(value: Any, project: Project) -> str | None:
    """The name of an installed thing, if the thing is found under that name; None otherwise."""
    if isinstance(value, ModuleType):
        return outside_name(value)
    home, own = sys.modules.get(_home(value)), _own(value)
    if not own or (home is not None and project.module(home)):
        return None
    found: Any = home
    for part in own.split("."):
        found = _static(found, part)
    if found is value:
        return outside_name(value)
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | None):
        return outside_name(value)  # a function of C has no state
    return None


def _static(owner: Any, name: str) -> Any:
    """The value of a name in a module or class, read from its `__dict__`."""
    if isinstance(owner, ModuleType):
        return vars(owner).get(name, _NOTHING)
    if isinstance(owner, type):
        for one in owner.__mro__:
            if name in vars(one):
                found = vars(one)[name]
                return found.__func__ if isinstance(found, staticmethod) else found
    return _NOTHING


def follow(value: Any, names: tuple[str, ...]) -> tuple[Any, Any, str]:
    """The value of a chain of names below a module or class; its owner and its name in that.

    Where the chain goes on beyond modules and classes, the last value inside of them.
    """
    owner, last = None, ""
    for name in names:
        found = _static(value, name)
        if found is _NOTHING:
            break
        owner, last, value = value, name, found
    return value, owner, last


def patches_of(kind: type, project: Project) -> dict[str, FunctionType]:
    """The functions of the project that were assigned into a class of a package, by name."""
    return {
        name: one
        for owner in kind.__mro__
        if owner.__flags__ & HEAP_TYPE
        for name, one in vars(owner).items()
        if type(one) is FunctionType and project.code(one.__code__, one.__globals__)
    }


def _home(value: Any) -> str:
    owner = _plain_attribute(value, "__self__")
    home = _plain_attribute(value, "__module__")
    if isinstance(home, str):
        return home
    if isinstance(owner, ModuleType):
        return str(owner.__name__)
    return str(type(value if owner is None else owner).__module__)


def _own(value: Any) -> str:
    for name in ("__qualname__", "__name__", "_name"):
        found = _plain_attribute(value, name)
        if isinstance(found, str):
            return found
    return ""


def _plain_attribute(value: Any, name: str) -> Any:
    """An attribute, read without the `__getattr__` of the object; None if there is none."""
    try:
        if isinstance(value, type):
            return type.__getattribute__(value, name)
        return object.__getattribute__(value, name)
    except Exception:  # a descriptor may raise anything
        return None
