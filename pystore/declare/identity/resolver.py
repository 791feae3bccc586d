"""Resolver: the meanings of the names in some code, through modules, closures and packages."""

import importlib.util
import sys
from collections.abc import Callable
from types import CellType, FunctionType, ModuleType
from typing import Any

from ...core.dataclasses import dataclass
from .functions import MISSING, content, unwrapped
from .normal import Normal
from .notes import Notes
from .origin import Origin
from .outside import follow, found_name, outside_name, patches_of
from .scope import COMPUTED, Chain, Import
from .statements import statements_in_other_modules
from .warn import warn_of_computed

# The names in which a module says what and where it is.
_OF_MODULE = {"__name__", "__file__", "__spec__", "__package__", "__path__", "__class__"}
_HOLDERS = (ModuleType, type)  # of names that may be assigned from outside
_ANY_NAME = {"globals", "eval", "exec"}  # with one of these, code may take any name of its module
# Functions that import or run a module, and the modules that have them, as they are described.
_IMPORTERS = {"=importlib:import_module", "=builtins:__import__"}
_RUNNERS = {"=runpy:run_module", "=runpy:run_path"}
_THEIR_MODULES = {"=importlib:importlib", "=builtins:builtins", "=runpy:runpy"}
_OF_IMPORTS = _IMPORTERS | _RUNNERS | _THEIR_MODULES

Describe = Callable[[Any, str, Origin, Any, str], str]
"""Returns the meaning of a name, given its value, the name, its origin, its owner and a label."""


@dataclass(frozen=True)
class Lookup:
    """The globals, cells and origin by which the names in some code are looked up."""

    names: dict[str, Any]  # globals
    cells: dict[str, CellType]  # variables of the function around it
    origin: Origin
    owner: str  # the name of the text of the code


class Resolver:
    """Resolves names for one survey."""

    def __init__(self, notes: Notes, describe: Describe) -> None:
        self._notes = notes
        self._project = notes.project
        self._describe = describe
        self._unpatched: set[tuple[int, Chain]] = set()  # by the ids of modules and classes

    def lines(self, form: Normal, lookup: Lookup) -> list[str]:
        """The meaning of each name in some code, a line each, sorted."""
        lines = set()
        for chain in form.uses:
            if chain[0] in lookup.cells:
                order = form.cells.index(chain[0]) if chain[0] in form.cells else len(form.cells)
                lines.add(
                    f"{'.'.join((f'^{order}', *chain[1:]))} {self._cell(chain[0], order, lookup)}"
                )
            elif (found := self._resolve(chain, lookup)) is not None:
                lines.add(f"{'.'.join(chain)} {found}")
                if found in _OF_IMPORTS and _may_import(found, chain, form):
                    warn_of_computed(lookup.owner)
        for one in form.imports:
            lines.add(
                f"{'.'.join((one.bound, *one.attributes))} {self._imported(one, lookup.names)}"
            )
        return sorted(lines)

    def _cell(self, name: str, order: int, lookup: Lookup) -> str:
        cell = lookup.cells[name]
        value = content(cell)
        self._notes.survey.cells.append((cell, value, name))
        if value is MISSING:
            return "?"
        return self._describe(value, name, lookup.origin, cell, f"{lookup.owner}:{order}")

    def _resolve(self, chain: Chain, lookup: Lookup) -> str | None:
        """The meaning of a chain of names; None if it says nothing of the code."""
        root, names = chain[0], lookup.names
        if root == COMPUTED:
            warn_of_computed(lookup.owner)
        if root in _OF_MODULE:
            return None
        value = self._notes.global_(names, root)
        if value is MISSING:  # a builtin, or a name that is not there (yet)
            return self._whole_module(names) if root in _ANY_NAME else None
        return self._attribute(value, chain, 1, names)

    def _whole_module(self, names: dict[str, Any]) -> str | None:
        module = sys.modules.get(names.get("__name__", ""))
        if module is None or vars(module) is not names:
            return None
        return "&" + self._notes.meet(module, "globals()", Origin(names, ""))

    def _attribute(self, value: Any, chain: Chain, start: int, owner: Any) -> str | None:
        """The meaning of the rest of a chain below a value, through modules of the project."""
        name = chain[start - 1] if start else ""
        # `module.__dict__` may take any name of a module: then it counts as a whole.
        while start < len(chain) and chain[start] != "__dict__" and self._is_source(value):
            owner, name = vars(value), chain[start]
            if name in _OF_MODULE:
                return None
            value = self._notes.global_(owner, name)
            if value is MISSING and "__getattr__" in owner:
                value, name = self._notes.global_(owner, "__getattr__"), "__getattr__"
            start += 1
        if value is MISSING:
            return None
        if "__globals__" in chain[start:] and isinstance(value, FunctionType):
            return self._whole_module(value.__globals__)
        if isinstance(value, _HOLDERS) and start < len(chain):
            asked = id(value), chain[start - 1 :]
            if asked not in self._unpatched:
                patched = self._patched(value, chain, start, owner)
                if patched is not None:
                    return patched
                self._unpatched.add(asked)
        return self._describe(value, name, Origin(owner, name), owner, name)

    def _is_source(self, value: Any) -> bool:
        """Whether a value is a module of the project that has source."""
        ours = isinstance(value, ModuleType) and self._project.module(value)
        return ours and not self._project.extension(value)

    def _patched(self, value: Any, chain: Chain, start: int, owner: Any) -> str | None:
        """The meaning of a name that the project assigns in a package; None for other names."""
        if self._notes.is_ours(value):
            return None
        found, where, name = follow(value, chain[start:])
        if where is None or found is sys.modules:  # whatever Python has loaded
            return None
        if isinstance(where, ModuleType):
            self._notes.global_(vars(where), name)
        origin = Origin(owner, chain[start - 1])
        if self._has_our_code(found) or (
            self._may_be_assigned(found, value) and self._is_assigned(name, where, origin)
        ):
            return f"{outside_name(value)} is {self._describe(found, name, origin, where, name)}"
        return None

    def _has_our_code(self, value: Any) -> bool:
        if isinstance(value, type) and patches_of(value, self._project):
            return True
        *_, plain = unwrapped(value)
        if isinstance(plain, FunctionType | type):
            return self._notes.is_ours(plain)
        return self._project.kind(type(plain))

    def _may_be_assigned(self, found: Any, package: Any) -> bool:
        """Whether a thing that was found in a package need not be the package's own."""
        if isinstance(found, ModuleType) and self._project.module(found):
            return True
        name = found_name(found, self._project)
        return name is None or name.partition(":")[0] != outside_name(package).partition(":")[0]

    def _is_assigned(self, name: str, where: Any, origin: Origin) -> bool:
        """Whether a module of the project assigns this name in a module or class of a package."""
        if origin.assigns(name):
            return True
        module = isinstance(where, ModuleType)
        return module and bool(statements_in_other_modules(vars(where), name, self._project))

    def _imported(self, one: Import, names: dict[str, Any]) -> str:
        """The meaning of an import in a function; modules of the project are imported now."""
        module, chain = one.module, (*filter(None, [one.name]), *one.attributes)
        try:
            if one.level:
                package = names.get("__package__") or ""
                module = importlib.util.resolve_name("." * one.level + module, package)
            found = self._project.imported(module, chain)
        except ImportError:
            return "?"  # a module of the project that is missing: the stage will say so itself
        if found is None:
            return f"={module}:{one.name}"
        return self._attribute(found, chain, 0, vars(found)) or "?"


def _may_import(found: str, chain: Chain, form: Normal) -> bool:
    """Whether a name stands for a function that imports, and no call says which module."""
    is_module = found in _THEIR_MODULES
    name = f"{found.partition(':')[0]}:{'.'.join(chain[1:])}" if is_module else found
    told = any(one.bound.startswith("import_module(") for one in form.imports)
    return name in _RUNNERS or (name in _IMPORTERS and not told)
