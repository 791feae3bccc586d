"""On end: a command of the user that is run when a run has ended, or when a pin has moved.

OE1  The command is run as it stands, without a shell, and gets facts as environment variables.
OE2  A command that fails, or takes too long, is a warning: nothing is lost, and nothing else fails.
OE3  A command that cannot be run at all is an error before work starts.
OE4  What the command does with pystore runs no such command again.
"""

import shlex
import shutil
import signal
import subprocess
import warnings
from collections.abc import Mapping
from contextlib import suppress
from os import killpg

from ..core.errors import BadSettings, PystoreError, PystoreWarning
from . import settings

_PATIENCE = 60.0  # [s] that the command may take
_STANDARD_ERROR = 2  # standard output may be read by a program


def words_of(command: str) -> list[str]:
    """The program and its arguments. Raises BadSettings when it cannot be run (OE3)."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise _bad(command, f"it is no command: {error}") from None
    if not words:
        raise _bad(command, "it is empty")
    if shutil.which(words[0]) is None:
        raise _bad(command, f"there is no program {words[0]}")
    return words


def call_command(command: str, outcome: str, facts: Mapping[str, object]) -> None:
    """Runs the command, and waits for it. A fact that is empty is left out (OE1, OE2)."""
    told = {"OUTCOME": outcome, **facts}
    variables = {f"PYSTORE_{key}": str(value) for key, value in told.items() if value}
    variables["PYSTORE_ON_END"] = ""  # OE4
    try:
        code = _run(words_of(command), settings.environment(variables))
    except (OSError, ValueError, PystoreError) as error:
        return _warn(command, str(error))
    except subprocess.TimeoutExpired:
        return _warn(command, f"it was ended after {_PATIENCE:.0f} s")
    if code:
        _warn(command, f"it ended with {code}")


def pin_moved(root: str, name: str, rref: str, before: str) -> None:
    """Runs the command of the settings: a pin means another realization now."""
    try:
        command = settings.on_end()
    except BadSettings as error:
        return warnings.warn(str(error), PystoreWarning, stacklevel=3)
    if command:
        facts = {"ROOT": root, "PIN": name, "REFS": rref, "BEFORE": before}
        call_command(command, "promoted", facts)


def _run(words: list[str], environment: dict[str, str]) -> int:
    """Runs a program in a session of its own; what it starts ends with it when time is up."""
    with subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=_STANDARD_ERROR,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(_PATIENCE)
        except BaseException:
            with suppress(ProcessLookupError):
                killpg(process.pid, signal.SIGKILL)
            raise


def _bad(command: str, because: str) -> BadSettings:
    return BadSettings(
        "the command to run at the end cannot be run",
        given=command[:200],
        because=because,
        remedy="name a program: notify-send training; a shell must be named: sh -c '…'",
    )


def _warn(command: str, because: str) -> None:
    what = f"the command at the end, {command[:200]}: {because}"
    warnings.warn(what, PystoreWarning, stacklevel=3)
