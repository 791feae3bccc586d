"""pystore compare: whether one side is better than another, or was only luckier."""

from collections.abc import Sequence

import click

from ...ask.experiments.compare import compare
from ...core.options import Mode
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS
from .wanted import where_option

Side = Sequence[DRef | RRef]


@click.command("compare")
@click.argument("a", type=REFS)
@click.argument("b", type=REFS)
@click.argument("metric")
@click.option("--paired", metavar="KEY", help="Pair attempts by this parameter, such as seed.")
@where_option
@click.option("--min", "least", is_flag=True, help="The least is the best, as of a loss.")
@as_json
@with_command
def compare_command(
    command: CommandContext,
    /,
    *,
    a: Side,
    b: Side,
    metric: str,
    paired: str | None,
    where: str | None,
    least: bool,
    as_json: bool,
) -> None:
    """Test whether A is better than B by METRIC.

    A and B are derivations, or all of a NAME or a pattern; of a realization, its derivation.
    Without --paired the test is Welch's, with it Student's for pairs: of attempts with equal values
    of a parameter, of an input (data.seed), or of the seed.

    --json: an object with `metric`, `mode`, `paired` or null, `a` and `b` (`n`, `mean`, `std`,
    `low`, `high`, `best`, `expected_best`), and `difference` of the means (`value`, `low`, `high`,
    `t`, `df`, `p`); null where there are too few attempts.
    """
    mode: Mode = "min" if least else "max"
    one, other = ([*dict.fromkeys(ref.dref for ref in side)] for side in (a, b))
    store = command.store
    found = compare(one, other, metric, paired=paired, mode=mode, where=where, store=store)
    report([found], lambda: "\n".join(map(printable, str(found).splitlines())), as_json)
