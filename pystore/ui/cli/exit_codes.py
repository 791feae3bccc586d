"""The exit codes of the command line, and how it prints errors.

0 done · 1 a build failed · 2 usage · 3 damaged store · 128 + n stopped by signal n (130: Ctrl-C)
"""

import errno
import signal
import traceback

import click

from ...app.errors import Refused
from ...core.errors import (
    SEE_TRACEBACK,
    BuildError,
    Corrupted,
    FetchError,
    Interrupted,
    MatcherUnsatisfied,
    PystoreError,
    StoreBusy,
    UnsafeArchive,
    UntrustedType,
)
from ...store.rights import refusal
from ..settings import coloured
from .frames import frames

_FIRST = ("because", "at", "output", "dref")  # facts that come first, in this order
DONE, FAILED, USAGE, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 130
_FAILURES = (
    BuildError, FetchError, MatcherUnsatisfied, Refused, StoreBusy, UnsafeArchive, UntrustedType,
)  # fmt: skip
_REMEDIES = {
    errno.ENOSPC: "free some space; `pystore gc` says what could go",
    errno.EDQUOT: "free some space; `pystore gc` says what could go",
    errno.EACCES: "`pystore doctor` looks at the permissions of the store",
    errno.EPERM: "`pystore doctor` looks at the permissions of the store",
    errno.EROFS: "name a store that can be written: --store",
}

_TYPES = {"a valid integer range": "a whole number", "a valid float range": "a number"}


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop; the argument is its number."""

    def __str__(self) -> str:
        return signal.Signals(self.args[0]).name


def code_of(error: BaseException) -> int:
    """The exit code that says whose fault it was."""
    match error:
        case Stopped():
            return 128 + int(error.args[0])
        case KeyboardInterrupt() | click.Abort() | Interrupted():
            return INTERRUPTED
        case Corrupted():
            return DAMAGED
        case PystoreError():
            return FAILED if isinstance(error, _FAILURES) else USAGE
        case click.ClickException() | PermissionError():
            return USAGE  # a realizer's PermissionError is a BuildError
        case _:
            return FAILED


def tell(error: BaseException, debug: bool) -> None:
    """Prints the error on standard error; with `debug`, first the traceback."""
    told = as_pystore_error(error)
    prefix = click.style("pystore:", fg="red", bold=True)
    lines = traceback.format_exception(error) if debug and told is not None else []
    message = str(told) if told is not None else "interrupted"
    try:
        click.echo("".join(lines) + f"{prefix} {message}", err=True, color=coloured())
    except OSError:
        pass  # the terminal was closed


def as_pystore_error(error: BaseException) -> PystoreError | None:
    """The error as a PystoreError, with facts and a remedy. None for an interruption."""
    match error:
        case PystoreError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return None
        case click.ClickException():
            return _misused(error)
        case PermissionError() if error.filename is not None:
            return refusal(error)
        case OSError():
            return _failed_system(error)
        case _:
            return PystoreError(
                f"{type(error).__name__}: {error}",
                remedy="run it again with --debug; this may be a mistake of pystore's own",
            )


def located(error: BaseException) -> PystoreError:
    """The error with the place in the user's files, and a remedy for the command line."""
    told = as_pystore_error(error) or PystoreError(
        "interrupted", remedy="run it again: what was built is kept"
    )
    facts = {**told.facts, "at": frames(error.__cause__ or error) or None}
    facts = {name: facts.pop(name, None) for name in _FIRST} | facts
    told.facts = {name: fact for name, fact in facts.items() if fact is not None}
    raised = told.remedy == SEE_TRACEBACK  # the command line shows no traceback
    if raised and {"output", "dref"} <= told.facts.keys():
        told.remedy = f"pystore logs {str(told.dref)[:13]} for all that it printed"
    elif raised or not isinstance(error, (PystoreError, OSError)):
        told.remedy = "run it again with --debug for the whole traceback"
    return told


def _misused(error: click.ClickException) -> PystoreError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    what = _plain(_several_missing(error) or error.format_message().rstrip("."))
    return PystoreError(
        what[:1].lower() + what[1:],
        usage=ctx.command.get_usage(ctx).removeprefix("Usage: ") if ctx else None,
        remedy=f"{ctx.command_path} --help" if ctx else "",
    )


def _several_missing(error: click.ClickException) -> str:
    """All arguments that are needed: click blames `REF...` though the last one is missing."""
    ctx = error.ctx if isinstance(error, click.MissingParameter) else None
    if ctx is None or error.param is None or error.param.nargs != -1:  # type: ignore[attr-defined]
        return ""
    arguments = [p for p in ctx.command.params if isinstance(p, click.Argument)]
    names = [argument.make_metavar(ctx) for argument in arguments]
    return f"missing argument: {' and '.join(names)} are needed" if names[1:] else ""


def _plain(message: str) -> str:
    """A message of click on one line, without the names of its types."""
    for typed, plain in _TYPES.items():
        message = message.replace(typed, plain)
    return " ".join(message.split())


def _failed_system(error: OSError) -> PystoreError:
    what = error.strerror or str(error) or type(error).__name__
    return PystoreError(
        what[:1].lower() + what[1:],
        path=error.filename,
        to=error.filename2,
        errno=errno.errorcode.get(error.errno or 0),
        notes="\n".join(getattr(error, "__notes__", ())) or None,
        remedy=_REMEDIES.get(error.errno or 0, ""),
    )
