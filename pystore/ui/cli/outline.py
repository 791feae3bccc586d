"""Outline: the stages of a file as its syntax tree shows them. Nothing of the file is run."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...core.dataclasses import dataclass
from .program import FileStage, final, takes_registry

_DECORATORS = ("stage", "two_way")


@dataclass(frozen=True)
class OutlinedStage(FileStage):
    """A stage function in the text of a file."""

    function: ast.FunctionDef

    @classmethod
    def of(cls, function: ast.FunctionDef) -> "OutlinedStage":
        """The stage that a function is."""
        uses = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        return cls(function.name, {function.name}, uses, function)


Outline = Mapping[str, OutlinedStage]


def outline(file: Path) -> Outline:
    """The stage functions at the top of a file, by name; none if it cannot be read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    found = (f for f in functions if not f.name.startswith("_") and _is_stage(f))
    return {function.name: OutlinedStage.of(function) for function in found}


def keys_of(stage: str | None, stages: Outline) -> Iterator[str]:
    """The parameters of a stage and of its inputs: `epochs`, `data.n`.

    Without the name of a stage, the parameters of the final ones.
    """
    meant = [stages[stage]] if stage and stage in stages else final(stages.values())
    for one in meant:
        yield from _parameters(one.name, stages)


def _parameters(name: str, stages: Outline) -> Iterator[str]:
    function = stages[name].function
    others = {other: stage for other, stage in stages.items() if other != name}
    for key, default in _defaults(function.args):
        if default in others:
            yield from (f"{key}.{inner}" for inner in _parameters(default, others))
        elif default != "output" and key not in ("build", _registry(function)):
            yield key


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, str]]:
    """Each parameter, with the name of the function that its default calls or is."""
    plain = [*arguments.posonlyargs, *arguments.args]
    without = [None] * (len(plain) - len(arguments.defaults))
    given = zip(plain, [*without, *arguments.defaults], strict=True)
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from ((argument.arg, _called(default)) for argument, default in (*given, *named))


def _called(expression: ast.expr | None) -> str:
    match expression:
        case ast.Call(func=inner):
            return _called(inner)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_stage(function: ast.FunctionDef) -> bool:
    decorated = any(_called(one) in _DECORATORS for one in function.decorator_list)
    return decorated or bool(_registry(function))


def _registry(function: ast.FunctionDef) -> str:
    """The name of the first parameter if that is the registry, else ""."""
    for first in [*function.args.posonlyargs, *function.args.args][:1]:
        if takes_registry(first.arg, _called(first.annotation)):
            return first.arg
    return ""
