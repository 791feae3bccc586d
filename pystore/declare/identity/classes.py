"""Classes: the text of a class: its statement, and the values that its names hold now.

Names that Python, a decorator or a metaclass puts into a class do not count: they follow from the
rest, and differ from one Python to the next.
"""

import ast
import dataclasses
import enum
import sys
from collections.abc import Iterator
from functools import partial, singledispatchmethod
from types import CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from .code_text import code_text
from .describer import Describer
from .functions import cells_of, made_by_decorator, methods_of, unwrapped
from .listing import Listing, class_listing
from .origin import Origin
from .project import file_of_project
from .reading import reads_of_bases, reads_of_decorators
from .resolver import Lookup
from .statements import Statement

_OF_PYTHON = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__annotations__"}
_OF_PYTHON |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
_OF_PYTHON |= {"__orig_bases__", "__parameters__", "__type_params__", "__annotations_cache__"}
_OF_PYTHON |= {"_abc_impl", "__abstractmethods__", "__slots__"}
_MEMBERS = (MemberDescriptorType, GetSetDescriptorType)

Found = tuple[Listing, ast.ClassDef]  # the source of a class


def class_text(describer: Describer, kind: type, name: str) -> str:
    """The text of a class."""
    notes = describer.notes
    notes.survey.classes.append((kind, dict(vars(kind))))
    notes.alive.append(kind)
    methods = methods_of(kind)
    cells: dict[str, CellType] = {}
    for method in methods.values():
        cells.update(cells_of(method))
        notes.watch(method)
    cells.pop("__class__", None)
    below = _subclasses(describer, kind) if notes.read.subclasses and notes.follow else []
    names = _globals_of(kind, methods)
    found = class_listing(kind, [method.__code__ for method in methods.values()])
    reached = notes.origins[id(kind)]
    if found is None:
        values = _values(describer, kind, None, methods, reached)
        bases = describer.value(kind.__bases__, name, Origin(names, ""), (id(kind), "bases"))
        return "\n".join(["contents", bases, *_methods(describer, methods), *values, *below])
    listing, node = found
    notes.survey.sources[name] = partial(listing.lines_of, node)
    read, _ = reads_of_decorators(node, names, notes.project)
    read |= reads_of_bases(kind, notes.project) | notes.read
    form = listing.normal(node, read=read, cells=frozenset(cells))
    top = kind.__qualname__.partition(".")[0]
    origin = Origin(names, top, lambda: (Statement(node, names, listing),), reached)
    more = _values(describer, kind, found, methods, origin) if notes.follow else []
    more += below
    if notes.read.source:
        more.append(listing.source(node))
    return code_text(describer, form, form.decorators, Lookup(names, cells, origin, name), more)


def _subclasses(describer: Describer, kind: type) -> Iterator[str]:
    """The subclasses of a class that are of the project, a line each; by name, not by order."""
    notes = describer.notes
    text_now = partial(_text_of_subclasses, kind)
    notes.survey.values.append(((id(kind), "subclasses"), text_now, text_now()))
    for one in _subclasses_of(kind):
        if notes.is_ours(one):
            home = sys.modules.get(one.__module__)
            origin = Origin(vars(home) if home else {}, one.__qualname__.partition(".")[0])
            yield f"subclass &{notes.meet(one, one.__qualname__, origin)}"


def _subclasses_of(kind: type) -> list[type]:
    """The subclasses, without those of which a decorator has made another class with slots."""
    there: list[type] = type.__subclasses__(kind)
    replaced = {id(one) for place, one in enumerate(there) if _is_replaced(one, there[place + 1 :])}
    kept = [one for one in there if id(one) not in replaced]
    return sorted(kept, key=_name_of)


def _is_replaced(kind: type, later: list[type]) -> bool:
    """Whether dataclasses or attrs has made one of the later classes of this one."""
    fields, ours = vars(kind).get("__dataclass_fields__"), "__attrs_attrs__" in vars(kind)
    return any(
        vars(one).get("__dataclass_fields__") is fields
        if fields is not None
        else "__attrs_attrs__" in vars(one) and not ours
        for one in later
        if _name_of(one) == _name_of(kind)
    )


def _name_of(kind: type) -> tuple[str, str]:
    return kind.__qualname__, kind.__module__


def _text_of_subclasses(kind: type) -> str:
    return " ".join(f"{one.__qualname__} {id(one)}" for one in _subclasses_of(kind))


def _globals_of(kind: type, methods: dict[str, FunctionType]) -> dict[str, Any]:
    """The globals of a class: those of its last method, or those of its module."""
    home = sys.modules.get(kind.__module__)
    last = [method.__globals__ for method in methods.values()][-1:]
    return next(iter(last), None) or (vars(home) if home else {})


def _methods(describer: Describer, methods: dict[str, FunctionType]) -> Iterator[str]:
    """The methods of a class without source, each by its own text."""
    notes = describer.notes
    for name, method in methods.items():
        yield f"{name} &{notes.meet(method, name, notes.inside(method))}"


def _values(
    describer: Describer,
    kind: type,
    found: Found | None,
    methods: dict[str, FunctionType],
    origin: Origin,
) -> list[str]:
    """The values in a class that its statement does not say, a line each."""
    stated = set(_bound(found[1].body)) if found else set()
    lines = []
    for name, value in sorted(vars(kind).items()):
        if name in _OF_PYTHON or isinstance(value, _MEMBERS):
            continue
        if type(value).__name__ == "_tuplegetter":
            continue  # a field of a named tuple, whose default stands in `_field_defaults`
        if name in methods:
            if found and _stands_in(found, methods[name]):
                lines += [f"{name} {one}" for one in describer.given(methods[name], origin, name)]
                if not isinstance(value, singledispatchmethod):
                    continue  # code outside of the statement may register functions in it
            if not found:
                continue
        elif name not in stated and _is_generated(kind, name, value):
            continue
        if isinstance(value, enum.Enum) and type(value) is kind:
            value = value._value_
        lines.append(f"{name}={describer.value(value, name, origin, (id(kind), name))}")
    return lines + [f"field {one}" for one in _fields(describer, kind, origin)]


def _stands_in(found: Found, method: FunctionType) -> bool:
    """Whether a class statement defines a method."""
    listing, node = found
    line = method.__code__.co_firstlineno
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    same = method.__code__.co_filename == listing.file
    return same and (first <= line <= (node.end_lineno or 0) or listing.compiled is not None)


def _is_generated(kind: type, name: str, value: Any) -> bool:
    """Whether Python, a decorator or a metaclass has put a value into a class."""
    *_, plain = unwrapped(value)
    if isinstance(plain, FunctionType):
        file = plain.__code__.co_filename
        ours = not file.startswith("<frozen") if file.startswith("<") else file_of_project(file)
        return made_by_decorator(plain.__code__, name) or not ours
    dunder = name.startswith("__") and name.endswith("__")
    sunder = isinstance(kind, enum.EnumMeta) and name.startswith("_") and name.endswith("_")
    return dunder or sunder


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that the statements in a class bind."""
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


def _fields(describer: Describer, kind: type, origin: Origin) -> Iterator[str]:
    """The options and defaults of the fields of a dataclass, or a class of attrs or pydantic."""
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
        yield describer.value(dict(declared), kind.__name__, origin, key)
    parameters = vars(kind).get("__dataclass_params__")
    if parameters is not None:
        shown = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
        yield ascii([(name, getattr(parameters, name, None)) for name in shown])
