"""Parameters: what `-p key=value` means for a stage."""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ...model.derivation import Closure, Derivation, leaves
from ...model.errors import BadStage, PystoreError
from ...run.declare import Registry, TwoWayStage
from ...run.stage import Output, Stage, Staged
from ...run.verbs import Target, declare
from ...store.protocol import StoreProtocol
from .kinds import check_kind
from .outline import keys_of, outline
from .program import Choice, parameters_of, parse_target, shown, signature_of
from .ref import typed

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
    "stage that arrives as model.",
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


def declared(choice: Choice, given: Mapping[str, Any], store: StoreProtocol) -> Closure:
    """The closure of a stage with these parameters; touches nothing.

    Raises BadStage when it does not take them, or its function fails.
    """
    name, stage = choice
    plain = {key: value for key, value in given.items() if "." not in key}
    inner = {key: value for key, value in given.items() if "." in key}
    _check(name, stage, plain)
    try:
        if isinstance(stage, (Stage, TwoWayStage)):
            stage, plain = stage(**plain), {}
        for key, value in inner.items():
            stage = _changed(name, stage, key.split("."), value)
        return declare(stage, Registry(), store, (), plain)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise BadStage(
            f"the stage {name} raised {type(error).__name__}",
            because=str(error)[:500] or None,
            remedy="run it again with --debug for the whole traceback",
        ) from error


def _check(name: str, stage: Target, plain: Mapping[str, Any]) -> None:
    if not callable(stage):
        if plain:
            raise BadStage(
                f"{name} is declared already, and takes no parameters",
                given=", ".join(plain),
                it_is=shown(name, stage),
                remedy="name the stage function that it was made with",
            )
        return
    parameters = signature_of(stage).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in plain:
        if key in parameters:
            _check_plain(name, parameters[key])
            check_kind(name, parameters[key], plain[key])
        elif not takes_all:
            raise _unknown(name, key, parameters_of(stage), _of_inputs(key, parameters.values()))
    _check_complete(name, stage, plain)


def _check_plain(name: str, parameter: inspect.Parameter) -> None:
    default, key = parameter.default, parameter.name
    if isinstance(default, Output):
        raise BadStage(
            f"{key} is a file that {name} writes, and no parameter",
            file="/".join(default.parts),
            remedy="leave it out",
        )
    if any(isinstance(leaf, (Stage, Derivation)) for leaf in leaves(default)):
        raise BadStage(
            f"{key} is an input of {name}: another stage",
            remedy=f"-p {key}.PARAMETER=VALUE changes a parameter of that stage",
        )


def _check_complete(name: str, stage: Target, plain: Mapping[str, Any]) -> None:
    needed = [p for p in signature_of(stage).parameters.values() if p.default is p.empty]
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [p.name for p in needed if p.kind not in several and p.name not in plain]
    if missing:
        raise BadStage(
            f"{name} needs a value for {', '.join(missing)}",
            parameters=", ".join(parameters_of(stage).values()),
            remedy="give it: " + " ".join(f"-p {key}=…" for key in missing),
        )


def _of_inputs(key: str, parameters: Iterable[inspect.Parameter]) -> list[str]:
    """The same parameter of inputs: `model.epochs` for `epochs`."""
    inputs = ((p.name, getattr(p.default, "stage", p.default)) for p in parameters)
    return [f"{name}.{key}" for name, s in inputs if isinstance(s, Stage) and key in s.parameters]


def _unknown(name: str, key: str, known: Mapping[str, str], inner: Sequence[str] = ()) -> BadStage:
    return BadStage(
        f"{name} has no parameter {key}",
        parameters=", ".join(known.values()) or "none",
        closest=", ".join(get_close_matches(key, known)) or None,
        remedy="name one of its parameters: -p key=value"
        + (f"; of an input: -p {inner[0]}=value" if inner else ""),
    )


def _changed(name: str, target: Target, path: list[str], value: Any) -> Derivation:
    """The derivation with another value of a parameter, or of an input's: `model.epochs`."""
    key, *rest = path
    if not isinstance(target, Derivation):
        raise BadStage(
            f"the inputs of {name} are not known before it is declared",
            given=".".join(path),
            remedy="only what @stage or two_way made can be changed so",
        )
    known = parameters_of(target.stage) if isinstance(target, Staged) else target.config.value
    if key not in known or key not in target.config.value:
        raise _unknown(target.config.name, key, {key: str(text) for key, text in known.items()})
    if not rest:
        if isinstance(target, Staged):
            check_kind(target.config.name, signature_of(target.stage).parameters[key], value)
        return target.replace({key: value})
    first, *parts = _listed(target.config.value[key])
    held = next((h for h in target.holds if h.dref == first), None)
    if held is None:
        raise BadStage(f"{key} is no input of {target.config.name}", remedy="it has no parameters")
    new = _changed(key, held, rest, value)
    return target.replace({key: [new, *parts] if parts else new})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [value]
