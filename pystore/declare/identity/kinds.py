"""Kinds: the table by which a thing counts. Type and place decide, and no branch drops state.

KD1  By value: plain values, standard containers, arrays and frames, functions and classes of the
    project, their instances, bound methods by function and object.
KD2  By name: what is found again under its module and name in a package, and has no state.
KD3  By the expression that made it: every other object of a package, or of C.
KD4  Not at all, with a warning: what no expression tells.
"""

import collections
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


def _integer(writer: Writer, value: Any) -> str:
    return hex(int.__index__(value))


def _list(writer: Writer, value: Any) -> str:
    return writer.all(list.__iter__(value))


def _tuple(writer: Writer, value: Any) -> str:
    return writer.all(tuple.__iter__(value))


def _deque(writer: Writer, value: Any) -> str:
    return f"{writer.all(collections.deque.__iter__(value))}{value.maxlen}"


def _set(writer: Writer, value: Any) -> str:
    return writer.unordered(iter(set.__iter__(value) if isinstance(value, set) else value))


def _dict(writer: Writer, value: Any) -> str:
    return writer.pairs(dict.items(value))


def _default_dict(writer: Writer, value: Any) -> str:
    return _dict(writer, value) + writer.text(value.default_factory)


def _mapping(writer: Writer, value: Any) -> str:
    return writer.pairs(value.items())


def _chain_map(writer: Writer, value: Any) -> str:
    return writer.all(value.maps)


def _path(writer: Writer, value: Any) -> str:
    return writer.path(value) if value.is_absolute() else f"path({str(value)!a})"


def _date(writer: Writer, value: Any) -> str:
    import datetime

    return ascii(datetime.date.isoformat(value))


def _time(writer: Writer, value: Any) -> str:
    import datetime

    base = datetime.datetime if isinstance(value, datetime.datetime) else datetime.time
    naive = base.replace(value, tzinfo=None)
    return f"{base.isoformat(naive)!a}{value.fold}{writer.text(value.tzinfo)}"


def _decimal(writer: Writer, value: Any) -> str:
    import decimal

    return ascii(decimal.Decimal.as_tuple(value))


def _fraction(writer: Writer, value: Any) -> str:
    return f"({value.numerator:#x}/{value.denominator:#x})"


def _delta(writer: Writer, value: Any) -> str:
    return f"({value.days},{value.seconds},{value.microseconds})"


def _slice(writer: Writer, value: Any) -> str:
    return writer.all((value.start, value.stop, value.step))


def _array(writer: Writer, value: Any) -> str:
    return f"({value.typecode},{value.tobytes().hex()})"


def _bytes(writer: Writer, value: Any) -> str:
    return ascii(bytes(value))


def _view(writer: Writer, value: Any) -> str:
    return f"({value.format},{value.shape},{value.tobytes().hex()})"


def _pattern(writer: Writer, value: Any) -> str:
    return f"({value.pattern!a},{int(value.flags)})"


def _error(writer: Writer, value: Any) -> str:
    return writer.all(value.args)


def _attributes(writer: Writer, value: Any) -> str:
    return writer.state(attributes_of(value))


def _nothing(writer: Writer, value: Any) -> str:
    return "()"


# How each kind of value is written: of subclasses, what this one keeps of them.
VALUES: dict[type, Write] = {
    bool: _plain(bool),
    int: _integer,
    float: _plain(float),
    complex: _plain(complex),
    str: _plain(str),
    bytes: _plain(bytes),
    bytearray: _bytes,
    memoryview: _view,
    range: _repr,
    slice: _slice,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    collections.OrderedDict: _dict,
    collections.defaultdict: _default_dict,
    collections.Counter: _dict,
    dict: _dict,
    types.MappingProxyType: _mapping,
    collections.deque: _deque,
    collections.ChainMap: _chain_map,
    collections.UserDict: _attributes,
    collections.UserList: _attributes,
    collections.UserString: _attributes,
    PurePath: _path,
    re.Pattern: _pattern,
    types.SimpleNamespace: _attributes,
    BaseException: _error,
    object: _nothing,
}

# The same, of modules that are not imported for the sake of this table.
VALUES_BY_NAME: dict[str, Write] = {
    "array.array": _array,
    "decimal.Decimal": _decimal,
    "fractions.Fraction": _fraction,
    "datetime.datetime": _time,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _delta,
    "datetime.timezone": _repr,
    "datetime.tzinfo": _nothing,
    "zoneinfo.ZoneInfo": _repr,
    "uuid.UUID": _repr,
    "argparse.Namespace": _attributes,
}

# Objects that do work and hold no values: they count by their expression without a warning.
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
    """The text of a value of this kind: the one place that decides how it counts."""
    if kind is str:
        return writer.path(value)
    own = VALUES.get(kind) or VALUES_BY_NAME.get(_full_name(kind))
    if own is not None:
        return kind.__name__ + own(writer, value)
    told = callable_text(writer, value, kind)
    if told is None:
        told = library_text(writer, value, kind)
    if told is None and isinstance(value, enum.Enum):
        told = _member(writer, value, kind)
    if told is None:
        told = _instance(writer, value, kind)
    return told


def _member(writer: Writer, value: enum.Enum, kind: type) -> str:
    return f"{writer.text(kind)}.{value._name_ or writer.text(value._value_)}"


def _instance(writer: Writer, value: Any, kind: type) -> str:
    """An instance of a class: of the project, of a package that has extended a standard container,
    or of any other."""
    base, own = base_of(kind)
    if not writer.project.kind(kind):
        if base is PurePath:
            return _path(writer, value)
        if base is object or own is None:
            patches = patches_of(kind, writer.project)
            told = writer.state(patches) if patches else ""
            named = found_name(value, writer.project)
            return told + (named or writer.hidden(value, is_quiet(kind)))
    class_ = writer.text(kind)
    held = own(writer, value) if own else writer.hidden(value)
    return f"{class_}({held}{writer.state(state_of(value, base))})"


def base_of(kind: type) -> tuple[type, Write | None]:
    """The class in the table that keeps the content of an instance, and how that is written.

    The writer is None where a class of C, which is in no table, keeps it.
    """
    for base in kind.__mro__:
        own = VALUES.get(base) or VALUES_BY_NAME.get(_full_name(base)) or library_writer(base)
        if own is not None:
            return base, own
        if _is_of_c(base) and not issubclass(base, BaseException):
            return base, None
    return object, _nothing


def _is_of_c(kind: type) -> bool:
    """Whether a class keeps what no `__dict__` and no slot shows."""
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
    """The attributes and slots of an instance, without what is kept to save work only.

    The slots of `base`, which keeps its content, are left out.
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
