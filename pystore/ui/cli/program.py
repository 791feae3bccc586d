"""Program: a user's file, and the stages in it."""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

from ...core.dataclasses import dataclass
from ...core.derivation import Closure, Derivation, collect, leaves
from ...core.errors import BadStage
from ...core.printable import counted, listed
from ...core.refs import DRef
from ...declare.calls import TwoWayStage
from ...declare.instantiate import Target
from ...declare.output import Output
from ...declare.stage import Stage, Staged
from .command_context import CommandContext
from .loading import load


@dataclass(frozen=True)
class FileStage:
    """A stage of a user's file, as the text of the file or the loaded module shows it."""

    name: str
    known_as: Set[object]  # by what other stages use it
    uses: Set[object]  # what it uses, by what that is known as

    def is_input_of(self, other: "FileStage") -> bool:
        """Whether the other uses this one, and this one not the other."""
        return bool(self.known_as & other.uses) and not other.known_as & self.uses


S = TypeVar("S", bound=FileStage)


def final(stages: Iterable[S]) -> list[S]:
    """The stages that no other stage uses."""
    every = list(stages)
    return [s for s in every if not any(s.is_input_of(other) for other in every if other is not s)]


def takes_registry(parameter: str, annotation: str) -> bool:
    """Whether a function with this first parameter is a stage by hand."""
    return parameter == "m" or annotation.rpartition(".")[2] == "Registry"


@dataclass(frozen=True)
class ProgramStage(FileStage):
    """A stage, a stage function, or derivations, as the loaded module has them."""

    file: Path
    target: Target
    is_function: bool  # takes parameters; derivations are declared already
    parameters: Mapping[str, inspect.Parameter]  # without the registry and the build

    @classmethod
    def of(cls, file: Path, name: str, target: Target) -> "ProgramStage":
        """The stage that a target is under this name in a file."""
        is_function = isinstance(target, (Stage, TwoWayStage, FunctionType))
        known_as = {name, target} if is_function else set(map(_dref, _leaves(target)))
        parameters = _parameters(target)
        return cls(name, known_as, _uses(target), file, target, is_function, parameters)

    @classmethod
    def load(cls, text: str, command: CommandContext) -> "ProgramStage":
        """The stage that FILE.py[:STAGE] names. Raises BadStage."""
        file, name = parse_target(text)
        command.near(file)
        return Program.load(file).choose(name)

    def parameter_texts(self) -> dict[str, str]:
        """Its parameters as one reads them, without the files that it writes."""
        found = self.parameters.items()
        return {key: _text(p) for key, p in found if not isinstance(p.default, Output)}

    def __str__(self) -> str:
        if self.is_function:
            return f"{self.name}({', '.join(self.parameter_texts().values())})"
        return f"{self.name}: {counted(len(list(_leaves(self.target))), 'derivation')}"


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
    def stages(self) -> dict[str, ProgramStage]:
        """The stages and derivations at its top; functions only if the file defines them."""
        found = ((n, v) for n, v in vars(self.module).items() if not n.startswith("_"))
        return {name: ProgramStage.of(self.file, name, v) for name, v in found if self._declares(v)}

    def _declares(self, value: object) -> bool:
        if isinstance(value, (Stage, TwoWayStage, FunctionType)):
            return value.__module__ == self.module.__name__ and is_target(value)
        return is_target(value)

    def choose(self, name: str | None) -> ProgramStage:
        """The stage of this name; without a name, the only final stage.

        Raises BadStage, which lists the stages, if there is none or there are several.
        """
        if name is not None:
            return self._named(name)
        stages = self.stages
        found = final(stages.values())
        if len(found) == 1:
            return found[0]
        if not stages:
            raise BadStage(
                f"no stages in {self.file}",
                remedy="write @stage above a function, or def model(m): return mkdrv(m, …)",
            )
        choices = found or list(stages.values())
        raise BadStage(
            f"{self.file} has several final stages",
            stages=listed(map(str, choices), "\n"),
            remedy=f"name one of them: {self.file}:{choices[0].name}",
        )

    def _named(self, name: str) -> ProgramStage:
        value = getattr(self.module, name, None)
        if is_target(value):
            return ProgramStage.of(self.file, name, value)
        stages = self.stages
        raise BadStage(
            f"no stage of this name in {self.file}",
            given=name,
            it_is=type(value).__name__ if value is not None else None,
            closest=", ".join(get_close_matches(name, stages)) or None,
            stages=listed(map(str, stages.values()), "\n") or "none",
            remedy="name one of them, or write @stage above the function",
        )


def parse_target(text: str) -> tuple[Path, str | None]:
    """The file and the stage that FILE.py[:STAGE] names."""
    file, colon, stage = text.rpartition(":")
    if colon and not Path(text).exists():
        return Path(file), stage or None
    return Path(text), None


def is_target(value: object) -> bool:
    """Whether it can be realized, or is a function that returns something to realize."""
    match value:
        case Stage() | TwoWayStage() | Derivation() | Closure() | DRef():
            return True
        case FunctionType():
            firsts = list(inspect.signature(value).parameters.values())[:1]
            return any(takes_registry(p.name, _annotation(p)) for p in firsts)
        case list() | tuple() | dict():
            found = list(leaves(value))
            return bool(found) and all(isinstance(leaf, (Derivation, DRef)) for leaf in found)
    return False


def _annotation(parameter: inspect.Parameter) -> str:
    told = parameter.annotation
    return told if isinstance(told, str) else getattr(told, "__name__", "")


def _parameters(target: Target) -> Mapping[str, inspect.Parameter]:
    match target:
        case Stage():
            return target.signature.parameters
        case TwoWayStage():
            return inspect.signature(target.__wrapped__).parameters
        case FunctionType():
            return dict([*inspect.signature(target).parameters.items()][1:])
    return {}


def _text(parameter: inspect.Parameter) -> str:
    """A parameter with its default; inputs by their names."""
    default, key = parameter.default, parameter.name
    if isinstance(default, (Stage, Derivation)):
        return f"{key}={_name(default)}()"
    inputs = [leaf for leaf in leaves(default) if isinstance(leaf, (Stage, Derivation))]
    if not inputs:
        return str(parameter.replace(annotation=parameter.empty))
    told = ", ".join(f"{n} of {name}" for name, n in Counter(map(_name, inputs)).items())
    return f"{key}={{{told}}}" if isinstance(default, dict) else f"{key}=[{told}]"


def _name(of: Stage[Any] | Derivation) -> str:
    return of.stage_name if isinstance(of, Stage) else of.config.name


# --- the inputs of a target ------------------------------------------------------------


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


def _of_derivations(found: Iterable[Any]) -> set[object]:
    held: dict[DRef, Derivation] = {}
    collect([one for one in found if isinstance(one, Derivation)], held)
    return {*held, *(d.stage for d in held.values() if isinstance(d, Staged))}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _leaves(target: Target) -> Iterable[Any]:
    return target.drefs if isinstance(target, Closure) else leaves(target)


def _dref(leaf: Any) -> DRef:
    return leaf.dref if isinstance(leaf, Derivation) else leaf
