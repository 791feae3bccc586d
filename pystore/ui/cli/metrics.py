"""pystore metrics: the metrics of attempts, with their statistics."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ...ask.experiments.differing import differing
from ...ask.experiments.results import Results, results
from ...ask.experiments.summary import Summary
from ...core.errors import BadMetric
from ...core.extremes import Over
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .columns import columns, in_terminal, ref
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS, begun_so, metrics_of, typed
from .wanted import of_steps_option

_NONE = (
    "no attempt has a metric: build_metric(build, name, number) tells one, and a file whose first "
    "line is a number is one by -m FILE"
)
_UNFIT = "no attempt fits --where: pystore log shows the parameters and metrics that there are"
# Columns that a narrow terminal goes without.
_SPARE = ("min", "max", "failed", "95%", "std", "tags")


def _recorded(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The metrics of the derivations that were typed."""
    command = ctx.ensure_object(CommandContext)
    return begun_so(lambda: metrics_of(_drefs(typed(ctx)["refs"]), command.store), incomplete)


def _varied(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The parameters in which the derivations that were typed differ."""
    command = ctx.ensure_object(CommandContext)

    def names() -> Iterator[str]:
        config_of = command.store.config
        told = differing({d: config_of(d) for d in _drefs(typed(ctx)["refs"])}, config_of)
        return (name for parameters in told.values() for name in parameters)

    return begun_so(names, incomplete)


def _drefs(refs: Iterable[Sequence[DRef | RRef]]) -> list[DRef]:
    return list(dict.fromkeys(one.dref for given in refs for one in given))


@click.command()
@click.argument("refs", type=REFS, nargs=-1, required=True, metavar="NAME|GLOB|REF...")
@click.option(
    "-m",
    "--metric",
    "names",
    multiple=True,
    shell_complete=_recorded,
    help="Only this one [all recorded].",
)
@click.option(
    "--over",
    multiple=True,
    shell_complete=_varied,
    help="A parameter that makes no rows of its own.",
)
@click.option("--where", metavar="CONDITIONS", help="Only attempts such as 'epochs=3 seed=1..5'.")
@of_steps_option
@click.option("--min", "least", is_flag=True, help="The least is the best, as of a loss.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the points into this file.")
@as_json
@with_command
def metrics(
    command: CommandContext,
    /,
    *,
    refs: tuple[Sequence[DRef | RRef], ...],
    names: tuple[str, ...],
    over: tuple[str, ...],
    where: str | None,
    of_steps: Over | None,
    least: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show the metrics of all attempts, with mean, std and best.

    Attempts with equal parameters are one row. Of a realization, those of its derivation.

    --json: objects with `metric`, `parameters`, `drefs`, `n`, `failed`, `missing`, `mean`, `std`,
    `low` and `high` of the 95 % interval, `min`, `max`, `best` and `tags`; null where there is
    none.
    """
    store = command.store
    wanted: dict[str, Any] = {
        "over": of_steps,
        "where": where,
        "code": command.code,
        "store": store,
    }
    found = results(*_drefs(refs), metrics=names or None, **wanted)
    summary = found.summary(over=over, mode="min" if least else "max")
    nothing = _UNFIT if where and not len(found) else _NONE
    report(summary, lambda: _text(summary, nothing), as_json)
    if plot is not None:
        _draw(found, over, plot)


def _draw(found: Results, over: tuple[str, ...], file: Path) -> None:
    if len(found.metrics) != 1:
        raise BadMetric(
            "which metric is to be plotted?",
            there_are=", ".join(found.metrics) or "none",
            remedy="name one: -m accuracy.txt",
        )
    figure = found.plot(over=over).figure
    try:
        figure.savefig(file)
    except (ValueError, OSError) as error:  # an ending that stands for no picture; no folder
        raise click.BadParameter(str(error), param_hint="--plot") from None


def _text(summary: Summary, nothing: str) -> str:
    found = summary.table() if in_terminal() else summary.table(widest=None)
    rows = [
        [*row[:-1], ref(group.best) if group.best else ""]
        for row, group in zip(found.rows, summary, strict=True)
    ]
    right = [name for name, numeric in zip(found.header, found.numeric, strict=True) if numeric]
    notes = summary.notes() if any(group.metric for group in summary) else [nothing]
    spare = [name for name in _SPARE if name not in summary.parameters]
    table = columns(found.header, rows, right=right, spare=spare)
    return "\n".join([table, *map(printable, notes)])
