"""Dataclasses whose methods are compiled when they are first called.

DS1  A class that is decorated here acts as if the standard library had decorated it.
DS2  The definition of a class compiles nothing.

The standard library compiles six functions for each class where it is defined: that was half the
time of our import. Here a class gets a stand-in for each method, whose first call compiles the
method: most programs compare and print few of the values that they make. Who asks for the fields
of a class gets those of the standard library.
"""

import sys
from collections.abc import Callable, Iterator
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["dataclass", "field", "replace"]


class _Absent:
    """The default of a field without one, or with a factory, as the standard library shows it."""

    def __repr__(self) -> str:
        return "<factory>"


_ABSENT: Any = _Absent()


class _Field:
    """The description of a field, or of a field without one."""

    def __init__(self, **options: Any) -> None:
        self.given = {name: one for name, one in options.items() if one is not _ABSENT}
        self.default = options.get("default", _ABSENT)
        self.factory: Callable[[], Any] | None = options.get("default_factory")
        self.init: bool = options.get("init", True)
        self.repr: bool = options.get("repr", True)
        self.compare: bool = options.get("compare", True)
        self.optional = self.default is not _ABSENT or self.factory is not None
        self.kw_only = False  # set by the class, as is the next
        self.annotation: Any = None


class _Class:
    """A class whose methods are not compiled yet."""

    def __init__(self, kind: type, **options: bool) -> None:
        self.kind = kind
        self.options = options
        self.own = dict(self._own_fields())
        self.fields: dict[str, _Field] = {}
        self.stand_ins = {name: _stand_in(self, name) for name in self.methods()}
        self._made: dict[str, Any] = {}  # the methods that are compiled
        for base in reversed(kind.__mro__[1:]):
            if isinstance(known := base.__dict__.get("__prepared__"), _Class):
                self.fields |= known.own
        self.fields |= self.own

    def _own_fields(self) -> Iterator[tuple[str, _Field]]:
        for name, annotation in _annotated(self.kind):
            given = getattr(self.kind, name, _ABSENT)  # or the default that a base has
            one = given if isinstance(given, _Field) else _Field(default=given)
            one.kw_only = self.options["kw_only"]
            one.annotation = annotation
            if one.default is not _ABSENT:
                setattr(self.kind, name, one.default)
            elif isinstance(given, _Field):
                delattr(self.kind, name)
            yield name, one

    def prepare(self) -> None:
        """Gives the class its stand-ins."""
        kind: Any = self.kind
        kind.__prepared__ = self
        places = (n for n, f in self.fields.items() if f.init and not f.kw_only)
        setattr(kind, "__match_args__", tuple(places))  # noqa: B010  (mypy knows it as final)
        for name in ("__dataclass_fields__", "__dataclass_params__", "__signature__"):
            setattr(kind, name, _Late(self, name))
        for name, one in self.stand_ins.items():
            setattr(kind, name, one)
        if self.options["frozen"]:
            kind.__setattr__ = kind.__delattr__ = _refuse_to_set
        elif self.options["eq"] and "__hash__" not in kind.__dict__:
            kind.__hash__ = None

    def methods(self) -> Iterator[str]:
        """The names of the methods that the class does not define itself."""
        wanted = {
            "__init__": True,
            "__repr__": self.options["repr"],
            "__eq__": self.options["eq"],
            "__hash__": self.options["eq"] and self.options["frozen"],
        }
        for name, is_wanted in wanted.items():
            defined = self.kind.__dict__.get(name)
            if is_wanted and defined is None:  # as __hash__ is beside an __eq__ of its own
                yield name

    def method(self, name: str) -> Any:
        """A method, compiled once. It replaces its stand-in, where that is still in the class."""
        if name not in self._made:
            self._made[name] = made = self._compiled(name)
            if self.kind.__dict__.get(name) is self.stand_ins[name]:
                setattr(self.kind, name, made)
        return self._made[name]

    def _compiled(self, name: str) -> Any:
        # No field has such a name: it would be a name of Python's own.
        defaults = {f"__default_{n}__": f.default for n, f in self.fields.items() if f.optional}
        factories = {f"__make_{n}__": f.factory for n, f in self.fields.items() if f.factory}
        space = {"__absent__": _ABSENT, "__put__": object.__setattr__, **defaults, **factories}
        exec("\n".join(self._source(name)), space)
        method: Any = space[name]
        method.__qualname__ = f"{self.kind.__qualname__}.{name}"
        method.__module__ = self.kind.__module__
        if name == "__init__":
            asked = {n: f.annotation for n, f in self.fields.items() if f.init}
            method.__annotations__ = {**asked, "return": None}
        return recursive_repr()(method) if name == "__repr__" else method

    def _source(self, method: str) -> list[str]:
        if method == "__init__":
            return self._source_of_init()
        if method == "__repr__":
            shown = ", ".join(f"{n}={{self.{n}!r}}" for n, f in self.fields.items() if f.repr)
            return ["def __repr__(self):", f"  return f'{{type(self).__qualname__}}({shown})'"]
        compared = [n for n, f in self.fields.items() if f.compare]
        mine = "".join(f"self.{n}," for n in compared)
        if method == "__hash__":
            return ["def __hash__(self):", f"    return hash(({mine}))"]
        theirs = "".join(f"other.{n}," for n in compared)
        return [
            "def __eq__(self, other):",
            "    if other.__class__ is not self.__class__: return NotImplemented",
            f"    return ({mine}) == ({theirs})",
        ]

    def _source_of_init(self) -> list[str]:
        asked = {n: f for n, f in self.fields.items() if f.init}
        places = [_parameter(n, f) for n, f in asked.items() if not f.kw_only]
        keywords = [_parameter(n, f) for n, f in asked.items() if f.kw_only]
        head = ", ".join(["self", *places, *(["*", *keywords] if keywords else [])])
        lines = [f"def __init__({head}):", "    pass"]
        for name, one in self.fields.items():
            value = f"__make_{name}__()" if one.factory else name
            if one.init and one.factory:
                value = f"__make_{name}__() if {name} is __absent__ else {name}"
            elif not one.init and not one.factory:
                continue  # the class has the default
            put = f"__put__(self, {name!r}, {value})"
            lines.append("    " + (put if self.options["frozen"] else f"self.{name} = {value}"))
        if hasattr(self.kind, "__post_init__"):
            lines.append("    self.__post_init__()")
        return lines


def _parameter(name: str, one: _Field) -> str:
    if not one.optional:
        return name
    return f"{name}=__absent__" if one.factory else f"{name}=__default_{name}__"


def _annotated(kind: type) -> Iterator[tuple[str, Any]]:
    """The annotations in the body of the class, but for those of the class itself."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        annotations = get_annotations(kind, format=Format.FORWARDREF)
    else:
        annotations = kind.__dict__.get("__annotations__", {})  # noqa: RUF063  (imports nothing)
    return ((name, one) for name, one in annotations.items() if not _is_of_class(one))


def _is_of_class(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith("ClassVar")
    return getattr(annotation, "__origin__", None) is ClassVar


def _stand_in(prepared: _Class, name: str) -> Callable[..., Any]:
    def stand_in(self: object, *args: object, **kwargs: object) -> Any:
        return prepared.method(name)(self, *args, **kwargs)

    return stand_in


def _refuse_to_set(self: object, name: str, value: object = None) -> None:
    from dataclasses import FrozenInstanceError  # for its weight

    raise FrozenInstanceError(f"{name!r} of a frozen instance cannot be changed")


class _Late:
    """An attribute that the standard library gives to dataclasses, made when it is read."""

    def __init__(self, prepared: _Class, name: str) -> None:
        self._prepared, self._name = prepared, name

    def __get__(self, instance: object, owner: type) -> Any:
        if self._name != "__signature__":
            return self._of_twin()
        if "__init__" in self._prepared.stand_ins:
            self._prepared.method("__init__")  # the signature is read from the method then
        raise AttributeError(self._name)

    def _of_twin(self) -> Any:
        import dataclasses  # for its weight

        own = self._prepared.own.items()
        kind = self._prepared.kind
        body = {name: dataclasses.field(**one.given, kw_only=one.kw_only) for name, one in own}
        body["__annotations__"] = {name: one.annotation for name, one in own}
        body["__module__"] = kind.__module__
        twin = type(kind.__name__, kind.__bases__, body)
        twin = dataclasses.dataclass(**self._prepared.options)(twin)
        for name in ("__dataclass_fields__", "__dataclass_params__"):
            setattr(kind, name, getattr(twin, name))
        return getattr(kind, self._name)


def _dataclass(
    kind: type | None = None,
    /,
    *,
    frozen: bool = False,
    eq: bool = True,
    repr: bool = True,
    kw_only: bool = False,
) -> Any:
    """The class as a dataclass, or what makes one; with the options of the standard library."""

    def decorate(kind: type) -> type:
        _Class(kind, frozen=frozen, eq=eq, repr=repr, kw_only=kw_only).prepare()
        return kind

    return decorate if kind is None else decorate(kind)


def _replace(instance: Any, /, **changes: Any) -> Any:
    """A copy of an instance with these fields changed."""
    fields = type(instance).__prepared__.fields
    kept = {n: getattr(instance, n) for n, f in fields.items() if f.init and n not in changes}
    return type(instance)(**kept, **changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace
