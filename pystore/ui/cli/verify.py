"""pystore verify: hashes every byte again, and names each damage."""

import click

from ...core.printable import counted
from ...core.refs import DRef, RRef
from ...store import verify as verification
from ...store.verify import Report
from ..quantities import size
from ..watch.watching import bar
from .command_context import CommandContext, as_json, report, with_command
from .exit_codes import DAMAGED
from .ref import REFS


@click.command()
@click.argument("refs", metavar="[REF]...", nargs=-1, type=REFS)
@click.option(
    "--quarantine", is_flag=True, help="Move what is damaged to trash/, until the next gc."
)
@as_json
@with_command
def verify(
    command: CommandContext, /, refs: tuple[list[DRef | RRef], ...], quarantine: bool, as_json: bool
) -> None:
    """Rehash everything, or what REF names, and tell each damage.

    What is damaged is not used from then on; the next run that needs it builds it again. Ends
    with 3 when there is damage.

    --json: an object with `sound`, `realizations`, `size`, `damages` and `quarantined`.
    """
    only = [ref for found in refs for ref in found]
    with bar() as listener:
        found = verification.verify(
            command.store, quarantine=quarantine, listener=listener, only=only if refs else None
        )
    report([found], lambda: _text(found), as_json)
    if not found.sound:
        raise click.exceptions.Exit(DAMAGED)


def _text(found: Report) -> str:
    what = "sound" if found.sound else counted(len(found.damages), "damage")
    head = f"{counted(found.realizations, 'realization')}, {size(found.size)}: {what}"
    lines = [head, *map(str, found.damages)]
    lines += [f"{rref} is in trash/ until the next gc" for rref in found.quarantined]
    return "\n".join(lines)
