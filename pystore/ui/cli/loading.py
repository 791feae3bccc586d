"""Loading: a user's file as a module.

LD1  A file is loaded as by `python FILE.py`, except that it is not `__main__`: its folder comes
    first on the path, and what stands under `if __name__ == "__main__":` does not run.
LD2  The results of its stages are those of the script: module names are no part of what code is.
LD3  A file of a package, whose folder has an `__init__.py`, is loaded under its full name, so that
    its relative imports work; the folder that holds the package comes first on the path.
"""

import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ...core.errors import BadStage, PystoreError
from ...core.near_names import near_names
from ...declare.programs import run_as_program
from . import collecting


def load(file: Path) -> ModuleType:
    """The module. Raises BadStage when there is no such file, or it fails while it is loaded."""
    path = _checked(file)
    root, name = _place(path)
    # Behind the others: modules of a package may have the names of modules of Python's own.
    sys.path[:] = [str(root), *sys.path, *([str(path.parent)] if path.parent != root else [])]
    sys.argv = [str(file)]
    collecting.as_usual()
    try:
        return _loaded(path, name)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise _broken(file, error) from error


def _checked(file: Path) -> Path:
    if not file.is_file():
        near = near_names(file.name, _beside(file))
        raise BadStage(
            "no such file" if not file.exists() else "not a file",
            given=file,
            closest=", ".join(near) or None,
            remedy="name one that is there: FILE.py, or FILE.py:STAGE",
        )
    if file.suffix != ".py":
        notebook = file.suffix == ".ipynb"
        raise BadStage(
            "not a Python file",
            given=file,
            remedy="move its stages to a .py file, which the notebook can import"
            if notebook
            else "name a file that ends in .py",
        )
    return Path(os.path.realpath(file))


def _beside(file: Path) -> list[str]:
    """The names of the Python files in its folder."""
    found = file.parent.glob("*.py") if file.parent.is_dir() else ()
    return [path.name for path in found if path.is_file()]


def _place(path: Path) -> tuple[Path, str]:
    """The folder from which a file is imported, and its name there."""
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, names = root.parent, [root.name, *names]
    return root, ".".join(names)


def _loaded(path: Path, name: str) -> ModuleType:
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
        if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
            return sys.modules[name]  # the package has imported it
    _check_free(path, name)
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if not package:
        run_as_program(name)  # what is in a package, workers import as everybody does
    spec.loader.exec_module(module)
    return module


def _check_free(path: Path, name: str) -> None:
    if name in sys.modules:
        raise BadStage(
            f"{path.name} has the name of a module that is in use",
            module=name,
            remedy="call the file otherwise: what imports that module would get yours",
        )


class _Fresh(SourceFileLoader):
    """Compiles the file each time, as Python does with a program.

    Python keeps compiled code by size and whole seconds, so that it may miss a quick edit.
    """

    def path_stats(self, path: object) -> NoReturn:
        """Refuses, so that no compiled code is used or kept."""
        raise OSError(f"no stats of a program: {path}")


def _broken(file: Path, error: BaseException) -> BadStage:
    if isinstance(error, SyntaxError):
        what, because = f"{file} is no Python", str(error.msg)
    elif isinstance(error, SystemExit):
        what, because = f"{file} called sys.exit() when it was loaded", str(error.code)
    else:
        what, because = f"{file} failed when it was loaded", f"{type(error).__name__}: {error}"
    return BadStage(what, because=because[:500], remedy=_instead(file, error))


def _instead(file: Path, error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return 'put what only the script does under: if __name__ == "__main__":'
    if isinstance(error, ImportError) and "relative import" in str(error):
        return f"make its folder a package: touch {file.parent / '__init__.py'}"
    if isinstance(error, ModuleNotFoundError) and (home := _home(error.name or "", file)):
        return (
            f"PYTHONPATH={home} before the command: {file}'s own folder is looked in, not that one"
        )
    return f"python {file}"


def _home(module: str, file: Path) -> str:
    """The folder, here or above the file, in which a module of this name lies; "" if in none."""
    first = module.partition(".")[0]
    for folder in (Path(), *Path(os.path.realpath(file)).parents) if first else ():
        if (folder / first).is_dir() or (folder / f"{first}.py").is_file():
            return str(folder)
    return ""
