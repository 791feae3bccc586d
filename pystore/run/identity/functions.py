"""Functions: what is inside of wrappers, classes, closures and code."""

from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from .constant import canonical
from .project import outside_name

MISSING = object()
_WRAPPED = ("__wrapped__", "py_func", "python_function")


def unwrapped(value: Any) -> list[Any]:
    """The wrappers around a function, outermost first; the function itself is the last."""
    chain = [value]
    while len(chain) < 20:  # an object that answers to every name is no wrapper
        value = chain[-1]
        if isinstance(value, partial):
            inner: Any = value.func
        elif isinstance(value, MethodType | staticmethod | classmethod):
            inner = value.__func__
        else:
            found = (getattr(value, name, None) for name in _WRAPPED)
            inner = (
                None if isinstance(value, type) else next((f for f in found if f is not None), None)
            )
        if inner is None or any(inner is one for one in chain):
            break
        chain.append(inner)
    return chain


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


def codes_of(code: CodeType) -> list[CodeType]:
    """Code and all the code inside of it."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(deep for one in inner for deep in codes_of(one))]


def methods_of(kind: type) -> list[FunctionType]:
    """The functions that stand in the class statement."""
    found = []
    for value in vars(kind).values():
        value = getattr(value, "fget", value)
        plain = unwrapped(value)[-1]
        if not isinstance(plain, FunctionType):
            continue
        # The code of a method that dataclasses or attrs made has another name than the method.
        if plain.__code__.co_qualname.startswith(kind.__qualname__ + "."):
            found.append(plain)
    return found


def bytecode(function: FunctionType) -> tuple[list[str], list[str]]:
    """The text of a function without source, and the names in it."""
    parts: list[str] = []
    names = dict.fromkeys(function.__code__.co_freevars)
    for one in codes_of(function.__code__):
        names.update(dict.fromkeys(one.co_names))
        constants = [c for c in one.co_consts if not isinstance(c, CodeType)]
        if constants and constants[0] == function.__doc__:
            constants[0] = None
        told = canonical(constants, lambda value, hint: outside_name(type(value)))
        parts.append(f"{one.co_code.hex()} {told} {one.co_names} {one.co_varnames}")
    return parts, list(names)
