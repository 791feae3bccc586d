"""Program: a user's file, loaded as a module, and the stages in it.

G1  A program is loaded as by `python FILE.py`, except that it is not `__main__`: its folder comes
    first on the path, and what stands under `if __name__ == "__main__":` does not run.
G2  The results of its stages are those of the script: module names are no part of what code is.
"""

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NoReturn

from ...model.derivation import Closure, Derivation, collect, leaves
from ...model.errors import BadStage, PystoreError
from ...model.printable import counted
from ...model.refs import DRef
from ...run.declare import Registry, TwoWayStage
from ...run.programs import run_as_program
from ...run.stage import Output, Stage, Staged
from ...run.verbs import Target

Choice = tuple[str, Target]


@dataclass(frozen=True)
class Program:
    """A user's file."""

    file: Path
    module: ModuleType

    @classmethod
    def load(cls, file: Path) -> "Program":
        """Loads it. Raises BadStage when there is no such file, or it fails while it is loaded."""
        path = _checked(file)
        module = _new_module(path)
        sys.path.insert(0, str(path.parent))
        sys.argv = [str(file)]
        try:
            assert module.__spec__ is not None and module.__spec__.loader is not None
            module.__spec__.loader.exec_module(module)
        except PystoreError:
            raise
        except (Exception, SystemExit) as error:
            raise _broken(file, error) from error
        return cls(file, module)

    @property
    def stages(self) -> dict[str, Target]:
        """What it declares at its top: stages and stage functions of its own, and derivations."""
        return {
            name: value
            for name, value in vars(self.module).items()
            if not name.startswith("_") and self._declares(value)
        }

    def _declares(self, value: object) -> bool:
        if isinstance(value, (Stage, TwoWayStage, FunctionType)):
            return value.__module__ == self.module.__name__ and is_target(value)
        return is_target(value)

    def choose(self, name: str | None) -> Choice:
        """The stage of this name; without one, the stage that no other stage of the file uses.

        Raises BadStage, which lists the stages, when there is no such one or there are several.
        """
        if name is not None:
            return name, self._named(name)
        stages = self.stages
        found = [(n, s) for n, s in stages.items() if not _needed(n, stages)]
        if len(found) == 1:
            return found[0]
        if not stages:
            raise BadStage(
                f"no stages in {self.file}",
                remedy="write @stage above a function, or def model(m): return mkdrv(m, …)",
            )
        choices = dict(found) or stages
        raise BadStage(
            f"several stages in {self.file}, and none that comes of them all",
            stages="\n".join(shown(n, s) for n, s in choices.items()),
            remedy=f"pystore run {self.file}:{next(iter(choices))}",
        )

    def _named(self, name: str) -> Target:
        value = getattr(self.module, name, None)
        if is_target(value):
            return value
        stages = self.stages
        raise BadStage(
            f"no stage of this name in {self.file}",
            given=name,
            it_is=type(value).__name__ if value is not None else None,
            closest=", ".join(get_close_matches(name, stages)) or None,
            stages="\n".join(shown(n, s) for n, s in stages.items()) or "none",
            remedy="name one of them, or write @stage above the function",
        )


def parse_target(text: str) -> tuple[Path, str | None]:
    """The file and the stage that FILE.py[:STAGE] names."""
    file, colon, stage = text.rpartition(":")
    if colon and not Path(text).exists():
        return Path(file), stage or None
    return Path(text), None


def is_target(value: object) -> bool:
    """Whether it is something to realize, or a function that returns it."""
    match value:
        case Stage() | TwoWayStage() | Derivation() | Closure() | DRef():
            return True
        case FunctionType():
            return _takes_registry(value)
        case list() | tuple() | dict():
            found = list(leaves(value))
            return bool(found) and all(isinstance(leaf, (Derivation, DRef)) for leaf in found)
    return False


def _takes_registry(function: FunctionType) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None:
        return False
    return first.name == "m" or first.annotation in (Registry, "Registry", "pystore.Registry")


def shown(name: str, target: Target) -> str:
    """A stage with its parameters; of derivations, how many they are."""
    if isinstance(target, (Stage, TwoWayStage, FunctionType)):
        return f"{name}({', '.join(parameters_of(target).values())})"
    count = len(target.drefs if isinstance(target, Closure) else list(leaves(target)))
    return f"{name}: {counted(count, 'derivation')}"


def signature_of(stage: Any) -> inspect.Signature:
    """What a stage takes, without the registry and the build."""
    if isinstance(stage, Stage):
        return stage.signature
    if isinstance(stage, TwoWayStage):
        return inspect.signature(stage.__wrapped__)
    full = inspect.signature(stage)
    return full.replace(parameters=list(full.parameters.values())[1:])


def parameters_of(stage: Any) -> dict[str, str]:
    """The parameters of a stage as one reads them; what it writes is none."""
    found = signature_of(stage).parameters.values()
    return {p.name: _written(p) for p in found if not isinstance(p.default, Output)}


def _written(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if isinstance(default, (Stage, Derivation)):
        name = default.stage_name if isinstance(default, Stage) else default.config.name
        return f"{parameter.name}={name}()"
    return str(parameter.replace(annotation=parameter.empty))


# --- loading ---------------------------------------------------------------------------


def _checked(file: Path) -> Path:
    if not file.is_file():
        near = get_close_matches(file.name, _programs(file))
        raise BadStage(
            "no such file" if not file.exists() else "not a file",
            given=file,
            closest=", ".join(near) or None,
            remedy="pystore run FILE.py, or FILE.py:STAGE",
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


def _programs(file: Path) -> list[str]:
    """The names of the files beside it."""
    found = file.parent.glob("*.py") if file.parent.is_dir() else ()
    return [path.name for path in found if path.is_file()]


class _Fresh(SourceFileLoader):
    """Compiles the file each time, as Python does with a program.

    Compiled code that was kept may be that of an edit ago: it is told by size and whole seconds.
    """

    def path_stats(self, path: object) -> NoReturn:
        """Says that nothing is known by which kept code could be used, or kept."""
        raise OSError(f"no stats of a program: {path}")


def _new_module(path: Path) -> ModuleType:
    name = path.stem
    if name in sys.modules:
        raise BadStage(
            f"{path.name} has the name of a module that is in use",
            module=name,
            remedy="call the file otherwise: what imports that module would get yours",
        )
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    run_as_program(name)
    return module


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
        return "import by full names, as a script does: a file is loaded without its package"
    if isinstance(error, ModuleNotFoundError) and error.name and _is_here(error.name):
        return f"PYTHONPATH=. pystore run {file}: its own folder is looked in, not this one"
    return f"python {file}"


def _is_here(module: str) -> bool:
    first = module.partition(".")[0]
    return Path(first).is_dir() or Path(f"{first}.py").is_file()


# --- what comes of what ----------------------------------------------------------------


def _needed(name: str, stages: dict[str, Target]) -> bool:
    """Whether another stage uses this one, and this one not the other."""
    this, own = stages[name], _marks(name, stages[name])
    return any(
        own & _uses(other) and not _marks(n, other) & _uses(this)
        for n, other in stages.items()
        if other is not this
    )


def _marks(name: str, target: Target) -> set[object]:
    """What a target is known by where it is used: its name, the stage, its references."""
    if isinstance(target, (Stage, TwoWayStage, FunctionType)):
        return {name, target}
    return set(target.drefs) if isinstance(target, Closure) else set(map(_dref, leaves(target)))


def _uses(target: Target) -> set[object]:
    match target:
        case Stage():
            defaults = [p.default for p in target.signature.parameters.values()]
            inner = [leaf for default in defaults for leaf in leaves(default) if is_target(leaf)]
            calls = [leaf for leaf in inner if isinstance(leaf, Stage)]
            return {*inner, *_of_derivations(inner)}.union(*map(_uses, calls))
        case TwoWayStage():
            return set(_names(target.__wrapped__.__code__))
        case FunctionType():
            return set(_names(target.__code__))
        case Closure():
            return _of_derivations(target.derivations)
    return _of_derivations(leaves(target))


def _of_derivations(found: Any) -> set[object]:
    held: dict[DRef, Derivation] = {}
    collect([one for one in found if isinstance(one, Derivation)], held)
    stages = {d.stage for d in held.values() if isinstance(d, Staged)}
    return {*held, *stages}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _dref(leaf: Any) -> DRef:
    return leaf.dref if isinstance(leaf, Derivation) else leaf
