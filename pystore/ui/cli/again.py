"""pystore accept, replay: an earlier result, and a stage of a file as it is now."""

import click

from ...ask.replay import replay
from ...core.derivation import Closure, Derivation
from ...core.errors import BadStage, BuildError, PystoreError
from ...core.printable import listed
from ...core.refs import RRef
from ...run.acceptance import accept_in
from ...store.store import Store
from .chosen import Chosen
from .command_context import CommandContext, as_json, report, with_command
from .declared import Given, declared
from .error_text import located
from .exit_codes import FAILED
from .parameters import complete_target, takes_parameters
from .ref import RREF
from .streams import standard_output

_target = click.argument(
    "target",
    metavar="FILE.py[:STAGE]",
    shell_complete=lambda ctx, parameter, begun: complete_target(begun),
)


@click.command("accept")
@click.argument("ref", type=RREF)
@_target
@takes_parameters
@as_json
@with_command
def accept_command(
    command: CommandContext, /, *, ref: RRef, target: str, parameters: Given, as_json: bool
) -> None:
    """Let an earlier result count for a stage as it is now.

    For a change that does not matter: of code, or a new parameter with a neutral default. REF is
    the earlier realization; of a derivation or a name, the latest. Inputs of the stage that are
    missing are built. The records remember what was accepted, and by whom.

    --json: an object with `rref`, `path` and `metrics`.
    """
    with standard_output(as_json):
        closure, new, store = _one(command, target, parameters)
        try:
            accepted = accept_in(closure, ref, new, store)
        except PystoreError as error:
            raise located(error) from error.__cause__
    (one,) = Chosen.all([accepted], store)
    report([one], lambda: f"accepted {ref}\n{one}", as_json)


@click.command("replay")
@click.argument("ref", type=RREF)
@_target
@takes_parameters
@as_json
@with_command
def replay_command(
    command: CommandContext, /, *, ref: RRef, target: str, parameters: Given, as_json: bool
) -> None:
    """Run the attempt that made REF again, and compare the bytes.

    It runs with its seed and its inputs, and nothing of it is kept. The stage must be the one that
    has made REF, with the same parameters. Exits with 1 where bytes differ.

    --json: an object with `rref`, `seed`, `agrees`, and `differing`, the paths of artifacts.
    """
    with standard_output(as_json):
        _, derivation, store = _one(command, target, parameters)
        try:
            found = replay(derivation, ref, store=store)
        except PystoreError as error:
            raise located(error) from error.__cause__
        except (Exception, SystemExit) as error:  # of the stage
            told = located(error)
            raise BuildError(told.what, remedy=told.remedy, **told.facts) from error
    report([found], lambda: str(found), as_json)
    if not found.agrees:
        raise click.exceptions.Exit(FAILED)


def _one(
    command: CommandContext, target: str, parameters: Given
) -> tuple[Closure, Derivation, Store]:
    """The one derivation that a stage of a file declares, and its store."""
    try:
        found = declared(command, target, parameters)
    except PystoreError as error:
        raise located(error) from error.__cause__
    drefs = found.closure.drefs
    if len(drefs) != 1:
        raise BadStage(
            f"{found.name} declares {len(drefs):,} targets, and one is needed",
            targets=listed(drefs, "\n", 5),
            remedy="name a stage of one target, and give each parameter once",
        )
    store = command.store
    return found.closure, found.closure[drefs[0]], store
