"""Parameter types: the values that a parameter takes, as its annotation says.

An argument of a wrong type is refused when a stage is called, before a training is spent on it.

PT1  Annotations are hints: an argument is refused only when it plainly has another type.
PT2  Annotations are looked up, and never evaluated: nothing is imported for them.
"""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Iterable, Mapping, Sequence
from inspect import Parameter, Signature, unwrap
from typing import Annotated, Any, ForwardRef, Literal, Optional, Protocol, Union
from typing import get_args as args_of
from typing import get_origin as origin_of

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from ..core.refs import selfref

NONE = type(None)
_TOLD: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a dict",
    NONE: "none",
}
_SORTS = {**_TOLD, bool: "number", int: "number", float: "number"}
_EXAMPLES = {bool: "True", int: "3", float: "0.5", str: "'text'", list: "[1, 2]", dict: "{…}"}
_UNKNOWN = object()


@dataclass(frozen=True)
class ParameterType:
    """The values that a parameter takes: of these types, or these very words and numbers."""

    types: frozenset[type] = frozenset()
    words: tuple[Any, ...] = ()

    def __or__(self, other: ParameterType) -> ParameterType:
        return ParameterType(self.types | other.types, self.words + other.words)

    def __str__(self) -> str:
        types = [words for kind, words in _TOLD.items() if kind in self.types]
        words = ", ".join(map(repr, self.words))
        return " or ".join([*([f"one of {words}"] if words else []), *types])

    @property
    def example(self) -> str:
        """An example of a value, written in Python."""
        if self.words:
            return repr(self.words[0])
        return next(written for kind, written in _EXAMPLES.items() if kind in self.types)

    def has_word(self, value: object) -> bool:
        """Whether the value is one of the words; 1, 1.0 and True differ."""
        return any(type(word) is type(value) and word == value for word in self.words)

    def excludes(self, value: object) -> bool:
        """Whether the value is plainly something else (PT1): a text, where a number is due.

        None is never excluded, nor one number for another, nor a value that is not plain.
        """
        sort = _SORTS.get(type(value))
        if sort is None or value is None or self.has_word(value):
            return False
        return sort not in {_SORTS[kind] for kind in self.types}


class _Staged(Protocol):
    @property
    def stage_name(self) -> str: ...
    @property
    def signature(self) -> Signature: ...
    @property
    def parameter_types(self) -> Mapping[str, ParameterType]: ...


def check_given(stage: _Staged, given: Mapping[str, Any]) -> None:
    """Raises BadStage when an argument plainly has another type than its annotation says."""
    known = stage.parameter_types
    for name, value in given.items():
        if name in known and known[name].excludes(value) and not _refers(value):
            raise BadStage(
                f"{name} of {stage.stage_name} is {known[name]}",
                given=repr(value)[:200],
                parameter=stage.signature.parameters[name],
                closest=", ".join(closest_words(value, known[name])) or None,
                remedy=f"{name}={known[name].example}; or correct the annotation",
            )


def closest_words(value: object, wanted: ParameterType) -> list[str]:
    """The words that a user may have meant by a value."""
    from difflib import get_close_matches  # only on the way to an error

    words = [word for word in wanted.words if isinstance(word, str)]
    return get_close_matches(value, words) if isinstance(value, str) else []


def _refers(value: object) -> bool:
    """Whether a value stands for an input or a file, which arrives as a view or a path."""
    if isinstance(value, str):
        return value.startswith("dref:")
    items: Iterable[object] = value.values() if isinstance(value, dict) else ()
    items = value if isinstance(value, list) else items
    return any(hasattr(item, "dref") or item == selfref or _refers(item) for item in items)


def types_of(function: Any, parameters: Iterable[Parameter]) -> dict[str, ParameterType]:
    """The types of the parameters of a function whose annotations say something."""
    found = {p.name: type_of(p, names_of(function)) for p in parameters}
    return {name: one for name, one in found.items() if one is not None}


def names_of(function: Any) -> Mapping[str, object]:
    """The globals in which the annotations of a function are looked up."""
    return getattr(unwrap(function), "__globals__", {})


def type_of(parameter: Parameter, names: Mapping[str, object]) -> ParameterType | None:
    """The values that a parameter takes; None if its annotation does not say, or allows any."""
    found = None if parameter.annotation is Parameter.empty else _of(parameter.annotation, names)
    if found is None or not (found.words or found.types - {NONE}):
        return None
    # As in `rate: float = None`.
    return found | ParameterType(frozenset((NONE,))) if parameter.default is None else found


def _of(annotation: object, names: Mapping[str, object]) -> ParameterType | None:
    """The values that an annotation allows; it is an object, or the text of one."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            return _of_node(ast.parse(annotation.strip(), mode="eval").body, names)
        except (SyntaxError, ValueError, RecursionError):
            return None
    if annotation is None:
        return ParameterType(frozenset((NONE,)))
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return _of_type(annotation)
    origin, arguments = origin_of(annotation), args_of(annotation)
    if origin in (Union, types.UnionType):
        return _any_of([_of(one, names) for one in arguments])
    if origin is Literal:
        return _of_words(arguments)
    if origin is Annotated:
        return _of(arguments[0], names)
    return _of_type(origin)


def _of_type(kind: object) -> ParameterType | None:
    kind = list if kind is tuple else kind  # JSON has one of them
    return ParameterType(frozenset((kind,))) if isinstance(kind, type) and kind in _TOLD else None


def _of_words(words: Sequence[object]) -> ParameterType | None:
    none = frozenset((NONE,)) if None in words else frozenset()
    plain = tuple(word for word in words if type(word) in (bool, int, str))
    return ParameterType(none, plain) if len(plain) + bool(none) == len(words) else None


def _any_of(found: Iterable[ParameterType | None]) -> ParameterType | None:
    allowed = ParameterType()
    for one in found:
        if one is None:
            return None
        allowed |= one
    return allowed


def _of_node(node: ast.expr, names: Mapping[str, object]) -> ParameterType | None:
    match node:
        case ast.Constant(value=None | str() as inner):
            return _of(inner, names)
        case ast.BinOp(op=ast.BitOr()):
            return _any_of([_of_node(node.left, names), _of_node(node.right, names)])
        case ast.Subscript():
            return _of_subscript(_meant(node.value, names), _parts(node.slice), names)
        case ast.Name() | ast.Attribute():
            return _of(_meant(node, names), names)
    return None


def _of_subscript(
    base: object, parts: list[ast.expr], names: Mapping[str, object]
) -> ParameterType | None:
    if base is Literal:
        words = [part.value if isinstance(part, ast.Constant) else _UNKNOWN for part in parts]
        return _of_words(words)
    if base is Annotated:
        return _of_node(parts[0], names)
    if base is Union or base is Optional:
        none = [ParameterType(frozenset((NONE,)))] if base is Optional else []
        return _any_of([*(_of_node(part, names) for part in parts), *none])
    return _of(base, names)


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _meant(node: ast.expr, names: Mapping[str, object]) -> object:
    """The present value of a dotted name (PT2)."""
    if isinstance(node, ast.Name):
        return names.get(node.id, vars(builtins).get(node.id, _UNKNOWN))
    if isinstance(node, ast.Attribute):
        module = _meant(node.value, names)
        return (
            vars(module).get(node.attr, _UNKNOWN)
            if isinstance(module, types.ModuleType)
            else _UNKNOWN
        )
    return _UNKNOWN
