"""Options that say which attempts are meant, and their table as CSV."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ...ask.experiments.table import named_apart, to_csv
from ...ask.finding.attempts import Found, Wanted
from ...ask.finding.values import FACTS, Values
from ...ask.inspection.moment import moment
from ...core.attempt import Attempt
from ...core.errors import in_one_line
from ...core.instants import utc
from .command_context import CommandContext
from .ref import begun_so, complete, typed

_NAMES = ("where", "since", "failed", "host", "tag", "sort")


def wanted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that say which attempts are meant; it gets them as `wanted`."""

    @functools.wraps(function)
    def with_wanted(*args: Any, **given: Any) -> Any:
        named = {name: given.pop(name) for name in _NAMES}
        if named["since"] is not None:
            store = click.get_current_context().ensure_object(CommandContext).store
            named["since"] = moment(named["since"], store)
        return function(*args, wanted=Wanted(**named), **given)

    options = [
        where_option,
        click.option(
            "--since",
            metavar="TIME|REF",
            shell_complete=complete,
            help="Begun since: 2026-11-21, 3h, 2d, or the latest attempt of REF.",
        ),
        click.option("--failed", is_flag=True, help="Only those that failed or died."),
        click.option("--host", metavar="NAME|GLOB", help="Only those that ran there."),
        click.option("--tag", metavar="NAME|GLOB", help="Only those with this tag."),
        click.option(
            "--sort",
            metavar="[-]NAME",
            shell_complete=_order,
            help="By a metric, a parameter or a fact; with - the highest first.",
        ),
    ]
    return functools.reduce(lambda done, option: option(done), reversed(options), with_wanted)


def csv_of(found: Found, shown: Sequence[Attempt], names: Iterable[str] = ()) -> str:
    """Attempts as CSV: parameters in which they differ, facts and metrics, a row an attempt.

    Of `names`, which the conditions have, each has a column, too.
    """
    from io import StringIO  # few calls need it

    values = found.values
    told = {*_FACTS, *values.metrics()}
    parameters = list(dict.fromkeys([*found.parameters(), *(n for n in names if n not in told)]))
    facts = named_apart(_FACTS, parameters, "attempt")
    metrics = named_apart(values.metrics(), [*parameters, *facts], "metric")
    cells = [
        *(found.cells(name) for name in parameters),
        *([_FACTS[name](attempt) for attempt in shown] for name in _FACTS),
        *([attempt.metrics.get(name) for attempt in shown] for name in values.metrics()),
    ]
    out = StringIO()
    to_csv(out, [*parameters, *facts, *metrics], zip(*cells, strict=True))
    return out.getvalue()


_FACTS: dict[str, Callable[[Attempt], Any]] = {
    "start": lambda a: utc(a.start).isoformat(),
    "stage": lambda a: a.dref.name,
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "seconds": lambda a: a.duration,
    "seed": lambda a: a.seed,
    "host": lambda a: a.host,
    "dref": lambda a: a.dref,
    "rref": lambda a: a.rref,
    "error": lambda a: in_one_line(a.error or "") or None,
}


# --- completion ------------------------------------------------------------------------


def _names(ctx: click.Context) -> Iterable[str]:
    """The names of parameters, metrics and facts of what was typed, or of everything."""
    command = ctx.ensure_object(CommandContext)
    given = typed(ctx).get("refs") or command.store.drefs()
    values = Values(command.store.holdings({ref.dref for ref in given}), command.store)
    return [*values.parameters(), *values.metrics(), *FACTS]


def _condition(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names that may begin the last condition, each with a sign."""
    before, space, begun = incomplete.rpartition(" ")
    if set(begun) & set("=<>!"):
        return []
    return [f"{before}{space}{name}=" for name in begun_so(lambda: _names(ctx), begun)]


def _order(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names by which attempts can be sorted."""
    sign = "-" if incomplete.startswith("-") else ""
    return [sign + name for name in begun_so(lambda: _names(ctx), incomplete.removeprefix("-"))]


where_option = click.option(
    "--where",
    metavar="CONDITIONS",
    shell_complete=_condition,
    help="Such as 'epochs=3 accuracy.txt>0.9 data.seed=1..5 host=gpu*'.",
)

of_steps_option = click.option(
    "--of-steps",
    type=click.Choice(["max", "min", "last"]),
    help="Of a metric over steps, take the highest, the lowest or the last [last].",
)
