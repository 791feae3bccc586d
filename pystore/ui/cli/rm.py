"""pystore rm: remove single realizations or derivations."""

from collections.abc import Sequence

import click

from ...core.errors import InUse
from ...core.printable import counted, listed
from ...core.refs import DRef, RRef
from ...store.remove import dependents, needs, remove
from ...store.store import Store
from .asking import agreed, check_can_ask, yes
from .command_context import CommandContext, with_command
from .ref import REF, refuse_below


@click.command()
@click.argument("refs", metavar="REF...", nargs=-1, required=True, type=REF)
@click.option("--force", is_flag=True, help="Remove it though something needs it.")
@yes
@with_command
def rm(command: CommandContext, /, refs: tuple[DRef | RRef, ...], force: bool, yes: bool) -> None:
    """Remove a realization's bytes, or a derivation with everything.

    Of a realization, the attempts and their metrics stay, and the next run that needs it builds it
    again. What others were built from, what is pinned or in use, is not removed without --force.
    """
    check_can_ask(yes)
    store, wanted = command.store, list(dict.fromkeys(refs))
    for ref in wanted:
        _check(store, ref, wanted, force)
    for ref in wanted:
        click.echo(f"{ref}: {_contents(store, ref)}")
    if agreed("Remove this?" if len(wanted) == 1 else "Remove these?", yes):
        for ref in _dependents_first(store, wanted):
            remove(store, ref, force=force)
        click.echo(f"removed {len(wanted)}")


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


def _dependents_first(store: Store, refs: Sequence[DRef | RRef]) -> list[DRef | RRef]:
    """The same references, each after all that were built from it."""
    left = {ref: dependents(store, ref) - {ref} for ref in refs}
    order: list[DRef | RRef] = []
    while left:
        free = [ref for ref, by in left.items() if not by & left.keys()] or list(left)
        order += free
        left = {ref: by for ref, by in left.items() if ref not in free}
    return order
