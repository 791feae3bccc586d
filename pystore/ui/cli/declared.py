"""Declared: the closure of a stage of a file, with the parameters that `-p` gives."""

import inspect
from collections.abc import Mapping, Sequence
from itertools import product
from keyword import iskeyword
from typing import Any

from ...core.dataclasses import dataclass
from ...core.derivation import Closure, Derivation, leaves
from ...core.errors import BadStage, PystoreError
from ...core.near_names import near_names
from ...core.printable import listed
from ...declare.calls import TwoWayStage
from ...declare.dotted_names import parted, with_changes
from ...declare.instantiate import declare
from ...declare.output import Output
from ...declare.registry import Registry
from ...declare.stage import Stage, Staged
from ...declare.sweep import key_of
from ...store.staging import Builder
from .command_context import CommandContext
from .config_files import ConfigFile
from .program import ProgramStage
from .typed_parameters import as_type

Given = Sequence[tuple[str, Any] | ConfigFile]
"""What `-p` and `--config` gave: keys and values, and files."""

Pairs = Sequence[tuple[str, Any]]
"""Keys and values."""


@dataclass(frozen=True)
class Declared:
    """A stage that was declared for a store; nothing is recorded yet."""

    name: str  # FILE.py:STAGE
    closure: Closure
    store: Builder


def declared(command: CommandContext, target: str, given: Given) -> Declared:
    """The stage that FILE.py[:STAGE] names, with these parameters.

    A parameter with several values makes a sweep: all combinations, by their keys. Raises BadStage
    when the stage does not take the parameters, or its function fails.
    """
    stage = ProgramStage.load(target, command)
    store = command.store_of_program(reading=True)  # a mistake makes no store
    files = [one for one in given if isinstance(one, ConfigFile)]
    try:
        return _declared(stage, store, pairs_of(stage, given))
    except PystoreError as error:
        if not files:
            raise
        raise error.having(config="\n".join(str(file.path) for file in files)) from error.__cause__


def _declared(stage: ProgramStage, store: Builder, given: Pairs) -> Declared:
    typed = [(key, _typed(stage, key, value)) for key, value in given]
    closures = {label: _closure(stage, point, store) for label, point in _points(typed).items()}
    known = {dref: one for closure in closures.values() for dref, one in closure.items()}
    targets = {label: closure.targets for label, closure in closures.items()}
    closure = Closure.of(targets, known) if len(closures) > 1 else next(iter(closures.values()))
    return Declared(f"{stage.file}:{stage.name}", closure, store)


def _points(given: Pairs) -> dict[str, dict[str, Any]]:
    """Each combination of the values, by its key in a sweep."""
    values: dict[str, dict[str, Any]] = {}
    for key, value in given:
        values.setdefault(key, {})[repr(value)] = value  # 1, 1.0 and true are three values
    points = [
        dict(zip(values, some, strict=True))
        for some in product(*(several.values() for several in values.values()))
    ]
    if len(points) == 1:
        return {"": points[0]}
    swept = [key for key, several in values.items() if len(several) > 1]
    return {key_of({key: point[key] for key in swept}): point for point in points}


def pairs_of(stage: ProgramStage, given: Given) -> Pairs:
    """Keys and values; those of files stand first, and only where nothing later has their key."""
    typed = [one for one in given if not isinstance(one, ConfigFile)]
    filed: dict[str, Any] = {}
    for file in given:
        if isinstance(file, ConfigFile):
            for key, value in file.values.items():
                parameter = stage.parameters.get(key)
                filed.update(_within(key, value, None if parameter is None else parameter.default))
    taken = {key for key, _ in typed}
    return [*((key, value) for key, value in filed.items() if key not in taken), *typed]


def _within(key: str, value: Any, present: Any) -> dict[str, Any]:
    """The parameters of inputs in a value, by their dotted names; else the value by its key."""
    inner = _inner(present)
    if inner is None or not isinstance(value, (dict, list)):
        return {key: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: dict[str, Any] = {}
    for name, one in items:
        found.update(_within(f"{key}.{name}", one, inner.get(str(name))))
    return found


def _inner(present: Any) -> Mapping[str, Any] | None:
    """What lies in an input, or in a list or dict of inputs, by its name; None in other values."""
    if isinstance(present, Staged):
        present = present.stage
    if isinstance(present, Stage):
        return {key: p.default for key, p in present.signature.parameters.items()}
    if isinstance(present, Derivation):
        return present.config.value
    if not isinstance(present, (list, tuple, dict)) or not _holds_stages(present):
        return None
    items = present.items() if isinstance(present, dict) else enumerate(present)
    return {str(key): one for key, one in items}


def _typed(stage: ProgramStage, key: str, value: Any) -> Any:
    """The value as the stage takes it: .1 and 0.1 are one training."""
    if key not in stage.parameters:
        return value
    return as_type(stage.name, stage.parameters[key], value, stage.target)


def _closure(stage: ProgramStage, given: Mapping[str, Any], store: Builder) -> Closure:
    target, plain = stage.target, dict(given)
    inner: dict[str, Any] = {}
    if any("." in key for key in given):
        defaults = {key: p.default for key, p in stage.parameters.items()}
        plain, inner = parted(given, defaults, _typed_inside)
    _check(stage, plain)
    try:
        if isinstance(target, (Stage, TwoWayStage)):
            target, plain = target(**plain), {}
        if inner:
            target = with_changes(_changeable(stage.name, target, inner), inner, _typed_inside)
        return declare(target, Registry(), store, (), plain)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise BadStage(
            f"the stage {stage.name} raised {type(error).__name__}",
            because=str(error)[:500] or None,
            remedy="run it again with --debug for the whole traceback",
        ) from error


def _changeable(name: str, target: Any, inner: Mapping[str, Any]) -> Derivation:
    if isinstance(target, Derivation):
        return target
    raise BadStage(
        f"the inputs of {name} are not known before it is declared",
        given=", ".join(inner),
        remedy="only what @stage or two_way made can be changed so",
    )


def _typed_inside(target: Derivation | None, key: str, present: Any, value: Any) -> Any:
    """A value for a parameter of an input, or for a key of a dict."""
    if isinstance(target, Staged):
        return as_type(
            target.config.name, target.stage.signature.parameters[key], value, target.stage
        )
    place, _, last = key.rpartition(".")
    if target is not None or not last.isidentifier() or iskeyword(last):
        return value  # no signature says what it takes
    parameter = inspect.Parameter(last, inspect.Parameter.KEYWORD_ONLY, default=present)
    return as_type(place, parameter, value)


# --- what a stage does not take --------------------------------------------------------


def _check(stage: ProgramStage, plain: Mapping[str, Any]) -> None:
    """Raises BadStage when the stage does not take these parameters."""
    if not stage.is_function:
        if plain:
            raise BadStage(
                f"{stage.name} is declared already, and takes no parameters",
                given=listed(plain),
                it_is=str(stage),
                remedy="name the stage function that it was made with",
            )
        return
    takes_all = any(p.kind is p.VAR_KEYWORD for p in stage.parameters.values())
    for key, value in plain.items():
        if key in stage.parameters:
            _check_own(stage.name, stage.parameters[key], value)
        elif not takes_all:
            raise _unknown(stage, key)
    _check_complete(stage, plain)


def _check_own(name: str, parameter: inspect.Parameter, value: Any) -> None:
    default, key = parameter.default, parameter.name
    if isinstance(default, Output):
        raise BadStage(
            f"{key} is a file that {name} writes, and no parameter",
            file="/".join(default.parts),
            remedy="leave it out",
        )
    if _holds_stages(default) and not _holds_stages(value):
        raise BadStage(
            f"{key} is an input of {name}: another stage",
            remedy=f"-p {key}.PARAMETER=VALUE changes a parameter of that stage",
        )


def _holds_stages(value: Any) -> bool:
    return any(isinstance(leaf, (Stage, Derivation)) for leaf in leaves(value))


def _check_complete(stage: ProgramStage, plain: Mapping[str, Any]) -> None:
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    needed = (p for p in stage.parameters.values() if p.default is p.empty)
    missing = [p.name for p in needed if p.kind not in several and p.name not in plain]
    if missing:
        raise BadStage(
            f"{stage.name} needs a value for {listed(missing)}",
            parameters=listed(stage.parameter_texts().values()),
            remedy="give it: " + listed((f"-p {key}=…" for key in missing), " "),
        )


def _unknown(stage: ProgramStage, key: str) -> BadStage:
    known = stage.parameter_texts()
    inputs = ((p.name, getattr(p.default, "stage", p.default)) for p in stage.parameters.values())
    inner = [f"{n}.{key}" for n, s in inputs if isinstance(s, Stage) and key in s.parameters]
    return BadStage(
        f"{stage.name} has no parameter {key}",
        parameters=listed(known.values()) or "none",
        closest=", ".join(near_names(key, known)) or None,
        remedy="name one of its parameters: -p key=value"
        + (f"; of an input: -p {inner[0]}=value" if inner else ""),
    )
