"""Outline: the stages of a file as its syntax tree shows them; nothing of it is run."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Outline = Mapping[str, ast.FunctionDef]
"""The stage functions at the top of a file, by name."""

_DECORATORS = ("stage", "two_way")


def outline(file: Path) -> Outline:
    """The stages of a file; none where it cannot be read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {f.name: f for f in functions if not f.name.startswith("_") and _is_stage(f)}


def keys_of(stage: str | None, stages: Outline) -> Iterator[str]:
    """The parameters of a stage and of its inputs: `epochs`, `data.n`.

    Without its name, of those that no other one uses.
    """
    for name in stages:
        if name == stage or (stage not in stages and not _used(name, stages)):
            yield from _parameters(name, stages)


def _parameters(name: str, stages: Outline) -> Iterator[str]:
    others = {other: node for other, node in stages.items() if other != name}
    for key, default in _defaults(stages[name].args):
        if default in others:
            yield from (f"{key}.{inner}" for inner in _parameters(default, others))
        elif default != "output" and key not in ("build", _registry(stages[name])):
            yield key


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, str]]:
    """Each parameter with the name of the function that its default calls, or is."""
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
    """The name of a first parameter that is the registry; empty where it is none."""
    first = next(iter([*function.args.posonlyargs, *function.args.args]), None)
    named = first is not None and (first.arg == "m" or _called(first.annotation) == "Registry")
    return first.arg if first is not None and named else ""


def _used(name: str, stages: Outline) -> bool:
    others = (node for other, node in stages.items() if other != name)
    return any(
        isinstance(one, ast.Name) and one.id == name for node in others for one in ast.walk(node)
    )
