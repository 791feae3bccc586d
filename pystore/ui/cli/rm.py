"""pystore rm: remove single realizations or derivations."""

from collections.abc import Sequence

import click

from ...core.errors import InUse
from ...core.printable import counted, listed
from ...core.refs import DRef, RRef
from ...store.families import remove_family
from ...store.remove import dependents_first, needs, remove
from ...store.store import Store
from .asking import agreed, can_ask, check_can_ask, yes
from .command_context import CommandContext, with_command
from .ref import REF, begun_so, refuse_below


def _families(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    command = ctx.ensure_object(CommandContext)
    return begun_so(lambda: {dref.name for dref in command.store.drefs()}, incomplete)


@click.command()
@click.argument("refs", metavar="REF...", nargs=-1, type=REF)
@click.option(
    "--family",
    metavar="NAME",
    shell_complete=_families,
    help="Remove all derivations of this name, whatever their code.",
)
@click.option("--force", is_flag=True, help="Remove it though something needs it.")
@yes
@with_command
def rm(
    command: CommandContext,
    /,
    refs: tuple[DRef | RRef, ...],
    *,
    family: str | None,
    force: bool,
    yes: bool,
) -> None:
    """Remove a realization's bytes, or a derivation with everything.

    Of a realization, the attempts and their metrics stay, and the next run that needs it builds it
    again. What others were built from, what is pinned or in use, is not removed without --force.

    With --family, all derivations of a stage or a model go, with their realizations and attempts.
    Where nobody can be asked, it shows what would go, and removes nothing without --yes.
    """
    if bool(refs) == (family is not None) or (family is not None and force):
        raise click.UsageError("Name what to remove: REF..., or --family NAME without --force")
    if family is not None:
        return _remove_family(command.store, family, yes)
    check_can_ask(yes)
    store, wanted = command.store, list(dict.fromkeys(refs))
    for ref in wanted:
        _check(store, ref, wanted, force)
    for ref in wanted:
        click.echo(f"{ref}: {_contents(store, ref)}")
    if agreed("Remove this?" if len(wanted) == 1 else "Remove these?", yes):
        for ref in dependents_first(store, wanted):
            remove(store, ref, force=force)
        click.echo(f"removed {len(wanted)}")


def _remove_family(store: Store, name: str, yes: bool) -> None:
    click.echo(remove_family(store, name))
    if not yes and not can_ask():
        click.echo(f"try: pystore rm --family {name} --yes")
    elif agreed("Remove them?", yes):
        click.echo(remove_family(store, name, dry_run=False))


def _check(store: Store, ref: DRef | RRef, wanted: Sequence[str], force: bool) -> None:
    refuse_below(store, ref)
    if ref not in (store.realizations(ref.dref) if isinstance(ref, RRef) else store.drefs()):
        raise store.absent(ref)
    found = {
        name: [n for n in names if n not in wanted] for name, names in needs(store, ref).items()
    }
    if any(found.values()) and not force:
        pinned = " ".join(found["pinned_as"])
        raise InUse(
            "something else needs this",
            ref=ref,
            remedy=f"{f'pystore unpin {pinned}' if pinned else 'remove what needs it first'}, "
            "or add --force",
            **{name: listed(names, "\n") or None for name, names in found.items()},
        )


def _contents(store: Store, ref: DRef | RRef) -> str:
    if isinstance(ref, RRef):
        return "its artifacts; its attempts stay"
    realizations, attempts = len(store.realizations(ref)), len(store.attempts(ref))
    held = counted(realizations, "realization"), counted(attempts, "attempt")
    return f"its config, {' and '.join(held)}"
