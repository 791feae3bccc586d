"""What belongs to the user's project: not Python's own, not installed, and not pystore."""

import importlib
import importlib.util
import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PYSTORE = str(Path(os.path.abspath(__file__)).parents[2])  # the package itself
_OWN = tuple({_PYSTORE, os.path.realpath(os.path.join(_PYSTORE, "stages"))})
_PYTHON = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = {"site-packages", "dist-packages"}
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


@cache
def file_of_project(file: str) -> bool:
    """Whether a file is the user's own."""
    path = os.path.abspath(file)
    if _INSTALLED & set(path.split(os.sep)):
        return False
    return not path.startswith(tuple(folder + os.sep for folder in (*_OWN, *_PYTHON)))


def module_of_project(module: ModuleType) -> bool:
    """Whether a module is the user's own; `__main__` always is."""
    name = module.__dict__.get("__name__", "")
    file = module.__dict__.get("__file__")
    if name == "__main__":
        return True
    return isinstance(file, str) and file_of_project(file)


def name_of_project(name: str) -> bool:
    """Whether the module that is imported by this name, or made under it, is the user's own."""
    module = sys.modules.get(name)
    if module is None:
        return name.partition(".")[0] not in sys.stdlib_module_names
    return module_of_project(module)


def code_of_project(code: CodeType, names: dict[str, Any]) -> bool:
    """Whether code with these global names is the user's own: in files, cells and consoles."""
    file = code.co_filename
    if not file.startswith("<"):
        return file_of_project(file)
    return not file.startswith("<frozen") and name_of_project(names.get("__name__", ""))


def class_of_project(kind: type) -> bool:
    """Whether a class is the user's own."""
    if not kind.__flags__ & _HEAP_TYPE:
        return False
    # What `exec` makes in a dict without __name__ calls itself builtin.
    return kind.__module__ == "builtins" or name_of_project(kind.__module__)


def outside_name(value: Any) -> str:
    """The name of something installed: its top package and its own, which releases keep."""
    own: object
    if isinstance(value, ModuleType):
        home = own = str(value.__name__)
    else:
        owner = getattr(value, "__self__", None)
        found = getattr(value, "__module__", None)
        home = str(found or type(value if owner is None else owner).__module__)
        own = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    top = home.partition(".")[0].lstrip("_")
    return f"={top}:{str(own).rpartition('.')[2] if home == own else own}"


def imported(module: str, attributes: tuple[str, ...]) -> ModuleType | None:
    """The module of this name, if it is the user's own: imported now, with its submodules.

    What is installed is not imported: that can take seconds, and may be why it is done late.
    Raises ImportError when the module is the user's own and cannot be imported.
    """
    if not _findable(module):
        return None
    found = importlib.import_module(module)
    if not module_of_project(found):
        return None
    inner: object = found
    for name in attributes:
        package = isinstance(inner, ModuleType) and "__path__" in vars(inner)
        if package and name not in vars(inner):
            submodule = f"{getattr(inner, '__name__', '')}.{name}"
            if importlib.util.find_spec(submodule):
                importlib.import_module(submodule)
        inner = getattr(inner, name, None)
    return found


def _findable(module: str) -> bool:
    """Whether a module is loaded or found, and its top package the user's own."""
    top = module.partition(".")[0]
    if top in sys.modules:
        return name_of_project(top)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    file = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return file is not None and os.path.exists(file) and file_of_project(file)
