"""pystore predict: the predictions of a model for the rows of a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click
from click.shell_completion import CompletionItem

from ...core.matchers import Matcher
from ...core.printable import counted, listed
from .command_context import CommandContext, with_command
from .models import loaded_of, model_of
from .parameters import complete_target
from .ways import Way

if TYPE_CHECKING:
    from ...app.scoring import Scored


def _targets(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return complete_target(begun)


@click.command()
@click.argument("target", metavar="FILE.py[:MODEL]", shell_complete=_targets)
@click.argument("rows", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="The file to write, .csv or .parquet; - for CSV on standard output.",
)
@click.option(
    "--follow",
    "matcher",
    type=Way(),
    metavar="WAY",
    help="The model to ask: latest, best:METRIC, best:METRIC:min [the matcher of the model].",
)
@click.option("--pin", metavar="NAME", help="Ask the model that this pin names.")
@click.option("--skip-bad", is_flag=True, help="Leave rows that cannot be predicted without one.")
@with_command
def predict(
    command: CommandContext,
    /,
    *,
    target: str,
    rows: Path,
    output: Path,
    matcher: Matcher | None,
    pin: str | None,
    skip_bad: bool,
) -> None:
    """Predict all rows of a .csv or .parquet file with a model.

    ROWS is a file, or - for CSV on standard input. The output has the columns of the input, and
    `prediction` and `rref`. One realization predicts the whole file, which appears when it is
    whole: a row that cannot be predicted is named, and ends the command. The cells of CSV stay the
    texts that they are, also in Parquet; predictions that are lists or dicts are written as JSON.

    \b
    pystore predict app.py rows.parquet -o out.parquet --follow best:test
    pystore predict app.py - -o - --pin serving < rows.csv > out.csv
    """
    if matcher is not None and pin is not None:
        raise click.UsageError("Choose the model once: --follow or --pin")
    from ...app.scoring import score  # for weight: all of numpy

    model = model_of(command, target)
    with command.store_of_program(reading=True).use():
        loaded = loaded_of(model, matcher, pin)
        try:
            source, out = _stream(rows, sys.stdin), _stream(output, sys.stdout)
            click.echo(_told(score(loaded, source, out, skip_bad=skip_bad)), err=True)
        finally:
            loaded.close()


def _stream(path: Path, standard: TextIO) -> Path | BinaryIO:
    """The standard stream where the path is -."""
    return standard.buffer if str(path) == "-" else path


def _told(scored: "Scored") -> str:
    lines = [f"predicted {counted(scored.rows - len(scored.bad), 'row')} by {scored.rref}"]
    if scored.bad:
        first = listed((f"{scored.word} {number}" for number in scored.bad), most=10)
        lines.append(f"{counted(len(scored.bad), 'row')} without a prediction: {first}")
    return "\n".join(lines)
