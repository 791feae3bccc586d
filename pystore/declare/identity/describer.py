"""Describer: the meanings of names and values: code by its own text, other values by theirs."""

import os
from functools import _lru_cache_wrapper, partial
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from .callables import is_loose
from .functions import MISSING, attributes_of, called
from .kinds import kind_name, write
from .normal import normal
from .notes import Constant, Notes
from .origin import Origin, uses_file
from .reading import reads_of_decorators
from .resolver import Lookup, Resolver
from .statements import (
    Made,
    Statement,
    assigned_expressions,
    statements_in_other_modules,
    statements_of,
)
from .survey import Place
from .values import Hide, Meet, Writer, literal_text
from .warn import warn_of_expression, warn_of_installed, warn_of_nothing, warn_of_place

_CACHED: Any = _lru_cache_wrapper
_BOUND = (BuiltinFunctionType, MethodType, partial)  # these hold values
_CODE = (ModuleType, type, FunctionType, *_BOUND, _CACHED)
_NO_WORK = {"__signature__", "pytestmark", "__isabstractmethod__"}  # attributes without effect


class Describer:
    """Describes values for one survey."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.resolver = Resolver(notes, self.described)
        self._within: set[Place] = set()  # what is being described: one may lead to itself
        self._outside: dict[int, str] = {}  # the names of modules of packages, by id

    def described(self, value: Any, name: str, origin: Origin, owner: Any, label: str) -> str:
        """The meaning of a name: the name of a text, or a text of one line.

        `owner` has the value under `name`; `label` is the name of its text, if it gets one.
        """
        if type(value) is FunctionType and self.notes.is_ours(value):
            return "&" + self.notes.meet(value, called(value, name), origin)
        if (known := self._outside.get(id(value))) is not None:
            return known
        place = (id(owner), name)
        if isinstance(value, _CODE) and place not in self._within:
            if package := self.notes.project.copied_package(value):
                warn_of_installed(getattr(value, "__name__", package), package)
            self._within.add(place)
            text = self.value(value, name, origin, place)
            self._within.discard(place)
            if isinstance(value, ModuleType) and text[0] == "=":
                self.notes.alive.append(value)
                self._outside[id(value)] = text
            if "\n" not in text and (text[0] == "=" or not isinstance(value, _BOUND)):
                return text
        return "&" + self.notes.meet_constant(label, value, name, origin, owner)

    def constant(self, one: Constant) -> str:
        """The text of a value; a path from `__file__` counts by the expression that made it."""
        if isinstance(one.value, (str, PurePath)) and one.origin.name:
            names = one.origin.names
            expressions = assigned_expressions(names, one.name)
            if any(uses_file(expression, names) for expression in expressions):
                warn_of_place(one.name, one.origin.line)
                lookup = Lookup(names, {}, one.origin, one.label)
                forms = map(normal, expressions)
                return "\n".join(
                    line
                    for form in forms
                    for line in (form.text, *self.resolver.lines(form, lookup))
                )
        return self.value(one.value, one.name, one.origin, one.place)

    def value(self, value: Any, name: str, origin: Origin, place: Place) -> str:
        """The text of a value, and the statements that made what has no text in it."""
        plain = literal_text(value)
        if plain is not None and not (type(value) is str and os.path.isabs(value)):
            return plain
        hidden: list[tuple[Any, bool]] = []
        meet = partial(self.notes.meet, origin=origin)
        writer = self._writer(name, origin, meet, lambda *one: hidden.append(one))
        text = writer.text(value)
        if writer.from_file:
            warn_of_place(name, origin.line)
        if not _is_fixed(value):
            self.notes.survey.values.append((place, partial(self._now, value, name, origin), text))
        return "\n".join([text, *self._made(hidden, name, origin)])

    def _now(self, value: Any, name: str, origin: Origin) -> str:
        """The text of a value now. Raises KeyError when it holds code that is new in it."""
        known = self.notes.known
        return self._writer(name, origin, lambda one, _: known[id(one),], _ignore).text(value)

    def _writer(self, name: str, origin: Origin, meet: Meet, hide: Hide) -> Writer:
        project = self.notes.project
        return Writer(project, write, name, meet=meet, hide=hide, folder=lambda: origin.folder)

    def given(self, function: FunctionType, origin: Origin, name: str) -> list[str]:
        """The texts of the defaults and attributes of a function."""
        own = {k: v for k, v in attributes_of(function).items() if k not in _NO_WORK}
        held = {
            "defaults": function.__defaults__,
            "keywords": function.__kwdefaults__,
            "attributes": dict(sorted(own.items())),
        }
        return [
            f"{what} {self.value(one, name, origin, (id(function), what))}"
            for what, one in held.items()
            if one
        ]

    # --- the statements that made a value ---------------------------------------------------

    def _made(self, hidden: list[tuple[Any, bool]], name: str, origin: Origin) -> list[str]:
        """The statements that made the objects without a text, and the meanings of their names."""
        if not hidden:
            return []
        made = origin.statements()
        loud = [value for value, quiet in hidden if not quiet]
        if loud and origin.name:
            others = statements_in_other_modules(origin.names, origin.name, self.notes.project)
            made = [*made, *others]
        for value in loud:
            if not made:
                warn_of_nothing(name, kind_name(value))
            elif any(isinstance(one, Statement) for one in made):
                warn_of_expression(name, kind_name(value), origin.line)
        if not loud:
            made = [one for one in made if not one.defines]
        seen: set[Made] = set()
        lookup = Lookup({}, {}, origin, name)
        return [line for one in _ordered(made) for line in self._statement(one, lookup, seen)]

    def _statement(self, one: Made, lookup: Lookup, seen: set[Made]) -> list[str]:
        """One statement, the meanings of its names, and the statements that made these values."""
        if one in seen:
            return []
        seen.add(one)
        if not isinstance(one, Statement):
            return [f"from {one.module.partition('.')[0]} {one.name}"]
        read, _ = reads_of_decorators(one.node, one.names, self.notes.project)
        form = one.listing.normal(one.node, read=self.notes.read | read)
        lookup = Lookup(one.names, {}, lookup.origin, lookup.owner)
        lines = ["made by", form.text, *self.resolver.lines(form, lookup)]
        for decorator in form.decorators:
            lines += ["@" + decorator.text, *self.resolver.lines(decorator, lookup)]
        for used in [chain[0] for part in (form, *form.decorators) for chain in part.uses]:
            for other in _earlier_values(one.names, used):
                lines += self._statement(other, lookup, seen)
        return lines


def _earlier_values(names: dict[str, Any], name: str) -> list[Made]:
    """The assignments to a name, if a statement may have seen another value than that of now."""
    value = names.get(name, MISSING)
    if value is MISSING or isinstance(value, ModuleType | type | FunctionType):
        return []
    assigned = [one for one in statements_of(names, name) if isinstance(one, Statement)]
    plain = literal_text(value) is not None and len(assigned) < 2
    return [] if plain else _ordered(assigned)


def _ordered(made: Any) -> list[Made]:
    """Definitions by name, since their order says nothing; then other statements in their order."""
    return sorted(made, key=lambda one: one.defines or "~")


def _ignore(value: Any, quiet: bool) -> None:
    """Ignores an object without a text."""


def _is_fixed(value: Any) -> bool:
    """Whether a value can never change, so that the same object has the same text."""
    if literal_text(value) is not None or isinstance(value, type | PurePath):
        return True
    if isinstance(value, ModuleType):
        return not is_loose(value)
    if isinstance(value, tuple | frozenset):
        return type(value) in (tuple, frozenset) and all(map(_is_fixed, value))
    if isinstance(value, FunctionType):
        return "registry" not in attributes_of(value)
    if isinstance(value, BuiltinFunctionType | _CACHED):
        return _is_fixed(getattr(value, "__self__", None))
    return False
