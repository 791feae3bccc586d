"""Project: which files, modules and classes are the user's own code.

Code of Python, of installed packages and of pystore is not. For a stage that is installed itself,
the package in which it lies is the project.
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

_PYSTORE = str(Path(os.path.abspath(__file__)).parents[2])  # the folder of the package
_OWN = tuple({_PYSTORE, os.path.realpath(os.path.join(_PYSTORE, "stages"))})
_PYTHON = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = {"site-packages", "dist-packages"}
_NAME = __name__.partition(".")[0]  # of pystore itself
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class statement made the class


@cache
def file_of_project(file: str) -> bool:
    """Whether a file belongs neither to Python, nor to an installed package, nor to pystore."""
    path = os.path.abspath(file)
    if _INSTALLED & set(path.split(os.sep)):
        return False
    return not path.startswith(tuple(folder + os.sep for folder in (*_OWN, *_PYTHON)))


class Project:
    """The project of one stage: the user's files, and the distribution that holds the stage."""

    def __init__(self, function: FunctionType) -> None:
        file = function.__code__.co_filename
        self._asked: set[str] = set()  # the packages that `copied_package` was asked about
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
        """Whether the module with this name is of the project."""
        module = sys.modules.get(name)
        if module is None:
            return name.partition(".")[0] not in sys.stdlib_module_names
        return self.module(module)

    def code(self, code: CodeType, names: dict[str, Any]) -> bool:
        """Whether code with these globals is of the project: from a file, a cell, or a console."""
        file = code.co_filename
        if not file.startswith("<"):
            return self.file(file)
        return not file.startswith("<frozen") and self.name(names.get("__name__", ""))

    def kind(self, kind: type) -> bool:
        """Whether a class is of the project, and made by a class statement."""
        if not kind.__flags__ & HEAP_TYPE:
            return False
        if kind.__module__ in ("builtins", "types"):
            # A class made by `exec` in a dict without __name__ says that it is of builtins.
            home = vars(sys.modules[kind.__module__])
            return home.get(kind.__qualname__) is not kind
        return self.name(kind.__module__)

    def extension(self, module: ModuleType | None) -> str:
        """The file of a compiled extension of the project; "" for any other module."""
        file = vars(module).get("__file__") if module is not None else None
        if not isinstance(file, str) or not file.endswith(tuple(EXTENSION_SUFFIXES)):
            return ""
        return file if self.file(file) else ""

    def copied_package(self, thing: Any) -> str:
        """The package of a thing, if a folder of the user's was installed as a copy; else ""."""
        home = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
        top = (home or "").partition(".")[0]
        if top in ("", _NAME) or top in self._asked or top in sys.stdlib_module_names:
            return ""
        self._asked.add(top)
        file = getattr(sys.modules.get(top), "__file__", None)
        parts = file.split(os.sep) if isinstance(file, str) and not self.file(file) else []
        depth = next((i for i, part in enumerate(parts) if part in _INSTALLED), None)
        copied = depth is not None and top in installed_from_folder(os.sep.join(parts[: depth + 1]))
        return top if copied else ""

    def imported(self, module: str, attributes: tuple[str, ...]) -> ModuleType | None:
        """The module of this name, if it is of the project: imported now, with its submodules.

        An installed module is not imported, since that can take seconds. Raises ImportError when
        the module is of the project and cannot be imported.
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
        """Whether the top package of a module exists and is of the project."""
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
    """The folders and files that the distribution of a file has installed.

    Empty for a file that is not installed.
    """
    parts = Path(file).parts
    depth = next((i for i, part in enumerate(parts) if part in _INSTALLED), None)
    if depth is None or len(parts) < depth + 2:
        return ()
    site, top = os.path.join(*parts[: depth + 1]), parts[depth + 1]
    tops = {top, *(name for names in distributions(site) if top in names for name in names)}
    return tuple(os.path.join(site, one) + (os.sep if "." not in one else "") for one in tops)


@cache
def distributions(site: str) -> tuple[frozenset[str], ...]:
    """The top-level names of each distribution in a folder of packages."""
    from importlib.metadata import Distribution

    found = []
    for one in Distribution.discover(path=[site]):
        names = {Path(str(file)).parts[0] for file in one.files or ()}
        found.append(frozenset(name for name in names if not name.endswith("-info")))
    return tuple(found)


@cache
def installed_from_folder(site: str) -> frozenset[str]:
    """The top-level names that `pip install FOLDER` has copied from a folder."""
    found: set[str] = set()
    folders = [one for one in os.listdir(site) if one.endswith(".dist-info")]
    notes = [f"{site}{os.sep}{one}{os.sep}direct_url.json" for one in folders]
    for note in [Path(one) for one in notes if os.path.exists(one)]:
        import json

        origin = json.loads(note.read_text("utf-8"))
        copied = not origin.get("dir_info", {"editable": True}).get("editable")
        if copied and str(origin.get("url", "")).startswith("file:"):
            lines = (note.parent / "RECORD").read_text("utf-8").splitlines()
            tops = {line.partition(",")[0].partition("/")[0] for line in lines}
            found |= {top for top in tops if not top.endswith(".dist-info")}
    return frozenset(found)
