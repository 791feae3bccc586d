"""pystore on the command line: the commands by name, and how they end.

Exit codes: 0 done, 1 a build failed, 2 usage, 3 damaged store, 130 interrupted.
"""

import importlib
import os
import sys
from pathlib import Path

import click

from ...model.errors import (
    BuildError,
    Corrupted,
    FetchError,
    MatcherUnsatisfied,
    PystoreError,
    StoreBusy,
)
from ...model.version import __version__
from .edge import Edge

# name → the module of this package with a command of that name; imported when it is needed
COMMANDS: dict[str, dict[str, str]] = {
    "Look": {},
    "Do": {},
}
FAILED, USAGE, DAMAGED, INTERRUPTED = 1, 2, 3, 130
_FAILURES = (BuildError, MatcherUnsatisfied, FetchError, StoreBusy)


class Commands(click.Group):
    """The commands, each imported when it is called, listed by family."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help."""
        return [name for family in COMMANDS.values() for name in family]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name."""
        module = next((family[name] for family in COMMANDS.values() if name in family), None)
        if module is None:
            return None
        found = importlib.import_module(f"{__package__}.{module}")
        command = getattr(found, f"{name}_command", None) or getattr(found, name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One table a family."""
        for title, family in COMMANDS.items():
            commands = [(name, self.get_command(ctx, name)) for name in family]
            rows = [(name, command.get_short_help_str(70)) for name, command in commands if command]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--store", "root", type=click.Path(path_type=Path), help="The store's folder [PYSTORE_ROOT]."
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(__version__, "--version", message="pystore %(version)s")
@click.pass_context
def pystore(ctx: click.Context, root: Path | None, debug: bool) -> None:
    """A content-addressed build store for machine-learning stages.

    REF is a reference or its short form: the first digits of a hash, a name (mnist), name@latest,
    name@best:accuracy.txt, or a pin.
    """
    ctx.obj = Edge(root, debug)


def main() -> None:
    """Runs the command that was typed, and exits with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line. Returns the exit code; mistakes are told on standard error."""
    debug = "--debug" in arguments
    try:
        pystore.main(arguments, prog_name="pystore", standalone_mode=False)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except PystoreError as error:
        if debug:
            raise
        click.echo(f"pystore: {error}", err=True)
        return code_of(error)
    except (click.Abort, KeyboardInterrupt):
        if debug:
            raise
        click.echo("pystore: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does: not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        if debug:
            raise
        click.echo(f"pystore: {error}", err=True)
        return FAILED


def code_of(error: PystoreError) -> int:
    """The exit code that says whose fault it was."""
    if isinstance(error, Corrupted):
        return DAMAGED
    return FAILED if isinstance(error, _FAILURES) else USAGE
