"""pystore reject: a result that must not be used."""

import click

from ...ask.inspection.short_refs import find_ref
from ...core.errors import BadRef, NotInStore
from ...core.options import Scope
from ...core.printable import counted, listed, printable
from ...core.refs import RRef
from ...store.store import Store
from ...store.upkeep import reject as reject_realization
from ...store.upkeep import rejected
from .command_context import CommandContext, with_command
from .ref import RefType


def _find(text: str, *, code: Scope, store: Store) -> RRef:
    """The realization that is meant, or the only one of a derivation. Raises BadRef, NotInStore."""
    ref = find_ref(text, code=code, store=store)
    if isinstance(ref, RRef):
        return ref
    found = store.realizations(ref)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotInStore(
            "no realization of this is here",
            ref=ref,
            remedy="name the realization itself: pystore log lists what was made",
        )
    raise BadRef(
        f"this derivation has {counted(len(found), 'realization')}",
        ref=ref,
        realizations=listed(found, "\n", most=10),
        remedy=f"name one of them, or {ref.short}@latest",
    )


ONE = RefType(_find)


@click.command()
@click.argument("ref", type=ONE)
@click.argument("reason")
@with_command
def reject(command: CommandContext, /, ref: RRef, reason: str) -> None:
    """Take a realization out of matching and statistics.

    REF is a realization, or a derivation that has one only. No matcher chooses it any more, and no
    table counts it; its bytes and the reason stay. A second reason takes the place of the first.

    \b
    pystore reject train@latest "label leak"
    """
    before = rejected(ref, store=command.store).get(ref)
    reject_realization(ref, reason, store=command.store)
    was = f" (before: {printable(before)})" if before not in (None, reason) else ""
    click.echo(f"rejected {ref}: {printable(reason)}{was}")
