"""The surveyor: goes from a function to all that it uses, breadth first, and writes each down."""

import ast
import gc
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper, partial
from pathlib import PurePath
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from .callables import is_loose
from .classes import class_text
from .compiled import bytecode
from .functions import MISSING, attributes_of, called, cells_of, unwrapped
from .kinds import kind_name
from .listing import listing_of, refresh
from .making import Brought, Making, assigned_expressions, enclosing, makings, makings_elsewhere
from .modules import module_text, warn_of_copy
from .normal import Normal, normal
from .opaque import warn_of_expression, warn_of_nothing, warn_of_place
from .origin import Origin, says_file
from .places import place_of
from .project import Project
from .reading import reads_of, reads_of_decorators
from .resolver import Resolver
from .scope import Read
from .survey import Place, Survey
from .values import Writer, literal_text

_CACHED: Any = _lru_cache_wrapper
_BOUND = (BuiltinFunctionType, MethodType, partial)  # which hold values
_CODE = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType, partial, _CACHED)
_OF_FUNCTION = {"__signature__", "pytestmark", "__isabstractmethod__"}  # says nothing of its work


def survey(function: Any, depth: str) -> Survey:
    """What a function consists of: itself alone, or with all that it uses of the project."""
    refresh()
    *wrappers, plain = unwrapped(function)
    read = Read()
    with _no_collection():
        while True:
            surveyor = Surveyor(plain, depth == "project", read)
            surveyor.stage(plain, wrappers)
            found = surveyor.run()
            if surveyor.reads | read == read:
                return found
            read |= surveyor.reads  # it reads docstrings or annotations: then these count, too


@contextmanager
def _no_collection() -> Iterator[None]:
    """Holds the garbage collector: a syntax tree is ten thousand objects, and all are in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Surveyor:
    """One survey: what is known already, and what is still to be looked at."""

    def __init__(self, function: FunctionType, follow: bool, read: Read) -> None:
        self.follow = follow
        self.read = read
        self.reads = Read()  # what the code that was met reads
        self.project = Project(function)
        self.survey = Survey()
        self.resolver = Resolver(self)
        self.known: dict[object, str] = {}
        self.origins: dict[int, Origin] = {}
        self.within: set[Place] = set()  # what is being described: one may lead to itself
        self.outside: dict[int, str] = {}  # the names of modules of packages
        self.kept: list[Any] = []  # ids are keys: what they name must live
        self.queue: deque[Callable[[], None]] = deque()
        self.names: set[str] = set()

    def run(self) -> Survey:
        """Looks at all that was met."""
        while self.queue:
            self.queue.popleft()()
        return self.survey.seal()

    def stage(self, function: FunctionType, wrappers: list[Any]) -> None:
        """Begins with the function of a stage, and what is wrapped around it."""
        name = self.name(function, function.__code__.co_qualname)
        origin = self.origins[id(function)] = Origin(function.__globals__, function.__name__)
        self.queue.append(partial(self._function, function, name, True))
        for one in wrappers if self.follow else ():
            if isinstance(one, FunctionType):
                self.value(one, one.__name__, origin, (id(one), "wrapper"))

    def name(self, key: Any, wanted: str, *more: object) -> str:
        """A name that nothing else has: RATE, and RATE (2) for the one of another module."""
        self.kept.append(key)
        wanted = wanted.rpartition("<locals>.")[2]
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted} ({count})"
        self.names.add(name)
        self.survey.places[name] = place_of(key)
        self.known[(id(key), *more)] = name
        return name

    # --- functions -------------------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, stage: bool) -> None:
        self.watch(function)
        found = listing_of(function.__code__, function.__globals__)
        cells = cells_of(function)
        if found is None:
            self.survey.texts[name] = self._compiled(function, name, cells)
            return
        listing, node = found
        names = function.__globals__
        read, outer = reads_of_decorators(node, names, self.project)
        form = listing.normal(node, defaults=False, read=self.read | read, cells=frozenset(cells))
        decorators = tuple(
            one for one, foreign in zip(form.decorators, outer, strict=True) if foreign or not stage
        )
        bound = []
        if self.follow and not stage and _is_given(function):
            given = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            made = [Making(one, names, listing) for one in given]
            bound = self.bound(function, self.inside(function, *made), name)
        origin = self.inside(function)
        raw = [listing.source(node)] if self.read.source else []
        self.text(name, form, decorators, names, cells, origin, bound + raw)

    def watch(self, function: FunctionType) -> None:
        """Has the survey stand only while a function is what it is."""
        bound = function.__code__, function.__defaults__, function.__kwdefaults__
        self.survey.functions.append((function, *bound, dict(attributes_of(function))))

    def inside(self, function: FunctionType, *made: Making) -> Origin:
        """The origin of what a function holds: what it was defined in, and how it was reached."""
        code = function.__code__
        names, top = function.__globals__, code.co_qualname.partition(".")[0]
        around = enclosing(names, code.co_qualname, code.co_filename)
        reached = self.origins.get(id(function))
        same = reached is not None and (reached.names, reached.name) == (names, top)
        own = tuple(one for one in (*made, around) if one is not None)
        return Origin(names, "" if same else top, own, reached)

    def bound(self, function: FunctionType, origin: Origin, name: str) -> list[str]:
        """What a function was given when it was defined, or since: defaults and attributes."""
        own = {k: v for k, v in attributes_of(function).items() if k not in _OF_FUNCTION}
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

    def _compiled(self, function: FunctionType, name: str, cells: dict[str, CellType]) -> str:
        """The text of a function without source: constants, names and bytecode."""
        parts, names = bytecode(function.__code__, function.__doc__)
        form = Normal("", {(one,): None for one in names}, (), cells=tuple(cells))
        if not self.follow:
            return "\n".join(["compiled", *parts])
        origin = self.inside(function)
        bound = self.bound(function, origin, name)
        told = self.resolver.lines(form, function.__globals__, cells, origin, name)
        return "\n".join(["compiled", *parts, *bound, *told])

    def text(
        self,
        name: str,
        form: Normal,
        decorators: tuple[Normal, ...],
        names: dict[str, Any],
        cells: dict[str, CellType],
        origin: Origin,
        more: list[str],
    ) -> None:
        """Writes the text of code in normal form, and of what its names stand for (SU1)."""
        parts = [form.text, *more]
        for one in (form, *decorators) if self.follow else ():
            told = self.resolver.lines(one, names, cells, origin, name)
            # @stage and its options are config, not code.
            if one is not form and "=pystore:" not in "".join(told):
                parts.append("@" + one.text)
            if one is form or parts[-1] == "@" + one.text:
                parts += told
        text = self.survey.texts[name] = "\n".join(parts)
        self.reads |= reads_of(text)

    def global_(self, names: Any, name: str) -> Any:
        """What a global name stands for now."""
        value = names.get(name, MISSING)
        self.survey.globals_[id(names), name] = names, name, value
        self.kept.append(names)
        return value

    def is_code(self, function: FunctionType) -> bool:
        """Whether a function is of the project."""
        return self.project.code(function.__code__, function.__globals__)

    # --- values ----------------------------------------------------------------------------

    def described(self, value: Any, name: str, origin: Origin, owner: Any, label: str) -> str:
        """What a name stands for: code by its own text, any other value by one under its name."""
        if type(value) is FunctionType and self.is_code(value):
            return "&" + self.meet(value, called(value, name), origin)
        if (known := self.outside.get(id(value))) is not None:
            return known
        if isinstance(value, _CODE) and (id(owner), name) not in self.within:
            warn_of_copy(value, self.project)
            self.within.add((id(owner), name))
            told = self.value(value, name, origin, (id(owner), name))
            self.within.discard((id(owner), name))
            if isinstance(value, ModuleType) and told[0] == "=":
                self.kept.append(value)
                self.outside[id(value)] = told
            bound = isinstance(value, _BOUND) and told[0] != "="
            if "\n" not in told and not bound:
                return told
        key = (id(owner), name)
        if key not in self.known:
            self.kept.append(owner)
            text_name = self.name(owner, label, name)
            self.queue.append(partial(self._constant, text_name, value, name, origin, key))
        return "&" + self.known[key]

    def _constant(self, label: str, value: Any, name: str, origin: Origin, key: Place) -> None:
        if isinstance(value, str | PurePath) and origin.name:
            expressions = assigned_expressions(origin.names, name)
            if any(says_file(one, origin.names) for one in expressions):
                # Path(__file__).parent: not where it is, but how it is found.
                warn_of_place(name, origin.line)
                forms = [normal(one) for one in expressions]
                told = [
                    line
                    for form in forms
                    for line in (
                        form.text,
                        *self.resolver.lines(form, origin.names, {}, origin, label),
                    )
                ]
                self.survey.texts[label] = "\n".join(told)
                return
        self.survey.texts[label] = self.value(value, name, origin, key)

    def value(self, value: Any, name: str, origin: Origin, key: Place) -> str:
        """The text of a value, and of the expression that made what has no text in it."""
        plain = literal_text(value)
        if plain is not None and not (type(value) is str and os.path.isabs(value)):
            return plain
        hidden: list[tuple[Any, bool]] = []
        meet = partial(self.meet, origin=origin)
        writer = Writer(
            self.project, meet, lambda *one: hidden.append(one), name, lambda: origin.folder
        )
        text = writer.text(value)
        if writer.placed:
            warn_of_place(name, origin.line)
        if not self._is_fixed(value):
            self.survey.values.append((key, partial(self._again, value, name, origin), text))
        return "\n".join([text, *self._made(hidden, name, origin)])

    def _again(self, value: Any, name: str, origin: Origin) -> str:
        """The text of a value now. Raises KeyError when it holds code that it did not hold."""
        writer = Writer(
            self.project,
            lambda one, _: self.known[(id(one),)],
            lambda *_: None,
            name,
            lambda: origin.folder,
        )
        return writer.text(value)

    def _is_fixed(self, value: Any) -> bool:
        """Whether a value can never change: identity is then enough to know it again."""
        if literal_text(value) is not None or isinstance(value, type | PurePath):
            return True
        if isinstance(value, ModuleType):
            return not is_loose(value)
        if isinstance(value, tuple | frozenset):
            return type(value) in (tuple, frozenset) and all(map(self._is_fixed, value))
        if isinstance(value, FunctionType):
            return "registry" not in attributes_of(value)
        return isinstance(value, BuiltinFunctionType | _CACHED) and self._is_fixed(
            getattr(value, "__self__", None)
        )

    def _made(self, hidden: list[tuple[Any, bool]], name: str, origin: Origin) -> list[str]:
        """The statements that made what has no text, with what their names stand for."""
        if not hidden:
            return []
        makings = origin.makings()
        loud = [value for value, quiet in hidden if not quiet]
        if loud and origin.name:
            makings = [*makings, *makings_elsewhere(origin.names, origin.name, self.project)]
        known = bool(makings)
        if not loud:
            makings = [one for one in makings if not _defined(one)]
        for value in loud:
            if not known:
                warn_of_nothing(name, kind_name(value))
            elif any(isinstance(one, Making) for one in makings):
                warn_of_expression(name, kind_name(value), origin.line)
        seen: set[Making | Brought] = set()
        # The order of statements may say something, that of definitions says nothing.
        ordered = sorted(makings, key=lambda one: _defined(one) or "~")
        return [line for one in ordered for line in self._making(one, origin, name, seen)]

    def _making(
        self, one: Making | Brought, origin: Origin, name: str, seen: set[Making | Brought]
    ) -> list[str]:
        """One statement, what its names stand for, and what made these where values do not tell."""
        if one in seen:
            return []
        seen.add(one)
        if isinstance(one, Brought):
            return [f"from {one.module.partition('.')[0]} {one.name}"]
        read, _ = reads_of_decorators(one.node, one.names, self.project)
        form = one.listing.normal(one.node, read=self.read | read)
        told = ["made by", form.text, *self.resolver.lines(form, one.names, {}, origin, name)]
        for decorator in form.decorators:
            told += ["@" + decorator.text]
            told += self.resolver.lines(decorator, one.names, {}, origin, name)
        for used in [chain[0] for part in (form, *form.decorators) for chain in part.uses]:
            for other in self._passed_on(one.names, used):
                told += self._making(other, origin, name, seen)
        return told

    def _passed_on(self, names: dict[str, Any], name: str) -> list[Making | Brought]:
        """The assignments to a name whose value now may not be the one that a statement saw."""
        value = names.get(name, MISSING)
        if value is MISSING or isinstance(value, ModuleType | type | FunctionType):
            return []
        made = makings(names, name)
        assigned = [one for one in made if isinstance(one, Making)]
        plain = literal_text(value) is not None and len(assigned) < 2
        return [] if plain else sorted(assigned, key=lambda one: _defined(one) or "~")

    # --- meeting code ----------------------------------------------------------------------

    def meet(self, value: Any, wanted: str, origin: Origin) -> str:
        """The name of the text of a function, class or module, which is looked at later."""
        if (id(value),) not in self.known:
            name = self.name(value, wanted)
            self.origins[id(value)] = origin
            if isinstance(value, ModuleType):
                self.queue.append(partial(module_text, self, value, name))
            elif isinstance(value, type):
                self.queue.append(partial(class_text, self, value, name))
            else:
                self.queue.append(partial(self._function, value, name, False))
        return self.known[(id(value),)]


def _is_given(function: FunctionType) -> bool:
    """Whether a function has defaults or attributes."""
    return bool(function.__defaults__ or function.__kwdefaults__ or attributes_of(function))


def _defined(one: Making | Brought) -> str:
    """The name of the function that a statement defines; "" for any other statement."""
    node = one.node if isinstance(one, Making) else None
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""
