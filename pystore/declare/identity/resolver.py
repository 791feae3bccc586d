"""The resolver: what the names in some code stand for, through modules, closures and packages."""

from __future__ import annotations

import importlib.util
import sys
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from .functions import MISSING, content, unwrapped
from .making import makings_elsewhere
from .normal import Normal
from .opaque import warn_of_computed
from .origin import Origin
from .outside import follow, found_name, outside_name, patches_of
from .scope import COMPUTED, Chain, Import

if TYPE_CHECKING:
    from .surveyor import Surveyor

# What a module says of itself, and where it is.
_OF_MODULE = {"__name__", "__file__", "__doc__", "__spec__", "__package__", "__path__", "__class__"}
_ANY_NAME = {"globals", "eval", "exec"}  # with one of these, code may take any name of its module


class Resolver:
    """Resolves names for one survey."""

    def __init__(self, surveyor: Surveyor) -> None:
        self._surveyor = surveyor
        self._unpatched: set[tuple[int, Chain]] = set()  # by the ids of modules and classes

    def lines(
        self,
        form: Normal,
        names: dict[str, Any],
        cells: dict[str, CellType],
        origin: Origin,
        owner: str,
    ) -> list[str]:
        """What the names in some code stand for, a line each."""
        told = []
        for chain in form.uses:
            if chain[0] in cells:
                order = form.cells.index(chain[0]) if chain[0] in form.cells else len(form.cells)
                stands = self._cell(cells[chain[0]], chain[0], f"{owner}:{order}", origin)
                told.append(f"{'.'.join((f'^{order}', *chain[1:]))} {stands}")
                continue
            found = self._resolve(chain, names, owner)
            if found is not None:
                told.append(f"{'.'.join(chain)} {found}")
        for one in form.imports:
            chain = (one.bound, *one.attributes)
            told.append(f"{'.'.join(chain)} {self._imported(one, names)}")
        return sorted(set(told))

    def _cell(self, cell: CellType, name: str, label: str, origin: Origin) -> str:
        value = content(cell)
        self._surveyor.survey.cells.append((cell, value, name))
        if value is MISSING:
            return "?"
        return self._surveyor.described(value, name, origin, cell, label)

    def _resolve(self, chain: Chain, names: dict[str, Any], owner: str) -> str | None:
        root = chain[0]
        if root == COMPUTED:
            warn_of_computed(owner)
        if root in _OF_MODULE:
            return None
        value = self._surveyor.global_(names, root)
        if value is MISSING and root in _ANY_NAME:
            return self._whole_module(names)
        return self._attribute(value, chain, 1, names)

    def _whole_module(self, names: dict[str, Any]) -> str | None:
        module = sys.modules.get(names.get("__name__", ""))
        if module is None or vars(module) is not names:
            return None
        return "&" + self._surveyor.meet(module, "globals()", Origin(names, ""))

    def _attribute(self, value: Any, chain: Chain, start: int, owner: Any) -> str | None:
        """What a chain of names stands for, through modules of the project."""
        name = chain[start - 1] if start else ""
        while (
            isinstance(value, ModuleType)
            and self._surveyor.project.module(value)
            and start < len(chain)
            and not self._surveyor.project.extension(value)
        ):
            owner, name = vars(value), chain[start]
            if name in _OF_MODULE:
                return None
            value = self._surveyor.global_(owner, name)
            if value is MISSING and "__getattr__" in owner:
                value, name = self._surveyor.global_(owner, "__getattr__"), "__getattr__"
            start += 1
        if value is MISSING:
            return None  # a builtin, or a name that is not there (yet)
        if isinstance(value, ModuleType | type) and start < len(chain):
            asked = id(value), chain[start - 1 :]
            if asked not in self._unpatched:
                patched = self._patched(value, chain, start, owner)
                if patched is not None:
                    return patched
                self._unpatched.add(asked)
        return self._surveyor.described(value, name, Origin(owner, name), owner, name)

    def _patched(self, value: Any, chain: Chain, start: int, owner: Any) -> str | None:
        """What the project itself has put into a package; None for what is the package's own."""
        if (
            self._surveyor.project.module(value)
            if isinstance(value, ModuleType)
            else self._surveyor.project.kind(value)
        ):
            return None
        found, where, name = follow(value, chain[start:])
        if where is None:
            return None
        if isinstance(where, ModuleType):
            self._surveyor.global_(vars(where), name)
        origin = Origin(owner, chain[start - 1])
        if self._is_ours(found) or (
            isinstance(found, type) and patches_of(found, self._surveyor.project)
        ):
            told = self._surveyor.described(found, name, origin, where, name)
            return f"{outside_name(value)} is {told}"
        if self._is_foreign(found, value) and (
            origin.assigns(name)
            or (
                isinstance(where, ModuleType)
                and makings_elsewhere(vars(where), name, self._surveyor.project)
            )
        ):
            told = self._surveyor.described(found, name, origin, where, name)
            return f"{outside_name(value)} is {told}"
        return None

    def _is_foreign(self, found: Any, package: Any) -> bool:
        """Whether something that was found in a package need not be the package's own."""
        if isinstance(found, ModuleType) and self._surveyor.project.module(found):
            return True
        name = found_name(found, self._surveyor.project)
        return name is None or name.partition(":")[0] != outside_name(package).partition(":")[0]

    def _is_ours(self, value: Any) -> bool:
        *_, plain = unwrapped(value)
        if isinstance(plain, FunctionType):
            return self._surveyor.is_code(plain)
        return self._surveyor.project.kind(plain if isinstance(plain, type) else type(plain))

    def _imported(self, one: Import, names: dict[str, Any]) -> str:
        """What an import inside of a function brings; of the project it is made now."""
        module, chain = one.module, (*filter(None, [one.name]), *one.attributes)
        try:
            if one.level:
                package = names.get("__package__") or ""
                module = importlib.util.resolve_name("." * one.level + module, package)
            found = self._surveyor.project.imported(module, chain)
        except ImportError:
            return "?"  # a part of the project that is not there: the stage will say so itself
        if found is None:
            return f"={module}:{one.name}"
        return self._attribute(found, chain, 0, vars(found)) or "?"
