"""The exit codes of the command line.

0 done · 1 a build failed · 2 usage · 3 damaged store · 128 + n stopped by signal n (130: Ctrl-C)
"""

import signal
from typing import TYPE_CHECKING

import click

from ...core.errors import (
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
from ...core.later import later

if TYPE_CHECKING:
    from ...app import errors
else:
    later(globals(), "...app.errors")

DONE, FAILED, USAGE, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 130
_FAILURES = (
    BuildError, FetchError, MatcherUnsatisfied, StoreBusy, UnsafeArchive, UntrustedType,
)  # fmt: skip


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
            return FAILED if isinstance(error, (*_FAILURES, errors.Refused)) else USAGE
        case click.ClickException() | PermissionError():
            return USAGE  # a realizer's PermissionError is a BuildError
        case _:
            return FAILED
