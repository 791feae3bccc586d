"""The canonical text of a constant: equal values have one text, in every process.

Sets are sorted by text (their order follows the hash seed); dicts keep their order, which code may
read. What a text cannot say raises Opaque.
"""

import datetime
import decimal
import enum
import fractions
import re
import uuid
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import PurePath
from types import MappingProxyType, SimpleNamespace
from typing import Any

from ...model.errors import PystoreWarning

_warned: set[tuple[str, str]] = set()
Refer = Callable[[Any, str], str | None]  # the text of a function or class, and None of the rest


class Opaque(Exception):
    """A value that has no canonical text."""


def warn_of_opaque(name: str, kind: type) -> None:
    """Says, once, that a value does not count into identity."""
    if (name, kind.__qualname__) not in _warned:
        _warned.add((name, kind.__qualname__))
        warnings.warn(
            f"the value of {name}, a {kind.__qualname__}, does not count into the identity of the "
            "code that uses it, only the expression that makes it: pass it to the stage, or make "
            "it in the function",
            PystoreWarning,
            stacklevel=2,
        )


def canonical(value: Any, refer: Refer, hint: str = "") -> str:
    """The text of a value. `refer` tells functions, classes and modules, by a name if it has none.

    Raises Opaque for anything that is neither plain, nor an array, nor of the project.
    """
    return _Writer(refer, hint).text(value)


def fixed(value: Any) -> bool:
    """Whether a value can never change: identity is then enough to know it again."""
    if type(value) in (tuple, frozenset):
        return all(map(fixed, value))
    return isinstance(value, PurePath) or type(value) in _BY_REPR or type(value) in _FIXED


_FIXED = {bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range}
_FIXED |= {object}
_BY_REPR = {
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    slice,
}


class _Writer:
    def __init__(self, refer: Refer, hint: str) -> None:
        self.refer = refer
        self.hint = hint
        self.within: list[int] = []  # the containers that are being written: values may be cyclic

    def text(self, value: Any) -> str:
        kind = type(value)
        if kind is object:
            return "object()"
        if kind is int and abs(value) >> 64:
            return hex(value)
        if kind in _FIXED:
            return ascii(value)
        if id(value) in self.within:
            return f"^{len(self.within) - self.within.index(id(value))}"
        self.within.append(id(value))
        try:
            return self._compound(value, kind)
        finally:
            self.within.pop()

    def _compound(self, value: Any, kind: type) -> str:
        if kind in (list, tuple, deque):
            return kind.__name__ + self._all(value)
        if kind in (set, frozenset):
            return kind.__name__ + "{" + ",".join(sorted(map(self.text, value))) + "}"
        if kind in (dict, MappingProxyType, OrderedDict):
            return self._pairs(value)
        return self._rich(value, kind)

    def _all(self, values: Any) -> str:
        return "[" + ",".join(map(self.text, values)) + "]"

    def _pairs(self, value: Any) -> str:
        pairs = (f"{self.text(k)}:{self._named(v, k)}" for k, v in value.items())
        return "{" + ",".join(pairs) + "}"

    def _named(self, value: Any, name: object) -> str:
        outer, self.hint = self.hint, name if isinstance(name, str) else self.hint
        try:
            return self.text(value)
        finally:
            self.hint = outer

    def _rich(self, value: Any, kind: type) -> str:
        if isinstance(value, PurePath):
            return f"path({str(value)!a})"
        if kind in _BY_REPR:
            return f"{kind.__name__}({repr(value)!a})"
        if isinstance(value, re.Pattern):
            return f"pattern({value.pattern!a},{int(value.flags)})"
        if isinstance(value, enum.Enum):
            return f"{self.text(kind)}.{value.name}"
        told = self.refer(value, self.hint)
        if told is not None:
            return told
        if hasattr(value, "tobytes") and hasattr(value, "dtype") and hasattr(value, "shape"):
            return self._array(value)
        if isinstance(value, SimpleNamespace):
            return "namespace" + self._pairs(vars(value))
        return self._instance(value, kind)

    def _array(self, value: Any) -> str:
        import hashlib

        if getattr(value.dtype, "hasobject", False):
            return f"array({value.shape},{self.text(value.tolist())})"
        bytes_ = hashlib.sha256(value.tobytes()).hexdigest()
        return f"array({str(value.dtype)!a},{tuple(value.shape)},{bytes_})"

    def _instance(self, value: Any, kind: type) -> str:
        """An instance of a class of the project, or of a standard container: class and state."""
        name = self.refer(kind, kind.__name__)
        base = next((b for b in kind.__mro__ if b in (dict, list, tuple, set, frozenset)), None)
        plain = next((b for b in kind.__mro__ if b in (int, float, str, bytes)), None)
        if name is None or (name.startswith("=") and not (base or plain)):
            raise Opaque(kind)
        state = dict(vars(value)) if hasattr(value, "__dict__") else {}
        for owner in kind.__mro__:
            slots = vars(owner).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                    state[slot] = getattr(value, slot)
        factory = getattr(value, "default_factory", None)
        content = "" if base is None else self._content(value, base)
        if plain is not None:
            content = ascii(plain(value))
        return f"{name}({content}{self._pairs(state)}{self.text(factory)})"

    def _content(self, value: Any, base: type) -> str:
        if base is dict:
            return self._pairs(value)
        return self._compound(base(value), base)
