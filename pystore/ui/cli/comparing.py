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
@click.argument("metrics", metavar="[METRIC]...", nargs=-1, shell_complete=_recorded)
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
    """Test whether A is better than B by METRIC.

    A and B are derivations, or all of a NAME or a pattern; of a realization, its derivation.
    Without --paired the test is Welch's, with it Student's for pairs: of attempts with equal values
    of a parameter, of an input (data.seed), or of the seed. Of several metrics, or without METRIC
    of all that both have, a line each; each p is of one test by itself.

    --json: objects with `metric`, `mode`, `paired` or null, `a` and `b` (`n`, `mean`, `std`,
    `low`, `high`, `best`, `expected_best`), and `difference` of the means (`value`, `low`, `high`,
    `t`, `df`, `p`); null where there are too few attempts.
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
        return "\n".join(map(printable, str(found[0]).splitlines()))
    rows = [[printable(one.metric), *one.cells()] for one in found]
    notes = [f"{found[0].test}; each p is of one test by itself"]
    left_out = found[0].left_out
    notes += [str(left_out)] if left_out else []
    table = columns(_HEADER, rows, right=_HEADER[1:], spare=_SPARE)
    return "\n".join([table, *map(printable, notes)])
