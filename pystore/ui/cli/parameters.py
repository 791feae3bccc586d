"""Parameters: the option `-p key=value`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ...core.config import distinct
from ...core.errors import BadConfig
from ...core.printable import printable
from .config_files import ConfigFile, read_config
from .outline import keys_of, outline
from .program import parse_target
from .ref import typed

Command = TypeVar("Command", bound=Callable[..., Any])

_WORDS = {"True": True, "False": False, "None": None}  # Python's words for true, false and null


class Parameter(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """`key=value`, whose value is JSON, or else text."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any] | ConfigFile:
        """The key and the value, or the parameters in a file."""
        if isinstance(value, ConfigFile):
            return value
        if value.startswith("@"):
            return read_config(Path(value[1:]))
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
    return parse_target(str(next((t for t in map(typed(ctx).get, ("target", "asked")) if t), "")))


def complete_target(begun: str) -> list[CompletionItem]:
    """The stages of a file that was typed with a colon; before the colon, files."""
    file, colon, _ = begun.rpartition(":")
    if not colon:
        return [CompletionItem(begun, type="file")]  # the shell completes it
    names = (f"{file}:{stage}" for stage in outline(Path(file)))
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def takes_parameters(command: Command) -> Command:
    """The options -p and --config."""
    return _config(_parameters(command))


def _add_files(
    ctx: click.Context, option: click.Parameter, given: tuple[Any, ...]
) -> tuple[Any, ...]:
    """What -p gave, behind the files of --config."""
    return (*ctx.meta.get(_FILES, ()), *given)


def _keep_files(ctx: click.Context, option: click.Parameter, paths: tuple[Path, ...]) -> None:
    ctx.meta[_FILES] = tuple(map(read_config, paths))


_FILES = f"{__name__}.files"

_config = click.option(
    "--config",
    "config_files",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    is_eager=True,  # before -p, which has the last word
    expose_value=False,
    callback=_keep_files,
    help="Parameters from a file: YAML, TOML or JSON, also what Hydra has composed. A later file, "
    "and -p, have the last word.",
)

_parameters = click.option(
    "-p",
    "parameters",
    metavar="KEY=VALUE|@FILE",
    callback=_add_files,
    type=Parameter(),
    multiple=True,
    help="A parameter of the stage; the value is JSON, or else text. model.epochs=3 is one of the "
    "stage that arrives as model, or a key of a dict; models.0.epochs=3 one of the first in a "
    "list, '*.epochs=3' one of each input. Given again, with another value, it makes a sweep: all "
    "combinations. @FILE is as --config FILE.",
)


def parse_value(text: str) -> Any:
    """The value that a text stands for: JSON, or True, False or None; else the text itself.

    Raises BadConfig for JSON in which a key stands twice.
    """
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_with_keys)
    except (ValueError, RecursionError):
        return text


def _with_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    try:
        return distinct(pairs)
    except ValueError as error:
        raise BadConfig(
            "a value of -p is not well-formed",
            because=printable(str(error)),
            remedy="write each key once",
        ) from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
