"""pystore explain: why something is new, or what will happen to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import pystore as ps

from ...core.derivation import leaves
from ...core.errors import PystoreError
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .command_context import CommandContext, as_json, report, with_command
from .declared import Given, declared
from .diff import changed_line
from .error_text import located
from .parameters import complete_target, takes_parameters
from .program import parse_target
from .ref import REF, complete

if TYPE_CHECKING:
    from ...ask.planning.explanation import Explanation  # for weight: not all of the help needs it


class _Asked(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """A reference, or a file of Python with the name of a stage."""

    name = "REF|FILE.py[:STAGE]"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """The reference, or the text that names a file. Raises BadRef, NotInStore."""
        file, _ = parse_target(value)
        return value if file.suffix == ".py" else REF.convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """References that begin so; if there are none, files."""
        return complete(ctx, param, incomplete) or complete_target(incomplete)


@click.command("explain")
@click.argument("asked", type=_Asked(), metavar="REF|FILE.py[:STAGE]")
@takes_parameters
@as_json
@with_command
def explain_command(command: CommandContext, asked: str, parameters: Given, as_json: bool) -> None:
    """Say why something is new, or would be built.

    It goes down to the function, the parameter or the input that changed. Of a stage of a Python
    file: whether it is up to date, or will be built, and why (`run --dry-run` says it of all that
    it needs). Of a reference: what made it new when it was built, as far as the store has recorded
    it. What is new is compared with the nearest of its name, and changed lines of code are shown.

    --json: objects with `dref`, `kind`, `reasons`, `nearest` and `lines`, one a target.
    """
    if not isinstance(asked, (DRef, RRef)):
        found = _of_file(command, asked, parameters)
    elif parameters:
        raise click.UsageError("-p goes with FILE.py: a reference has its parameters")
    else:
        found = [ps.explain(asked, store=command.store)]
    report(found, lambda: "\n".join(map(_text, found)), as_json)


def _of_file(command: CommandContext, target: str, given: Given) -> "list[Explanation]":
    try:
        found = declared(command, target, given)
    except PystoreError as error:
        raise located(error) from error.__cause__
    return list(leaves(ps.explain(found.closure, store=found.store)))


def _text(one: "Explanation") -> str:
    first, *others = one.reasons
    lines = [printable(first), *(f"  {printable(reason)}" for reason in others)]
    return "\n".join(("\n  ".join((click.style(one.dref, bold=True), *lines)), *_changed(one)))


def _changed(one: "Explanation") -> Iterator[str]:
    """The changed lines of code, under the name of each part."""
    for line in one.lines:
        if line.startswith("+++ "):
            yield f"    {printable(line[4:])}"
        elif not line.startswith("--- "):
            yield changed_line(line)
