"""Functions: what is inside of wrappers, classes, closures and code."""

import functools
from functools import partial
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType
from typing import Any

MISSING = object()
WRAPPED = ("__wrapped__", "py_func", "pyfunc", "python_function", "_python_function", "_partial")


def inner_of(value: Any) -> Any:
    """What a wrapper is around, without asking the wrapper; None for what is no wrapper."""
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
    """The attributes that an object has of its own: its `__dict__`, as no class may hide it."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def slots_of(value: Any, base: type = object) -> dict[str, Any]:
    """The values in the slots of an object, private ones included, but for those of `base`."""
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
    """The name of a function; of a lambda, the name by which it was found."""
    own = function.__code__.co_qualname
    return name if own.endswith("<lambda>") and name else own


def content(cell: CellType) -> Any:
    """What a closure holds, or MISSING."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING  # not assigned yet


def cells_of(function: FunctionType) -> dict[str, CellType]:
    """The variables of a function that are those of a function around it."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def codes_of(code: CodeType) -> list[CodeType]:
    """Code and all the code inside of it."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(deep for one in inner for deep in codes_of(one))]


def methods_of(kind: type) -> dict[str, FunctionType]:
    """The functions that stand in the class statement, by the names that they have there."""
    found = {}
    for name, value in vars(kind).items():
        plain = unwrapped(value)[-1]
        if not isinstance(plain, FunctionType):
            continue
        # The code of a method that dataclasses or attrs made has another name or no file.
        own = plain.__code__.co_qualname.startswith(kind.__qualname__ + ".")
        if own and not made_by_decorator(plain.__code__, name):
            found[name] = plain
    return found


def made_by_decorator(code: CodeType, name: str) -> bool:
    """Whether a method was written by dataclasses, attrs or the like, and not by a person."""
    dunder = name.startswith("__") and name.endswith("__")
    return code.co_filename.startswith("<attrs") or (dunder and code.co_filename == "<string>")
