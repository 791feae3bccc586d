"""Program: a user's file, and the stages in it."""

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from click.shell_completion import CompletionItem

from ...core.derivation import Closure, Derivation, collect, leaves
from ...core.errors import BadStage
from ...core.printable import counted, listed
from ...core.refs import DRef
from ...declare.calls import TwoWayStage
from ...declare.instantiate import Target
from ...declare.output import Output
from ...declare.registry import Registry
from ...declare.stage import Stage, Staged
from .loading import load
from .outline import outline

Choice = tuple[str, Target]


@dataclass(frozen=True)
class Program:
    """A user's file."""

    file: Path
    module: ModuleType

    @classmethod
    def load(cls, file: Path) -> "Program":
        """Loads it. Raises BadStage when there is no such file, or it fails while it is loaded."""
        return cls(file, load(file))

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
            stages=listed((shown(n, s) for n, s in choices.items()), "\n"),
            remedy=f"name one of them: {self.file}:{next(iter(choices))}",
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
            stages=listed((shown(n, s) for n, s in stages.items()), "\n") or "none",
            remedy="name one of them, or write @stage above the function",
        )


def parse_target(text: str) -> tuple[Path, str | None]:
    """The file and the stage that FILE.py[:STAGE] names."""
    file, colon, stage = text.rpartition(":")
    if colon and not Path(text).exists():
        return Path(file), stage or None
    return Path(text), None


def complete_target(begun: str) -> list[CompletionItem]:
    """The stages of a file whose name stands there, as its text has them; before it, files."""
    file, colon, _ = begun.rpartition(":")
    if not colon:
        return [CompletionItem(begun, type="file")]  # the shell completes it
    names = (f"{file}:{stage}" for stage in outline(Path(file)))
    return [CompletionItem(name) for name in names if name.startswith(begun)]


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
        return f"{parameter.name}={_name(default)}()"
    inputs = [leaf for leaf in leaves(default) if isinstance(leaf, (Stage, Derivation))]
    if not inputs:
        return str(parameter.replace(annotation=parameter.empty))
    told = ", ".join(f"{n} of {name}" for name, n in Counter(map(_name, inputs)).items())
    return (
        f"{parameter.name}={{{told}}}"
        if isinstance(default, dict)
        else f"{parameter.name}=[{told}]"
    )


def _name(of: Stage[Any] | Derivation) -> str:
    return of.stage_name if isinstance(of, Stage) else of.config.name


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
