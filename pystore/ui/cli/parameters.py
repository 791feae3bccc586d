"""Parameters: what `-p key=value` means for a stage."""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from keyword import iskeyword
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ...core.derivation import Closure, Derivation, leaves
from ...core.errors import BadStage, PystoreError
from ...core.printable import listed
from ...declare.calls import TwoWayStage
from ...declare.dotted_names import parted, with_changes
from ...declare.instantiate import Target, declare
from ...declare.output import Output
from ...declare.parameter_types import names_of
from ...declare.registry import Registry
from ...declare.stage import Stage, Staged
from ...declare.sweep import key_of
from ...store.staging import Builder
from .outline import keys_of, outline
from .program import Choice, parameters_of, parse_target, shown, signature_of
from .ref import typed
from .typed_parameters import as_type

_WORDS = {"True": True, "False": False, "None": None}  # as Python writes what JSON has otherwise


class Parameter(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """`key=value`, whose value is JSON, or else text."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """The key and the value."""
        key, equals, text = value.partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is no key=value, such as epochs=3", param, ctx)
        return key, parse_value(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The parameters of the stage that was typed, as the text of its file has them."""
        file, stage = typed_target(ctx)
        keys = (f"{key}=" for key in keys_of(stage, outline(file)))
        return [CompletionItem(key) for key in dict.fromkeys(keys) if key.startswith(incomplete)]


def typed_target(ctx: click.Context) -> tuple[Path, str | None]:
    """The file and the stage that were typed so far."""
    found = next((typed(ctx)[name] for name in ("target", "asked") if name in typed(ctx)), None)
    return found if isinstance(found, tuple) else parse_target(str(found or ""))


takes_parameters = click.option(
    "-p",
    "parameters",
    metavar="KEY=VALUE",
    type=Parameter(),
    multiple=True,
    help="A parameter of the stage; the value is JSON, or else text. model.epochs=3 is one of the "
    "stage that arrives as model, or a key of a dict; models.0.epochs=3 one of the first in a "
    "list, '*.epochs=3' one of each input. Given again, with another value, it makes a sweep: all "
    "combinations.",
)


def parse_value(text: str) -> Any:
    """The value that a text stands for: JSON, or True, False or None; else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def declared(choice: Choice, given: Sequence[tuple[str, Any]], store: Builder) -> Closure:
    """The closure of a stage with these parameters; touches nothing.

    What is given with several values is a sweep: all combinations, by their keys. Raises BadStage
    when the stage does not take them, or its function fails.
    """
    taken = [(key, _taken(choice, key, value)) for key, value in given]
    closures = {label: _declared(choice, point, store) for label, point in _points(taken).items()}
    if len(closures) == 1:
        return next(iter(closures.values()))
    known = {dref: one for closure in closures.values() for dref, one in closure.items()}
    return Closure.of({label: closure.targets for label, closure in closures.items()}, known)


def _taken(choice: Choice, key: str, value: Any) -> Any:
    """The value as the stage takes it: .1 and 0.1 are one training."""
    name, stage = choice
    parameters = signature_of(stage).parameters if callable(stage) else {}
    if key not in parameters:
        return value
    return as_type(name, parameters[key], value, names_of(stage))


def _points(given: Sequence[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each combination of the values, by the key that it has in a sweep."""
    values: dict[str, dict[str, Any]] = {}
    for key, value in given:
        values.setdefault(key, {})[repr(value)] = value  # 1, 1.0 and true are three values
    points = [
        dict(zip(values, some, strict=True))
        for some in product(*(v.values() for v in values.values()))
    ]
    swept = [key for key, several in values.items() if len(several) > 1]
    return {key_of({key: point[key] for key in swept}): point for point in points}


def _declared(choice: Choice, given: Mapping[str, Any], store: Builder) -> Closure:
    name, stage = choice
    known = signature_of(stage).parameters if callable(stage) else {}
    plain, inner = parted(given, {key: p.default for key, p in known.items()}, _take)
    _check(name, stage, plain)
    try:
        if isinstance(stage, (Stage, TwoWayStage)):
            stage, plain = stage(**plain), {}
        if inner:
            stage = with_changes(_changeable(name, stage, inner), inner, _take)
        return declare(stage, Registry(), store, (), plain)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise BadStage(
            f"the stage {name} raised {type(error).__name__}",
            because=str(error)[:500] or None,
            remedy="run it again with --debug for the whole traceback",
        ) from error


def _changeable(name: str, target: Target, inner: Mapping[str, Any]) -> Derivation:
    if isinstance(target, Derivation):
        return target
    raise BadStage(
        f"the inputs of {name} are not known before it is declared",
        given=", ".join(inner),
        remedy="only what @stage or two_way made can be changed so",
    )


def _take(target: Derivation | None, key: str, present: Any, value: Any) -> Any:
    """A value for a parameter of an input, or for a key of a dict."""
    if isinstance(target, Staged):
        parameter = signature_of(target.stage).parameters[key]
        return as_type(target.config.name, parameter, value, names_of(target.stage))
    place, _, last = key.rpartition(".")
    return _as_default(place, last, present, value) if target is None else value


def _as_default(name: str, key: str, default: Any, value: Any) -> Any:
    if not key.isidentifier() or iskeyword(key):
        return value  # no parameter of any function is called so
    parameter = inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default)
    return as_type(name, parameter, value)


def _check(name: str, stage: Target, plain: Mapping[str, Any]) -> None:
    """Raises BadStage when the stage does not take these parameters."""
    if not callable(stage):
        if plain:
            raise BadStage(
                f"{name} is declared already, and takes no parameters",
                given=listed(plain),
                it_is=shown(name, stage),
                remedy="name the stage function that it was made with",
            )
        return
    parameters = signature_of(stage).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in plain:
        if key in parameters:
            _check_plain(name, parameters[key], plain[key])
        elif not takes_all:
            raise _unknown(name, key, parameters_of(stage), _of_inputs(key, parameters.values()))
    _check_complete(name, stage, plain)


def _check_plain(name: str, parameter: inspect.Parameter, value: Any) -> None:
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


def _check_complete(name: str, stage: Target, plain: Mapping[str, Any]) -> None:
    needed = [p for p in signature_of(stage).parameters.values() if p.default is p.empty]
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [p.name for p in needed if p.kind not in several and p.name not in plain]
    if missing:
        raise BadStage(
            f"{name} needs a value for {listed(missing)}",
            parameters=listed(parameters_of(stage).values()),
            remedy="give it: " + listed((f"-p {key}=…" for key in missing), " "),
        )


def _of_inputs(key: str, parameters: Iterable[inspect.Parameter]) -> list[str]:
    """The same parameter of inputs: `model.epochs` for `epochs`."""
    inputs = ((p.name, getattr(p.default, "stage", p.default)) for p in parameters)
    return [f"{name}.{key}" for name, s in inputs if isinstance(s, Stage) and key in s.parameters]


def _unknown(name: str, key: str, known: Mapping[str, str], inner: Sequence[str] = ()) -> BadStage:
    return BadStage(
        f"{name} has no parameter {key}",
        parameters=listed(known.values()) or "none",
        closest=", ".join(get_close_matches(key, known)) or None,
        remedy="name one of its parameters: -p key=value"
        + (f"; of an input: -p {inner[0]}=value" if inner else ""),
    )
