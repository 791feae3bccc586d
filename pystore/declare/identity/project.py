"""What belongs to the user's project: not Python's own, not installed, and not pystore.

A stage that is installed itself has a project, too: the package in which it lies.
"""

import importlib
import importlib.util
import os
import sys
import sysconfig
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PYSTORE = str(Path(os.path.abspath(__file__)).parents[2])  # the package itself
_OWN = tuple({_PYSTORE, os.path.realpath(os.path.join(_PYSTORE, "stages"))})
_PYTHON = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = {"site-packages", "dist-packages"}
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


@cache
def file_of_project(file: str) -> bool:
    """Whether a file is the user's own."""
    path = os.path.abspath(file)
    if _INSTALLED & set(path.split(os.sep)):
        return False
    return not path.startswith(tuple(folder + os.sep for folder in (*_OWN, *_PYTHON)))


class Project:
    """The project of one stage: the user's own files, and the distribution in which it lies."""

    def __init__(self, function: FunctionType) -> None:
        file = function.__code__.co_filename
        self._installed = () if file.startswith("<") else _beside(os.path.abspath(file))

    def file(self, file: str) -> bool:
        """Whether a file is of the project."""
        if file_of_project(file):
            return True
        return bool(self._installed) and os.path.abspath(file).startswith(self._installed)

    def module(self, module: ModuleType) -> bool:
        """Whether a module is of the project; `__main__` always is."""
        if vars(module).get("__name__", "") == "__main__":
            return True
        file = vars(module).get("__file__")
        if file is None and (folders := vars(module).get("__path__")):
            return all(map(self.file, folders))  # a folder without an __init__.py
        return isinstance(file, str) and self.file(file)

    def name(self, name: str) -> bool:
        """Whether the module that is imported by this name, or made under it, is of the project."""
        module = sys.modules.get(name)
        if module is None:
            return name.partition(".")[0] not in sys.stdlib_module_names
        return self.module(module)

    def code(self, code: CodeType, names: dict[str, Any]) -> bool:
        """Whether code with these global names is of the project: in files, cells, consoles."""
        file = code.co_filename
        if not file.startswith("<"):
            return self.file(file)
        return not file.startswith("<frozen") and self.name(names.get("__name__", ""))

    def kind(self, kind: type) -> bool:
        """Whether a class is of the project, and made by a class statement."""
        if not kind.__flags__ & HEAP_TYPE:
            return False
        if kind.__module__ in ("builtins", "types"):
            # What `exec` makes in a dict without __name__ calls itself builtin.
            home = vars(sys.modules[kind.__module__])
            return home.get(kind.__qualname__) is not kind
        return self.name(kind.__module__)

    def extension(self, module: ModuleType | None) -> str:
        """The file of a compiled extension of the project; "" for any other module."""
        file = vars(module).get("__file__") if module is not None else None
        if not isinstance(file, str) or not file.endswith(tuple(EXTENSION_SUFFIXES)):
            return ""
        return file if self.file(file) else ""

    def imported(self, module: str, attributes: tuple[str, ...]) -> ModuleType | None:
        """The module of this name, if it is of the project: imported now, with its submodules.

        What is installed is not imported: that can take seconds, and may be why it is done late.
        Raises ImportError when the module is of the project and cannot be imported.
        """
        if not self._findable(module):
            return None
        found = importlib.import_module(module)
        if not self.module(found):
            return None
        inner: object = found
        for name in attributes:
            package = isinstance(inner, ModuleType) and "__path__" in vars(inner)
            if package and name not in vars(inner):
                submodule = f"{getattr(inner, '__name__', '')}.{name}"
                if importlib.util.find_spec(submodule):
                    importlib.import_module(submodule)
            inner = vars(inner).get(name) if isinstance(inner, ModuleType) else None
        return found

    def _findable(self, module: str) -> bool:
        """Whether a module is loaded or found, and its top package of the project."""
        top = module.partition(".")[0]
        if top in sys.modules:
            return self.name(top)
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        file = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        return file is not None and os.path.exists(file) and self.file(file)


@cache
def _beside(file: str) -> tuple[str, ...]:
    """The installed folders and files of the distribution that a file belongs to; none for one
    that is not installed."""
    parts = Path(file).parts
    depth = next((i for i, part in enumerate(parts) if part in _INSTALLED), None)
    if depth is None or len(parts) < depth + 2:
        return ()
    site, top = os.path.join(*parts[: depth + 1]), parts[depth + 1]
    tops = {top, *(name for names in distributions(site) if top in names for name in names)}
    return tuple(os.path.join(site, one) + (os.sep if "." not in one else "") for one in tops)


@cache
def distributions(site: str) -> tuple[frozenset[str], ...]:
    """The top-level names that each distribution in a folder for packages has installed."""
    from importlib.metadata import Distribution

    found = []
    for one in Distribution.discover(path=[site]):
        names = {Path(str(file)).parts[0] for file in one.files or ()}
        found.append(frozenset(name for name in names if not name.endswith("-info")))
    return tuple(found)


@cache
def installed_from_folder(site: str) -> frozenset[str]:
    """The top-level names that were installed from a folder, as by `pip install .`, as a copy."""
    found: set[str] = set()
    folders = [one for one in os.listdir(site) if one.endswith(".dist-info")]
    notes = [f"{site}{os.sep}{one}{os.sep}direct_url.json" for one in folders]
    for note in [Path(one) for one in notes if os.path.exists(one)]:
        import json

        told = json.loads(note.read_text("utf-8"))
        copied = not told.get("dir_info", {"editable": True}).get("editable")
        if copied and str(told.get("url", "")).startswith("file:"):
            lines = (note.parent / "RECORD").read_text("utf-8").splitlines()
            tops = {line.partition(",")[0].partition("/")[0] for line in lines}
            found |= {top for top in tops if not top.endswith(".dist-info")}
    return frozenset(found)
