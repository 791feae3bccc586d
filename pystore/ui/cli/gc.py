"""pystore gc: the realizations that nothing keeps, and their removal."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import click

from ...ask.inspection.short_refs import metric_and_mode
from ...core.gc_policy import GcPolicy, keep_best, keep_latest
from ...core.printable import counted
from ...store.gc import Garbage, collect
from ..quantities import size
from .asking import agreed, check_can_ask, yes
from .columns import columns
from .command_context import CommandContext, as_json, report, with_command


@click.command()
@click.option(
    "--keep-latest",
    "latest",
    metavar="N",
    type=click.IntRange(min=1),
    help="Keep the N latest realizations of each derivation.",
)
@click.option(
    "--keep-best",
    "best",
    metavar="FILE[:min][:N]",
    multiple=True,
    help="Keep the N (1) with the highest number in this file, with :min the lowest, of each "
    "derivation.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Keep neither the latest nor what matchers would choose: only what is pinned or in use.",
)
@click.option("--delete", is_flag=True, help="Remove it, after asking.")
@click.option("-v", "--verbose", is_flag=True, help="Name each realization.")
@yes
@as_json
@with_command
def gc(command: CommandContext, /, delete: bool, yes: bool, as_json: bool, **options: Any) -> None:
    """Show what nothing keeps, and with --delete remove it.

    Kept is what a pin names, what a running process uses, and all that these were built from. So
    is what the options name; without any, the latest realization of each derivation, and what the
    matchers that have been used would choose. Attempts and their metrics always stay.

    --json: an object with `removed`, `size` and `shared` in bytes, `realizations` and `leftovers`,
    and `left`: objects with `path`, `owner` and `because` for what is not ours to remove.

    \b
    pystore gc --keep-latest 2 --keep-best accuracy.txt
    pystore gc --delete
    """
    keep = list(_policies(options["latest"], options["best"]))
    if keep and options["everything"]:
        raise click.UsageError("--all keeps nothing more: leave out --keep-latest and --keep-best")
    wanted = keep if keep or options["everything"] else None
    if delete:
        check_can_ask(yes)
    found = collect(command.store, wanted)
    if not as_json:
        click.echo(_text(found, options["verbose"], delete))
    empty = not (found.realizations or found.litter)
    if delete and not empty and agreed("Remove them?", yes):
        found = collect(command.store, wanted, dry_run=False)
        if not as_json:
            click.echo("\n".join([f"removed {_total(found)}", *found.obstacles]))
    report([found], str, as_json)


def _policies(latest: int | None, best: Iterable[str]) -> Iterable[GcPolicy]:
    if latest is not None:
        yield keep_latest(latest)
    for text in best:
        rest, colon, number = text.rpartition(":")
        counted = bool(colon) and number.isdecimal() and int(number) > 0
        file, mode = metric_and_mode(rest if counted else text)
        yield keep_best(file, int(number) if counted else 1, mode)


def _total(garbage: Garbage) -> str:
    words = f"{counted(len(garbage.realizations), 'realization')}, {size(garbage.size)}"
    if garbage.shared:
        words += f" ({size(garbage.shared)} of it in files that stay)"
    if garbage.litter:
        words += f", and {counted(len(garbage.litter), 'leftover')} of ended processes"
    return words


def _text(garbage: Garbage, each: bool, delete: bool) -> str:
    """A line for each stage, or with `each` for each realization, that would be removed."""
    if not garbage.realizations and not garbage.litter:
        return "\n".join(["nothing to remove", *garbage.obstacles])
    lines = [f"would remove {_total(garbage)}"]
    found = garbage.realizations.items()
    if each and found:
        named = [(rref.name, size(count), str(rref)) for rref, count in found]
        lines.append(columns(["stage", "size", "realization"], named, right=["size"]))
    elif found:
        counts, sizes = Counter[str](), Counter[str]()
        for rref, count in found:
            name = rref.name
            counts[name] += 1
            sizes[name] += count
        rows = [(n, str(counts[n]), size(sizes[n])) for n in sorted(counts)]
        names = ["stage", "realizations", "size"]
        lines.append(columns(names, rows, right=["realizations", "size"]))
    lines += garbage.obstacles if not delete else []  # said when it is done
    if not delete:
        lines.append("try: pystore gc --delete, or pystore pin NAME REF for what should stay")
    return "\n".join(lines)
