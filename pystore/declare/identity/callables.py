"""Callables: the texts of functions, methods, classes, modules, wrappers and types as values."""

import functools
import operator
import sys
import types
import typing
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType
from typing import Any

from .functions import attributes_of, called, content, inner_of
from .outside import found_name, outside_name, patches_of
from .project import HEAP_TYPE
from .values import Writer

_OF_CLASS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_BOUND_IN_C = (types.BuiltinMethodType, types.MethodWrapperType)
_GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)
_ALIASES = (types.GenericAlias, types.UnionType, type(list[int]), type(typing.List[int]))  # noqa: UP006
_HELD = (staticmethod, classmethod, property, functools.cached_property)


def callable_text(writer: Writer, value: Any, kind: type) -> str | None:
    """The text of a callable, a class, a module or a type; None for any other value."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            text = write(writer, value)
            extended = kinds is not type and writer.project.kind(kind)
            own = f"{writer.text(kind)}{writer.state(attributes_of(value))}" if extended else ""
            return text + own
    if typing.get_origin(value) is not None and kind.__module__ in ("typing", "types"):
        return _alias(writer, value)
    return None


def _module(writer: Writer, value: ModuleType) -> str:
    if is_loose(value):
        own = {k: v for k, v in vars(value).items() if not k.startswith("__")}
        return f"module({value.__name__},{writer.state(own)})"
    if writer.project.module(value):
        return "&" + writer.meet(value, writer.hint)
    return outside_name(value)


def is_loose(module: ModuleType) -> bool:
    """Whether a module was made as an object that holds values, and not by an import."""
    names = vars(module)
    return names.get("__spec__") is None and sys.modules.get(module.__name__) is not module


def _class(writer: Writer, value: type) -> str:
    if writer.project.kind(value):
        return "&" + writer.meet(value, value.__qualname__)
    named = _extension(writer, value) or found_name(value, writer.project)
    if named is not None and (patches := patches_of(value, writer.project)):
        return f"{named}{writer.state(patches)}"
    if named is None and not value.__flags__ & HEAP_TYPE:
        named = outside_name(value)  # a type of C, such as NoneType, which cannot change
    return named or writer.hidden(value)


def _function(writer: Writer, value: FunctionType) -> str:
    if writer.project.code(value.__code__, value.__globals__):
        return "&" + writer.meet(value, called(value, writer.hint))
    registry = attributes_of(value).get("registry")
    if isinstance(registry, types.MappingProxyType):
        pairs = ",".join(sorted(map(writer.all, registry.items())))
        return f"singledispatch({{{pairs}}})"
    if (name := found_name(value, writer.project)) is not None:
        return name
    inner = inner_of(value)
    if inner is None:
        return writer.hidden(value)
    # A decorator of a package made it: the function inside, and the expression of the decorator.
    home = str(value.__globals__.get("__name__", "")).partition(".")[0]
    made = writer.hidden(value, quiet=True)
    return f"={home}:{value.__code__.co_qualname}({writer.text(inner)},{made})"


def _builtin(writer: Writer, value: Any) -> str:
    owner = value.__self__
    if owner is None or isinstance(owner, ModuleType):
        return _extension(writer, value) or outside_name(value)
    return f"method({value.__name__},{writer.text(owner)})"


def _extension(writer: Writer, value: Any) -> str:
    """The name of a thing in a compiled extension of the project; "" for any other thing."""
    home = sys.modules.get(getattr(value, "__module__", None) or "")
    if home is None or not writer.project.extension(home):
        return ""
    return f"&{writer.meet(home, home.__name__)}.{value.__qualname__}"


def _partial(writer: Writer, value: Any) -> str:
    bound = writer.text(value.args) + writer.pairs(value.keywords.items())
    if isinstance(value, functools.partialmethod):
        return f"partialmethod({writer.text(value.func)},{bound})"
    return f"partial({writer.text(value.func)},{bound}{writer.state(attributes_of(value))})"


def _cached(writer: Writer, value: Any) -> str:
    size = writer.pairs(value.cache_parameters().items())
    return f"lru_cache({writer.text(attributes_of(value).get('__wrapped__'))},{size})"


def _held(writer: Writer, value: Any) -> str:
    if isinstance(value, property):
        return f"property{writer.all((value.fget, value.fset, value.fdel))}"
    return f"{type(value).__name__}({writer.text(inner_of(value))})"


def _alias(writer: Writer, value: Any) -> str:
    """A type with arguments: `list[int]`, `Literal["a"]`, `Annotated[float, 0.1]`, `int | None`."""
    origin = typing.get_origin(value)
    union = origin is typing.Union or origin is types.UnionType
    name = "union" if union else writer.text(origin)
    return f"{name}{writer.all(map(_forward, typing.get_args(value)))}"


def _forward(value: Any) -> Any:
    return value.__forward_arg__ if isinstance(value, typing.ForwardRef) else value


_WRITERS: list[tuple[Any, Callable[[Writer, Any], str]]] = [
    (FunctionType, _function),
    (_ALIASES, _alias),
    (type, _class),
    (ModuleType, _module),
    (MethodType, lambda w, value: f"method({w.text(value.__func__)},{w.text(value.__self__)})"),
    (_BOUND_IN_C, _builtin),
    (_OF_CLASS, lambda w, value: f"of({w.text(value.__objclass__)},{value.__name__})"),
    (functools.partial | functools.partialmethod, _partial),
    (functools._lru_cache_wrapper, _cached),
    (
        functools.singledispatchmethod,
        lambda w, value: f"singledispatchmethod({w.text(value.dispatcher)})",
    ),
    (_HELD, _held),
    (_GETTERS, lambda w, value: f"{type(value).__name__}{w.text(value.__reduce__()[1])}"),
    (typing.NewType, lambda w, value: f"newtype({value.__name__},{w.text(value.__supertype__)})"),
    (types.CellType, lambda w, value: f"cell({w.text(content(value))})"),
]
if hasattr(typing, "TypeAliasType"):  # since Python 3.12
    _WRITERS.append(
        (typing.TypeAliasType, lambda w, value: f"type({value.__name__},{w.text(value.__value__)})")
    )
