"""pystore explain: why something is new, or what will happen to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ...ask.planning.explain import explain
from ...core.derivation import leaves
from ...core.errors import PystoreError
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .command_context import CommandContext, as_json, edge, report
from .exit_codes import located
from .parameters import declared, takes_parameters
from .program import Program, complete_target, parse_target
from .ref import REF, complete

if TYPE_CHECKING:
    from ...ask.planning.explanation import Explanation  # help need not wait for it

Asked = DRef | RRef | tuple[Path, str | None]


class _Asked(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """A reference, or a file of Python with the name of a stage."""

    name = "REF|FILE.py[:STAGE]"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Asked:
        """What is meant. Raises BadRef, NotInStore."""
        file, stage = parse_target(value)
        if file.suffix == ".py":
            return file, stage
        ref: DRef | RRef = REF.convert(value, param, ctx)
        return ref

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """References; or files, where none begins so."""
        return complete(ctx, param, incomplete) or complete_target(incomplete)


@click.command("explain")
@click.argument("asked", type=_Asked(), metavar="REF|FILE.py[:STAGE]")
@takes_parameters
@as_json
@edge
def explain_command(
    edge: CommandContext, asked: Asked, parameters: tuple[tuple[str, Any], ...], as_json: bool
) -> None:
    """Say why something is new, or would be built.

    It goes down to the function, the parameter or the input that changed. Of a stage of a Python
    file: whether it is up to date, or will be built, and why (`run --dry-run` says it of all that
    it needs). Of a reference: what made it new when it was built, as far as the store has recorded
    it. What is new is compared with the nearest of its name.

    --json: objects with `dref`, `kind`, `reasons` and `nearest`, one a target.
    """
    if isinstance(asked, tuple):
        found = _of_file(edge, *asked, parameters)
    elif parameters:
        raise click.UsageError("-p goes with FILE.py: a reference has its parameters")
    else:
        found = [explain(asked, store=edge.store)]
    report([one.to_dict() for one in found], lambda: "\n".join(map(_text, found)), as_json)


def _of_file(
    edge: CommandContext, file: Path, stage: str | None, parameters: Sequence[tuple[str, Any]]
) -> "list[Explanation]":
    edge.near(file)
    try:
        choice = Program.load(file).choose(stage)
        store = edge.store_of_program(reading=True)
        closure = declared(choice, parameters, store)
    except PystoreError as error:
        raise located(error) from error.__cause__
    return list(leaves(explain(closure, store=store)))


def _text(one: "Explanation") -> str:
    first, *others = one.reasons
    lines = [printable(first), *(f"  {printable(reason)}" for reason in others)]
    return "\n  ".join((click.style(one.dref, bold=True), *lines))
