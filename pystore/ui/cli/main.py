"""The program `pystore`: its commands by name, and its exit codes."""

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from types import FrameType
from typing import TextIO

import click

from ...core.errors import BadName, PystoreWarning
from ...core.version import __version__
from ..nearby import Program
from ..settings import coloured, completion_wanted
from . import streams
from .command_context import CommandContext, shared_options
from .exit_codes import DONE, Stopped, code_of, tell

# name → the module of this package with a command of that name; imported when it is needed
COMMANDS: dict[str, dict[str, str]] = {
    "Look": {
        "ls": "ls", "show": "show", "tree": "contents", "cat": "contents", "path": "contents",
        "get": "getting", "find": "find", "log": "log", "logs": "log", "metrics": "metrics",
        "compare": "comparing", "diff": "diff", "explain": "explain", "replay": "again",
        "graph": "graph", "du": "du", "errors": "wrong_rows", "ps": "ps",
        "watch": "watch_attempt",
    },
    "Do": {
        "run": "run", "stop": "ps", "serve": "serve", "predict": "predict", "listen": "listen",
        "listeners": "listen", "db": "listen", "forget": "forget", "commit": "commit",
        "accept": "again", "reject": "rejecting", "gc": "gc",
        "note": "tagging", "tag": "tagging", "untag": "tagging", "pin": "pins", "unpin": "pins",
        "pins": "pins", "rm": "rm", "verify": "verify", "init": "init", "doctor": "doctor",
        "completion": "completion",
    },
    "Share": {
        "push": "exchange", "pull": "exchange", "copy": "exchange", "export": "exchange",
        "import": "exchange", "key": "exchange",
    },
}  # fmt: skip


class Commands(click.Group):
    """The commands, each imported when it is called, listed by family."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help."""
        return [name for family in COMMANDS.values() for name in family]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, which takes the shared options too."""
        module = next((family[name] for family in COMMANDS.values() if name in family), None)
        if module is None:
            return None
        found = importlib.import_module(f"{__package__}.{module}")
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
            near = get_close_matches(name, self._names(ctx))
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

    def _names(self, ctx: click.Context) -> list[str]:
        return self.list_commands(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One table a family."""
        for title, family in COMMANDS.items():
            commands = [(name, self.get_command(ctx, name)) for name in family]
            limit = formatter.width - 16  # beside the longest name
            rows = [
                (name, command.get_short_help_str(limit)) for name, command in commands if command
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _commands_of(command: click.Command) -> list[click.Command]:
    """The commands of a group such as `export`."""
    return [*command.commands.values()] if isinstance(command, click.Group) else []


def _add_shared_options(command: click.Command) -> None:
    taken = {parameter.name for parameter in command.params}
    options = shared_options()
    if any(parameter.type.name.startswith("REF") for parameter in command.params):
        options.append(importlib.import_module(f"{__package__}.ref").by_code())
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
        tell(error, command.debug)
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
