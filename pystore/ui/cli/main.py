"""The program `pystore`: its commands by name, and its exit codes."""

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import click

from ...core.errors import BadName, PystoreWarning
from ...core.later import later
from ...core.near_names import near_names
from ...core.version import __version__
from ..nearby import Program
from ..settings import coloured, completion_wanted
from . import collecting, streams
from .command_context import CommandContext, shared_options
from .commands import COMMANDS
from .exit_codes import DONE, Stopped, code_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from . import error_text
else:
    later(globals(), ".error_text")  # it reads the code of users


class Commands(click.Group):
    """The commands, each imported when it is called, listed by family."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help."""
        return [name for family in COMMANDS.values() for name in family]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, which takes the shared options too."""
        listed = next((family[name] for family in COMMANDS.values() if name in family), None)
        if listed is None:
            return None
        found = importlib.import_module(f"{__package__}.{listed.module}")
        command = getattr(found, f"{name}_command", None) or getattr(found, name)
        assert isinstance(command, click.Command)
        for one in (command, *_commands_of(command)):
            _add_shared_options(one)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed. Raises BadName, with the nearest."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and name not in self._names(ctx):
            near = near_names(name, self._names(ctx))
            raise BadName(
                "no such command",
                given=name,
                closest=", ".join(near) or None,
                remedy="pystore --help",
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; every usage error names it, also one that click finds before."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if name else None
            if error.ctx is None and command:
                error.ctx = click.Context(command, ctx, name)
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """The commands that begin like this, none of which is imported."""
        from click.shell_completion import CompletionItem  # late for weight

        found = [
            CompletionItem(name, help=listed.help)
            for family in COMMANDS.values() for name, listed in family.items()
            if name.startswith(incomplete)
        ]  # fmt: skip
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def _names(self, ctx: click.Context) -> list[str]:
        return self.list_commands(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One table a family."""
        for title, family in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, listed.help) for name, listed in family.items()])


def _commands_of(command: click.Command) -> list[click.Command]:
    """The commands of a group such as `export`."""
    return [*command.commands.values()] if isinstance(command, click.Group) else []


def _add_shared_options(command: click.Command) -> None:
    taken = {parameter.name for parameter in command.params}
    options = shared_options()
    if any(parameter.type.name.startswith("REF") for parameter in command.params):
        by_code = importlib.import_module(f"{__package__}.ref").by_code
        own = {parameter.name for parameter in command.params if parameter.expose_value}
        options.append(by_code("--of-code" if "code" in own else "--code"))
    command.params += [option for option in options if option.name not in taken]


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[*shared_options()],
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, "--version", message="pystore %(version)s")
@click.pass_context
def pystore(ctx: click.Context) -> None:
    """A content-addressed build store for machine-learning stages.

    REF is a reference or its short form: the first digits of a hash, a name (mnist), name@latest,
    name@best:accuracy.txt, or a pin.

    Exit codes: 0 done, 1 a build failed, 2 usage, 3 damaged store, 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Runs the command that was typed, and exits with its code."""
    collecting.seldom()
    streams.prepare()
    if wanted := completion_wanted():
        from click.shell_completion import shell_complete

        from . import completion  # noqa: F401  # Bash is completed in our own way

        obj = {"obj": CommandContext()}
        sys.exit(shell_complete(pystore, obj, "pystore", "_PYSTORE_COMPLETE", wanted))
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _stop)
    sys.exit(run(sys.argv[1:]))


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns the exit code. Errors go to standard error."""
    command = CommandContext()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", PystoreWarning)  # a line for people, never an error
            warnings.showwarning = _warn
            return _invoke(command, arguments)
    except BrokenPipeError:
        _forget_output()  # its reader has gone, as `| head` does: no failure
        return DONE
    except BaseException as error:
        if isinstance(error, OSError):
            _forget_output()  # or Python would try again when it ends, and complain
        error_text.tell(error, command.debug)
        return code_of(error)
    finally:
        Program.file = None


def _forget_output() -> None:
    """Drops the text that could not be written to standard output."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _invoke(command: CommandContext, arguments: Sequence[str]) -> int:
    try:
        with pystore.make_context("pystore", [*arguments], obj=command, color=coloured()) as ctx:
            pystore.invoke(ctx)
        return DONE
    except click.exceptions.Exit as end:
        return end.exit_code
    finally:
        sys.stdout.flush()


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, PystoreWarning):
        text = f"{click.style('pystore: warning:', fg='yellow')} {message}"
    else:  # somebody else's, as Python shows it
        text = warnings.formatwarning(message, category, filename, lineno, line).rstrip()
    click.echo(text, err=True, color=coloured())
