"""Classes: their statements, and the values of the names that these assign or that were set later.

What Python, a decorator or a metaclass makes of a class does not count: it follows from the rest,
and differs from one Python to the next.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import sys
from collections.abc import Iterator
from functools import singledispatchmethod
from types import CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from .functions import cells_of, made_by_decorator, methods_of, unwrapped
from .listing import Listing, class_listing
from .making import Making
from .origin import Origin
from .reading import reads_of_bases, reads_of_decorators

if TYPE_CHECKING:
    from .surveyor import Surveyor

_OF_PYTHON = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__"}
_OF_PYTHON |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
_OF_PYTHON |= {"__orig_bases__", "__parameters__", "__type_params__", "__annotations_cache__"}
_OF_PYTHON |= {"_abc_impl", "__abstractmethods__", "__slots__"}
_MEMBERS = (MemberDescriptorType, GetSetDescriptorType)


def class_text(surveyor: Surveyor, kind: type, name: str) -> None:
    """Writes the text of a class."""
    surveyor.survey.classes.append((kind, dict(vars(kind))))
    surveyor.kept.append(kind)
    methods = methods_of(kind)
    names: dict[str, Any] = {}
    cells: dict[str, CellType] = {}
    for method in methods.values():
        names = method.__globals__
        cells.update(cells_of(method))
        surveyor.watch(method)
    cells.pop("__class__", None)
    home = sys.modules.get(kind.__module__)
    names = names or (vars(home) if home else {})
    found = class_listing(kind, [method.__code__ for method in methods.values()])
    if found is None:
        told = _held(surveyor, kind, None, methods, surveyor.origins[id(kind)])
        bases = [surveyor.value(kind.__bases__, name, Origin(names, ""), (id(kind), "bases"))]
        surveyor.survey.texts[name] = "\n".join(
            ["contents", *bases, *_methods(surveyor, methods), *told]
        )
        return
    listing, node = found
    read, _ = reads_of_decorators(node, names, surveyor.project)
    read |= reads_of_bases(kind, surveyor.project) | surveyor.read
    form = listing.normal(node, read=read, cells=frozenset(cells))
    raw = [listing.source(node)] if read.source else []
    reached, top = surveyor.origins[id(kind)], kind.__qualname__.partition(".")[0]
    origin = Origin(names, top, (Making(node, names, listing),), reached)
    told = _held(surveyor, kind, (listing, node), methods, origin) if surveyor.follow else []
    surveyor.text(name, form, form.decorators, names, cells, origin, told + raw)


def _methods(surveyor: Surveyor, methods: dict[str, FunctionType]) -> Iterator[str]:
    """The methods of a class without source, each by its own text."""
    for name, method in methods.items():
        yield f"{name} &{surveyor.meet(method, name, surveyor.inside(method))}"


def _held(
    surveyor: Surveyor,
    kind: type,
    found: tuple[Listing, ast.ClassDef] | None,
    methods: dict[str, FunctionType],
    origin: Origin,
) -> list[str]:
    """What a class holds beside what its statement says."""
    stated = set(_bound(found[1].body)) if found else set()
    told = []
    for name, value in sorted(vars(kind).items()):
        if name in _OF_PYTHON or isinstance(value, _MEMBERS):
            continue
        if type(value).__name__ == "_tuplegetter":
            continue  # a field of a named tuple, whose default stands in `_field_defaults`
        if name in methods:
            if found and _stands(methods[name], found):
                told += [f"{name} {one}" for one in surveyor.bound(methods[name], origin, name)]
                if not isinstance(value, singledispatchmethod):
                    continue  # which others than those of the statement may extend
            if not found:
                continue
        elif name not in stated and _is_made(kind, name, value):
            continue
        if isinstance(value, enum.Enum) and type(value) is kind:
            value = value._value_
        told.append(f"{name}={surveyor.value(value, name, origin, (id(kind), name))}")
    return told + [f"field {one}" for one in _fields(surveyor, kind, origin)]


def _stands(method: FunctionType, found: tuple[Listing, ast.ClassDef]) -> bool:
    listing, node = found
    line = method.__code__.co_firstlineno
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    same = method.__code__.co_filename == listing.file
    return same and (first <= line <= (node.end_lineno or 0) or listing.compiled is not None)


def _is_made(kind: type, name: str, value: Any) -> bool:
    """Whether Python, a decorator or a metaclass has put a name into a class, and no person."""
    *_, plain = unwrapped(value)
    if isinstance(plain, FunctionType):
        return made_by_decorator(plain.__code__, name) or not _is_set(kind, plain)
    dunder = name.startswith("__") and name.endswith("__")
    sunder = isinstance(kind, enum.EnumMeta) and name.startswith("_") and name.endswith("_")
    return dunder or sunder


def _is_set(kind: type, function: FunctionType) -> bool:
    """Whether a function comes from another file than those of Python and of packages."""
    from .project import file_of_project

    file = function.__code__.co_filename
    return file_of_project(file) if not file.startswith("<") else not file.startswith("<frozen")


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that the statements of a class assign."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name.partition(".")[0] for one in node.names)
        else:
            for one in ast.walk(node):
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                    yield one.id
                elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield one.name


def _fields(surveyor: Surveyor, kind: type, origin: Origin) -> Iterator[str]:
    """The defaults of the fields that a dataclass, attrs or pydantic was made with."""
    declared: list[tuple[str, Any]] = []
    for name, one in (vars(kind).get("__dataclass_fields__") or {}).items():
        options = [one.init, one.compare, one.repr, one.hash, getattr(one, "kw_only", None)]
        made = (one.default, one.default_factory)
        given = [value for value in made if value is not dataclasses.MISSING]
        declared.append((name, [*options, dict(one.metadata), *given]))
    for one in vars(kind).get("__attrs_attrs__") or ():
        default = getattr(one.default, "factory", one.default)
        nothing = type(default).__name__ == "_Nothing"
        declared.append((one.name, [] if nothing else [default]))
    for name, one in (vars(kind).get("__pydantic_fields__") or {}).items():
        nothing = type(one.default).__name__ == "PydanticUndefinedType"
        declared.append((name, [one.default_factory] if nothing else [one.default]))
    if declared:
        key = (id(kind), "fields")
        yield surveyor.value(dict(declared), kind.__name__, origin, key)
    parameters = vars(kind).get("__dataclass_params__")
    if parameters is not None:
        shown = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
        yield ascii([(name, getattr(parameters, name, None)) for name in shown])
