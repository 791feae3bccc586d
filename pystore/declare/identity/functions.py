"""Functions: the parts of wrappers, classes, closures and code objects."""

import functools
from collections.abc import Iterator
from functools import partial
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType
from typing import Any

MISSING = object()
WRAPPED = ("__wrapped__", "py_func", "pyfunc", "python_function", "_python_function", "_partial")


def inner_of(value: Any) -> Any:
    """The function inside of a wrapper, without calling the wrapper; None for anything else."""
    if isinstance(value, partial):
        return value.func
    if isinstance(value, MethodType | staticmethod | classmethod):
        return value.__func__
    if isinstance(value, property):
        return value.fget
    if isinstance(value, functools.cached_property | functools.singledispatchmethod):
        return value.func
    if isinstance(value, type):
        return None
    own = attributes_of(value)
    return next((own[name] for name in WRAPPED if own.get(name) is not None), None)


def unwrapped(value: Any) -> list[Any]:
    """The wrappers around a function, outermost first; the function itself is the last."""
    chain = [value]
    while (inner := inner_of(chain[-1])) is not None and not any(inner is one for one in chain):
        chain.append(inner)
    return chain


def attributes_of(value: Any) -> dict[str, Any]:
    """The `__dict__` of an object, even if its class hides it; empty if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def slots_of(value: Any, base: type = object) -> dict[str, Any]:
    """The values in the slots of an object, private ones included, without the slots of `base`."""
    found: dict[str, Any] = {}
    for owner in type(value).__mro__:
        if owner is base:
            break
        for name, member in vars(owner).items():
            if type(member) is MemberDescriptorType:
                try:
                    found.setdefault(name, member.__get__(value))
                except AttributeError:
                    pass  # not assigned
    return found


def called(function: FunctionType, name: str) -> str:
    """The qualified name of a function; for a lambda, the name under which it was found."""
    own = function.__code__.co_qualname
    return name if own.endswith("<lambda>") and name else own


def content(cell: CellType) -> Any:
    """The value of a closed-over variable; MISSING while it is not assigned."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def cells_of(function: FunctionType) -> dict[str, CellType]:
    """The variables that a function shares with the function around it, by name."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """A code object and all the code objects inside of it, outer ones first."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from codes_of(one)


def methods_of(kind: type) -> dict[str, FunctionType]:
    """The functions that the class statement defines, by name."""
    found = {}
    for name, value in vars(kind).items():
        plain = unwrapped(value)[-1]
        if not isinstance(plain, FunctionType):
            continue
        own = plain.__code__.co_qualname.startswith(kind.__qualname__ + ".")
        if own and not made_by_decorator(plain.__code__, name):
            found[name] = plain
    return found


def made_by_decorator(code: CodeType, name: str) -> bool:
    """Whether dataclasses, attrs or the like have generated a method."""
    dunder = name.startswith("__") and name.endswith("__")
    return code.co_filename.startswith("<attrs") or (dunder and code.co_filename == "<string>")
