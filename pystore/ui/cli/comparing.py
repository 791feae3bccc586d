"""pystore compare: whether one side has better metrics than the other, or was only luckier."""

from collections.abc import Iterable, Sequence

import click

from ...ask.experiments.compare import Comparison, comparisons
from ...core.extremes import Over
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .columns import columns
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS, begun_so, metrics_of, typed
from .wanted import of_steps_option, where_option

_HEADER = ["metric", "n of a", "n of b", "mean of a", "mean of b", "a - b", "95%", "p"]
# Columns that a narrow terminal goes without.
_SPARE = ("mean of a", "mean of b")


def _recorded(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The metrics of the sides that were typed."""
    command = ctx.ensure_object(CommandContext)

    def names() -> list[str]:
        sides = (typed(ctx).get(side) or () for side in "ab")
        return metrics_of((ref.dref for refs in sides for ref in refs), command.store)

    return begun_so(names, incomplete)


@click.command("compare")
@click.argument("a", type=REFS)
@click.argument("b", type=REFS)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    shell_complete=_recorded,
    help="Only this one [all that both have].",
)
@click.option("--paired", metavar="PARAMETER", help="Pair attempts with equal values, as of seed.")
@click.option("--min", "least", is_flag=True, help="The least is the best, as of a loss.")
@where_option
@of_steps_option
@as_json
@with_command
def compare_command(
    command: CommandContext,
    /,
    *,
    a: Sequence[DRef | RRef],
    b: Sequence[DRef | RRef],
    metrics: tuple[str, ...],
    paired: str | None,
    least: bool,
    where: str | None,
    of_steps: Over | None,
    as_json: bool,
) -> None:
    """Say whether A has better metrics than B, or was luckier.

    A and B are names, patterns or derivations; a realization stands for its derivation. All their
    attempts count. A line for each metric says how far the means are apart, with the 95 % interval
    and p of Welch's t-test; with --paired, of the differences between pairs. Each p is of one test
    by itself. Of a single metric, both sides are shown in full.

    --json: objects with `metric`, the numbers of `a` and `b`, `paired`, the difference as `value`
    with `low` and `high` of its 95 % interval, `t`, `df` and `p`; null where there is none.

    \b
    pystore compare train@7751 train@99c4 -m accuracy.txt
    """
    found = comparisons(
        _drefs(a),
        _drefs(b),
        metrics or None,
        paired=paired,
        mode="min" if least else "max",
        where=where,
        over=of_steps,
        code=command.code,
        store=command.store,
    )
    report(found, lambda: _text(found), as_json)


def _drefs(refs: Iterable[DRef | RRef]) -> list[DRef]:
    return list(dict.fromkeys(ref.dref for ref in refs))


def _text(found: Sequence[Comparison]) -> str:
    if len(found) == 1:
        return str(found[0])
    rows = [[printable(one.metric), *one.cells()] for one in found]
    notes = [f"{found[0].test}; each p is of one test by itself"]
    left_out = found[0].left_out
    notes += [str(left_out)] if left_out else []
    table = columns(_HEADER, rows, right=_HEADER[1:], spare=_SPARE)
    return "\n".join([table, *map(printable, notes)])
