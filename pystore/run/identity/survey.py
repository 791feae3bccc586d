"""The survey of a function: what of the project it uses, each with a text that says what it is.

V1  A text holds the normal form of one function, class or module, or the value of one constant,
    and what each outside name in it stands for. Module names and paths are not in it.
V2  Names are given in the order of discovery from the function on, breadth first: the same
    wherever and whenever it happens.
V3  `Survey.stands` is false as soon as a global, a closed-over value or a constant has changed.
"""

import dataclasses
import importlib.util
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .constant import Opaque, canonical, fixed, warn_of_opaque
from .functions import MISSING, bytecode, called, content, methods_of, unwrapped
from .listing import (
    assigned_expression,
    class_listing,
    listing_of,
    literal,
    of_place,
    readings_of,
    refresh,
)
from .normal import Normal, normal
from .places import place_of
from .project import (
    class_of_project,
    code_of_project,
    imported,
    module_of_project,
    outside_name,
)
from .scope import Chain, Import

# What a module says of itself, and where it is.
_OF_MODULE = {"__name__", "__file__", "__doc__", "__spec__", "__package__", "__path__", "__class__"}
# Objects of these modules do work and hold no values: a logger, a lock, a TypeVar.
_HARMLESS = {"logging", "threading", "_thread", "typing", "typing_extensions", "warnings", "types"}


@dataclass
class Survey:
    """The texts by name, and what must still hold for them to be true."""

    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)  # of each text
    globals_: dict[tuple[int, str], tuple[Any, str, Any]] = field(default_factory=dict)
    cells: list[tuple[CellType, Any]] = field(default_factory=list)
    codes: list[tuple[FunctionType, CodeType]] = field(default_factory=list)
    values: list[tuple[Callable[[], str], str]] = field(default_factory=list)
    _globals: list[tuple[Any, str, Any]] = field(default_factory=list)

    def stands(self) -> bool:
        """Whether every name still means the identical object, of the same content (V3)."""
        for names, name, value in self._globals:
            if names.get(name, MISSING) is not value:
                return False
        for function, code in self.codes:
            if function.__code__ is not code:
                return False
        for cell, value in self.cells:
            if content(cell) is not value:
                return False
        return all(_same(now, text) for now, text in self.values)

    def seal(self) -> "Survey":
        """The same, ready to be asked often."""
        self._globals = list(self.globals_.values())
        return self


def survey(function: Any, depth: str) -> Survey:
    """What a function consists of: itself alone, or with all that it uses of the project."""
    refresh()
    surveyor = _Surveyor(follow=depth == "project")
    *wrappers, plain = unwrapped(function)
    surveyor.stage(plain)
    for one in wrappers if surveyor.follow else ():
        surveyor.refer(one, getattr(one, "__name__", "wrapper"))
    return surveyor.run()


class _Surveyor:
    def __init__(self, follow: bool) -> None:
        self.follow = follow
        self.survey = Survey()
        self.known: dict[object, str] = {}
        self.kept: list[Any] = []  # ids are keys: what they name must live
        self.queue: deque[Callable[[], None]] = deque()
        self.names: set[str] = set()

    def run(self) -> Survey:
        while self.queue:
            self.queue.popleft()()
        return self.survey.seal()

    def stage(self, function: FunctionType) -> None:
        name = self._name(function, function.__code__.co_qualname)
        self.queue.append(partial(self._function, function, name, True))

    def _name(self, key: Any, wanted: str, *more: object) -> str:
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

    # --- what code consists of -------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, stage: bool) -> None:
        code = function.__code__
        self.survey.codes.append((function, code))
        found = listing_of(code, function.__globals__)
        if found is None:
            self.survey.texts[name] = self._compiled(function)
            return
        listing, node = found
        form = listing.normal(node, defaults=not stage)
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        decorators = () if stage else form.decorators
        self._text(name, form, decorators, function.__globals__, cells)

    def _compiled(self, function: FunctionType) -> str:
        """The text of a function without source: constants, names and bytecode."""
        parts, names = bytecode(function)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        uses: dict[Chain, bool] = {(name,): False for name in names}
        form = Normal("", uses, ())
        references = self._references(form, function.__globals__, cells) if self.follow else []
        return "\n".join(["compiled", *parts, *references])

    def _class(self, kind: type, name: str) -> None:
        methods = methods_of(kind)
        names: dict[str, Any] = {}
        cells: dict[str, CellType] = {}
        for method in methods:
            code = method.__code__
            names = method.__globals__
            cells.update(zip(code.co_freevars, method.__closure__ or (), strict=True))
            self.survey.codes.append((method, code))
        cells.pop("__class__", None)
        home = sys.modules.get(kind.__module__)
        names = names or (vars(home) if home else {})
        found = class_listing(kind, [method.__code__ for method in methods])
        if found is None:
            self.survey.texts[name] = self._contents(kind)
            return
        listing, node = found
        form = listing.normal(node)
        self._text(name, form, form.decorators, names, cells)

    def _contents(self, kind: type) -> str:
        """The text of a class without source: its bases and what it holds."""
        parts = ["contents", *(str(self.refer(base, base.__name__)) for base in kind.__bases__)]
        own = {"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__"}
        own |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
        for name, value in vars(kind).items():
            function = unwrapped(getattr(value, "fget", value))[-1]
            if isinstance(function, FunctionType):
                if function in methods_of(kind):
                    parts.append(f"{name}={self.refer(function, name)}")
            elif name == "__annotations__":
                parts.append(f"{name}={[(k, str(v)) for k, v in value.items()]!a}")
            elif name in ("__dataclass_params__", "__dataclass_fields__"):
                parts.append(f"{name}={self._fields(value)}")
            elif name not in own and not hasattr(type(value), "__get__"):
                parts.append(f"{name}={self._value(value, name, None)}")
        return "\n".join(parts)

    def _fields(self, value: Any) -> str:
        """How a dataclass is made: its options, or the defaults of its fields."""
        if not isinstance(value, dict):
            return ascii(repr(value))
        told = []
        for name, one in value.items():
            made = [d for d in (one.default, one.default_factory) if d is not dataclasses.MISSING]
            told.append((name, one.init, one.compare, *made))
        return self._value(told, "fields", None)

    def _module(self, module: ModuleType, name: str) -> None:
        readings = readings_of(module.__dict__.get("__file__") or "")
        if not readings or readings[-1].tree is None:
            self.survey.texts[name] = "module without source"
            return
        form = readings[-1].normal(readings[-1].tree)
        self._text(name, form, (), vars(module), {})

    def _text(
        self,
        name: str,
        form: Normal,
        decorators: tuple[Normal, ...],
        names: dict[str, Any],
        cells: dict[str, CellType],
    ) -> None:
        """Writes the text of code in normal form, and of what its names stand for (V1)."""
        parts = [form.text]
        for one in (form, *decorators) if self.follow else ():
            told = self._references(one, names, cells)
            # @stage and its options are config, not code.
            if one is not form and "=pystore:" not in "".join(told):
                parts.append("@" + one.text)
            if one is form or parts[-1] == "@" + one.text:
                parts += told
        self.survey.texts[name] = "\n".join(parts)

    # --- what names stand for --------------------------------------------------------------

    def _references(
        self, form: Normal, names: dict[str, Any], cells: dict[str, CellType]
    ) -> list[str]:
        told = []
        for chain, assigned in form.uses.items():
            stands = self._resolve(chain, assigned, names, cells)
            if stands is not None:
                told.append(f"{'.'.join(chain)} {stands}")
        for one in form.imports:
            chain = (one.bound, *one.attributes)
            told.append(f"{'.'.join(chain)} {self._imported(one, names)}")
        return sorted(set(told))

    def _resolve(
        self, chain: Chain, assigned: bool, names: dict[str, Any], cells: dict[str, CellType]
    ) -> str | None:
        root = chain[0]
        if root in _OF_MODULE:
            return None
        if root in cells:
            value = content(cells[root])
            self.survey.cells.append((cells[root], value))
            owner: Any = cells[root]
        else:
            value = self._global(names, root)
            owner = names
        return self._attribute(value, chain, 1, owner, assigned)

    def _global(self, names: Any, name: str) -> Any:
        value = names.get(name, MISSING)
        self.survey.globals_[id(names), name] = names, name, value
        return value

    def _attribute(
        self, value: Any, chain: Chain, start: int, owner: Any, assigned: bool
    ) -> str | None:
        """What a chain of names stands for, through modules of the project."""
        name = chain[start - 1] if start else ""
        while isinstance(value, ModuleType) and module_of_project(value) and start < len(chain):
            owner, name = vars(value), chain[start]
            if name in _OF_MODULE:
                return None
            inner = self._global(owner, name)
            value = getattr(value, name, MISSING) if inner is MISSING else inner
            start += 1
        if value is MISSING:
            return None  # a builtin, or a name that is not there (yet)
        return self._described(value, name, owner, assigned)

    def _described(self, value: Any, name: str, owner: Any, assigned: bool) -> str:
        told = self.refer(value, name)
        if told is not None:
            return told
        key = (id(owner), name)
        if key not in self.known:
            self.kept.append(owner)
            label = self._name(owner, name, name)
            self.queue.append(partial(self._constant, label, value, name, owner, assigned))
        return "&" + self.known[key]

    def _imported(self, one: Import, names: dict[str, Any]) -> str:
        """What an import inside of a function brings; of the project it is made now."""
        module, chain = one.module, (*filter(None, [one.name]), *one.attributes)
        try:
            if one.level:
                package = names.get("__package__") or ""
                module = importlib.util.resolve_name("." * one.level + module, package)
            found = imported(module, chain)
        except ImportError:
            return "?"  # a part of the project that is not there: the stage will say so itself
        if found is None:
            return f"={module}:{one.name}"
        return self._attribute(found, chain, 0, None, False) or "?"

    # --- constants, and what they hold -----------------------------------------------------

    def _constant(self, label: str, value: Any, name: str, owner: Any, assigned: bool) -> None:
        expression = assigned_expression(owner, name)
        place = isinstance(value, str) or hasattr(value, "__fspath__")
        if place and expression is not None and of_place(expression, owner, 0):
            # Path(__file__).parent: not where it is, but how it is found.
            self._text(label, normal(expression), (), owner, {})
            return
        if assigned and expression is not None and literal(expression):
            # What the project itself counts up or fills: its start is code, its state is not.
            self.survey.texts[label] = "starts as " + normal(expression).text
            return
        self.survey.texts[label] = self._value(value, name, owner)

    def _value(self, value: Any, name: str, owner: Any) -> str:
        try:
            text = canonical(value, self.refer, name)
        except Opaque:
            return self._opaque(value, name, owner)
        if not fixed(value):
            # `known` is complete by then: an unknown function is a change.
            self.survey.values.append((lambda: canonical(value, self._recall, name), text))
        return text

    def _opaque(self, value: Any, name: str, owner: Any) -> str:
        """What cannot be told by its value is told by the expression that makes it."""
        kind = type(value)
        expression = assigned_expression(owner, name)
        if kind.__module__.partition(".")[0] not in _HARMLESS:
            warn_of_opaque(name, kind)
        if expression is None:
            return f"made outside: {outside_name(kind)}"
        form = normal(expression)
        return "\n".join(["made by", form.text, *self._references(form, owner, {})])

    def refer(self, value: Any, name: str) -> str | None:
        """The text by which a function, class or module is told; None for any other value."""
        return self._refer(value, name, self._meet)

    def _recall(self, value: Any, name: str) -> str | None:
        return self._refer(value, name, lambda one, _, __: self.known[(id(one),)])

    def _refer(self, value: Any, name: str, meet: Callable[[Any, str, Any], str]) -> str | None:
        if isinstance(value, ModuleType):
            if not module_of_project(value):
                return outside_name(value)
            return "&" + meet(value, name, self._module)
        if isinstance(value, type):
            if not class_of_project(value):
                return outside_name(value)
            return "&" + meet(value, value.__qualname__, self._class)
        if isinstance(value, partial):
            inner = self._refer(value.func, name, meet)
            bound = canonical([value.args, value.keywords], partial(self._refer, meet=meet), name)
            return f"partial({inner},{bound})"
        if isinstance(value, MethodType) and isinstance(value.__func__, FunctionType):
            if not code_of_project(value.__func__.__code__, value.__func__.__globals__):
                return outside_name(value)
            on = canonical(value.__self__, partial(self._refer, meet=meet), name)
            return f"method({self._refer(value.__func__, name, meet)},{on})"
        return self._refer_function(value, name, meet)

    def _refer_function(
        self, value: Any, name: str, meet: Callable[[Any, str, Any], str]
    ) -> str | None:
        if class_of_project(type(value)):
            return None  # a decorator that is a class: told by its class and its state
        own = []
        for one in unwrapped(value):
            plain = isinstance(one, FunctionType)
            if plain and code_of_project(one.__code__, one.__globals__):
                own.append("&" + meet(one, called(one, name), self._plain))
        if own:
            return "+".join(own)
        outside = callable(value) and (hasattr(value, "__qualname__") or hasattr(value, "__name__"))
        return outside_name(value) if outside else None

    def _plain(self, function: FunctionType, name: str) -> None:
        self._function(function, name, False)

    def _meet(self, value: Any, wanted: str, later: Callable[[Any, str], None]) -> str:
        if (id(value),) not in self.known:
            name = self._name(value, wanted)
            self.queue.append(partial(later, value, name))
        return self.known[(id(value),)]


def _same(now: Callable[[], str], text: str) -> bool:
    try:
        return now() == text
    except (KeyError, Opaque):
        return False
