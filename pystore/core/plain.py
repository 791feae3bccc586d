"""Plain: reads a Python value as plain JSON, or says where it is none and what to write."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from .class_names import unboxed
from .errors import BadConfig, BadRef
from .refs import DRef, RefPath, RRef, selfref

MAX_DEPTH = 100
MAX_INT = 2**64
_PLAIN = (bool, int, float, str)
_REFERENCES = ("dref:", "rref:")
_SMALL = 2**62


@runtime_checkable
class HasDRef(Protocol):
    """An object that stands for a derivation in a config, which holds its reference."""

    @property
    def dref(self) -> DRef:
        """Its reference."""


class PlainReader:
    """Makes a plain copy of one value, and collects the references in it."""

    def __init__(self) -> None:
        self.inputs: set[DRef] = set()
        self.promises: set[tuple[str, ...]] = set()
        self.holds: list[HasDRef] = []
        self._above: set[int] = set()

    def read(self, value: object, place: str, depth: int) -> object:
        """The plain copy of `value`, which stands at `place`."""
        kind = type(value)
        if kind is str or kind is RRef:
            return self._text(value, place)  # type: ignore[arg-type]  # just checked
        if value is None or kind is bool or kind is float or kind is int:
            return _scalar(value, place)
        if kind is DRef:
            self.inputs.add(value)  # type: ignore[arg-type]  # just checked
            return value
        if isinstance(value, RefPath):
            value = [value.ref, *value.parts]
        if isinstance(value, (dict, list)):
            return self._nested(value, place, depth)
        return self._stand_in(value, place, depth)

    def _nested(self, value: "dict[Any, Any] | list[Any]", place: str, depth: int) -> object:
        if id(value) in self._above:
            raise BadConfig(f"{place}: contains itself", remedy="write a plain, finite value")
        if depth >= MAX_DEPTH:
            raise BadConfig(f"{place[:200]}…: nested deeper than {MAX_DEPTH}")
        self._above.add(id(value))
        result = (
            self._dict(value, place, depth)
            if isinstance(value, dict)
            else self._list(value, place, depth)
        )
        self._above.discard(id(value))
        return result

    def _dict(self, value: "dict[Any, Any]", place: str, depth: int) -> dict[str, object]:
        for key in value:
            if type(key) is str and key.isascii() and key[:5] not in _REFERENCES:
                continue
            if type(key) is not str:
                raise BadConfig(
                    f"{place}: the key {key!r} is {kind_of(key)}, not str",
                    remedy="write the key as a string",
                )
            if _scalar_text(key, f"{place}, a key").startswith(("dref:", "rref:")):
                raise BadConfig(
                    f"{place}: a reference cannot be a key", key=key, remedy="make it a value"
                )
        return {
            k: v if _is_plain(v) else self.read(v, f"{place}.{k}", depth + 1)
            for k, v in value.items()
        }

    def _list(self, value: "list[Any]", place: str, depth: int) -> list[object]:
        if value and isinstance(value[0], str) and value[0] == selfref:
            return self._promise(value, place)
        items = [
            v if _is_plain(v) else self.read(v, f"{place}[{i}]", depth + 1)
            for i, v in enumerate(value)
        ]
        if (
            len(items) > 1
            and isinstance(items[0], DRef)
            and all(type(one) is str for one in items[1:])
        ):
            _ref_path(items, place)
        return items

    def _promise(self, value: Sequence[Any], place: str) -> list[object]:
        path = _ref_path(value, place)
        if not path.parts:
            raise BadConfig(f"{place}: promises no file", remedy="write [selfref, 'file']")
        self.promises.add(path.parts)
        return [selfref, *path.parts]

    def _text(self, value: str, place: str) -> str:
        _scalar_text(value, place)
        if value.startswith("dref:"):
            if value == selfref:
                raise BadConfig(f"{place}: selfref alone", remedy="write [selfref, 'file']")
            try:
                self.inputs.add(dref := DRef(value))
            except BadRef as error:
                raise BadConfig(
                    f"{place}: {error.what}", remedy=error.remedy, **error.facts
                ) from None
            return dref
        if value.startswith("rref:"):
            raise BadConfig(
                f"{place}: a realization cannot be part of a config",
                given=value[:200],
                remedy="depend on its derivation (rref2dref) and choose with match_exact",
            )
        return value

    def _stand_in(self, value: object, place: str, depth: int) -> object:
        if isinstance(value, HasDRef) and isinstance(value.dref, DRef):
            self.holds.append(value)
            self.inputs.add(value.dref)
            return value.dref
        if type(number := unboxed(value)) in _PLAIN:
            return self.read(number, place, depth)
        from .advice import advice  # for weight: it is needed for errors only

        raise BadConfig(f"{place}: {kind_of(value)} is not JSON; {advice(value)}")


def _is_plain(value: object) -> bool:
    """Whether a value is plain at first sight; `read` looks at the other values."""
    kind = type(value)
    if kind is int:
        return -_SMALL < value < _SMALL  # type: ignore[operator]  # just checked
    if kind is str:
        return value.isascii() and value[:5] not in _REFERENCES  # type: ignore[attr-defined,index]  # just checked
    return kind is bool or value is None


def _scalar(value: object, place: str) -> object:
    if type(value) is int and not -(2**63) <= value < MAX_INT:
        raise BadConfig(f"{place}: an integer beyond 64 bits", remedy="write it as a string")
    if type(value) is float and (value != value or value in (float("inf"), float("-inf"))):
        raise BadConfig(f"{place}: {value} is not JSON; write a finite number, or None")
    return value


def is_text(value: str) -> bool:
    """Whether a string is a text: UTF-8 has no half of a character."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _scalar_text(value: str, place: str) -> str:
    if not is_text(value):
        raise BadConfig(f"{place}: a lone surrogate is not text", given=ascii(value)[:200])
    return value


def _ref_path(steps: Sequence[Any], place: str) -> RefPath:
    try:
        return RefPath.parse(list(steps))
    except BadRef as error:
        raise BadConfig(f"{place}: {error.what}", remedy=error.remedy, **error.facts) from None


def kind_of(value: object) -> str:
    """The name of the type of a value, as a user would write it."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
