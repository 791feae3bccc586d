"""Kinds: the table that says how a value counts, by its type and by where it is defined.

KD1  By value: plain values, standard containers, arrays and frames, functions and classes of the
    project, their instances, bound methods by function and object.
KD2  By name: a thing of a package that is found under its module and name, so has no other state.
KD3  By the expression that made it: every other object of a package, or of C.
KD4  Not at all, with a warning: an object for which no expression is found.
"""

import collections
import datetime
import enum
import re
import types
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePath
from typing import Any

from .callables import callable_text
from .functions import attributes_of, slots_of
from .libraries import library_text, library_writer, own_attributes
from .outside import found_name, outside_name, patches_of
from .project import HEAP_TYPE
from .values import Writer

Write = Callable[[Writer, Any], str]


def _repr(writer: Writer, value: Any) -> str:
    return f"({repr(value)!a})"


def _plain(base: Any) -> Write:
    return lambda writer, value: ascii(base.__repr__(value))


def _items(base: Any) -> Write:
    return lambda writer, value: writer.all(base.__iter__(value))


def _deque(writer: Writer, value: Any) -> str:
    return f"{writer.all(collections.deque.__iter__(value))}{value.maxlen}"


def _set(writer: Writer, value: Any) -> str:
    return writer.unordered(iter(set.__iter__(value) if isinstance(value, set) else value))


def _dict(writer: Writer, value: Any) -> str:
    return writer.pairs(dict.items(value))


def _path(writer: Writer, value: Any) -> str:
    return writer.path(value) if value.is_absolute() else f"path({str(value)!a})"


def _date(writer: Writer, value: Any) -> str:
    return ascii(datetime.date.isoformat(value))


def _time(writer: Writer, value: Any) -> str:
    base = datetime.datetime if isinstance(value, datetime.datetime) else datetime.time
    naive = base.replace(value, tzinfo=None)
    return f"{base.isoformat(naive)!a}{value.fold}{writer.text(value.tzinfo)}"


def _decimal(writer: Writer, value: Any) -> str:
    import decimal

    return ascii(decimal.Decimal.as_tuple(value))


def _attributes(writer: Writer, value: Any) -> str:
    return writer.state(attributes_of(value))


def _nothing(writer: Writer, value: Any) -> str:
    return "()"


# How each kind of value is written, and the part of a subclass that this base class keeps.
VALUES: dict[type, Write] = {
    bool: _plain(bool),
    int: lambda writer, value: hex(int.__index__(value)),
    float: _plain(float),
    complex: _plain(complex),
    str: _plain(str),
    bytes: _plain(bytes),
    bytearray: lambda writer, value: ascii(bytes(value)),
    memoryview: lambda writer, x: f"({x.format},{x.shape},{x.tobytes().hex()})",
    range: _repr,
    slice: lambda writer, value: writer.all((value.start, value.stop, value.step)),
    list: _items(list),
    tuple: _items(tuple),
    set: _set,
    frozenset: _set,
    collections.OrderedDict: _dict,
    collections.defaultdict: lambda w, value: _dict(w, value) + w.text(value.default_factory),
    collections.Counter: _dict,
    dict: _dict,
    types.MappingProxyType: lambda writer, value: writer.pairs(value.items()),
    collections.deque: _deque,
    collections.ChainMap: lambda writer, value: writer.all(value.maps),
    collections.UserDict: _attributes,
    collections.UserList: _attributes,
    collections.UserString: _attributes,
    PurePath: _path,
    re.Pattern: lambda writer, value: f"({value.pattern!a},{int(value.flags)})",
    types.SimpleNamespace: _attributes,
    BaseException: lambda writer, value: writer.all(value.args),
    object: _nothing,
}

# The same for classes whose modules are not imported for this table.
VALUES_BY_NAME: dict[str, Write] = {
    "array.array": lambda writer, value: f"({value.typecode},{value.tobytes().hex()})",
    "decimal.Decimal": _decimal,
    "fractions.Fraction": lambda writer, x: f"({x.numerator:#x}/{x.denominator:#x})",
    "datetime.datetime": _time,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": lambda writer, x: f"({x.days},{x.seconds},{x.microseconds})",
    "datetime.timezone": _repr,
    "datetime.tzinfo": _nothing,
    "zoneinfo.ZoneInfo": _repr,
    "uuid.UUID": _repr,
    "argparse.Namespace": _attributes,
}

# Classes of objects that work and hold no values: counted by expression, without a warning.
QUIET = {
    "logging.Logger",
    "logging.LoggerAdapter",
    "_thread.lock",
    "_thread.RLock",
    "threading.local",
    "threading.Lock",
    "threading.RLock",
    "threading.Condition",
    "threading.Event",
    "threading.Semaphore",
    "threading.BoundedSemaphore",
    "threading.Barrier",
    "threading.Thread",
    "multiprocessing.synchronize.SemLock",
    "asyncio.locks.Lock",
    "filelock._api.BaseFileLock",
    "typing.TypeVar",
    "typing.ParamSpec",
    "typing.TypeVarTuple",
    "rich.console.Console",
    "torch.device",
}


def write(writer: Writer, value: Any, kind: type) -> str:
    """The text of a value of this kind. No other place decides how a value counts."""
    if kind is str:
        return writer.path(value)
    own = VALUES.get(kind) or VALUES_BY_NAME.get(_full_name(kind))
    if own is not None:
        return kind.__name__ + own(writer, value)
    text = callable_text(writer, value, kind)
    if text is None:
        text = library_text(writer, value, kind)
    if text is None and isinstance(value, enum.Enum):
        text = f"{writer.text(kind)}.{value._name_ or writer.text(value._value_)}"
    return _instance(writer, value, kind) if text is None else text


def _instance(writer: Writer, value: Any, kind: type) -> str:
    """The text of an instance of a class that is not in the tables."""
    base, own = base_of(kind)
    if not writer.project.kind(kind):
        if base is PurePath:
            return _path(writer, value)
        if base is object or own is None:
            patches = patches_of(kind, writer.project)
            text = writer.state(patches) if patches else ""
            named = found_name(value, writer.project)
            return text + (named or writer.hidden(value, is_quiet(kind)))
    class_ = writer.text(kind)
    held = own(writer, value) if own else writer.hidden(value)
    return f"{class_}({held}{writer.state(state_of(value, base))})"


def base_of(kind: type) -> tuple[type, Write | None]:
    """The base class that keeps the content of an instance, and the function that writes it.

    The function is None when a class of C that is in no table keeps the content.
    """
    for base in kind.__mro__:
        own = VALUES.get(base) or VALUES_BY_NAME.get(_full_name(base)) or library_writer(base)
        if own is not None:
            return base, own
        if _is_of_c(base) and not issubclass(base, BaseException):
            return base, None
    return object, _nothing


def _is_of_c(kind: type) -> bool:
    """Whether a class is of C, so that its instances may hold more than attributes and slots."""
    if not kind.__flags__ & HEAP_TYPE:
        return True
    of_c = types.MethodDescriptorType | types.GetSetDescriptorType | types.ClassMethodDescriptorType
    return any(
        isinstance(one, of_c)
        and one.__objclass__ is kind
        and name not in ("__dict__", "__weakref__")
        for name, one in vars(kind).items()
    )


def state_of(value: Any, base: type = object) -> dict[str, Any]:
    """The attributes and slots of an instance, without cached properties.

    The slots of `base`, which keeps the content, are left out.
    """
    own = own_attributes(value) if library_writer(base) else attributes_of(value)
    state = {**slots_of(value, base), **own}
    cached = {
        name
        for owner in type(value).__mro__
        for name, member in vars(owner).items()
        if isinstance(member, cached_property) or type(member).__name__ == "cached_property"
    }
    return {name: one for name, one in state.items() if name not in cached}


def is_quiet(kind: type) -> bool:
    """Whether an object of this kind counts by its expression without a warning."""
    return any(_full_name(one) in QUIET for one in kind.__mro__)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def kind_name(value: Any) -> str:
    """The name of the kind of a value, for people."""
    return outside_name(type(value)).lstrip("=").replace(":", ".")
