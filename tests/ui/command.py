"""The command line in a process of its own, plain or behind a pseudo-terminal."""

import subprocess
import sys
from pathlib import Path

import pexpect
from project import importing

PROGRAM = [sys.executable, "-m", "pystore"]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change the output."""
    kept = {k: v for k, v in importing().items() if not k.startswith(("PYSTORE", "NO_COLOR"))}
    return {**kept, "TERM": "xterm", "COLUMNS": "100", **more}


def pystore_command(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command, without a terminal."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def in_terminal(*arguments: object, cwd: Path, **env: str) -> "pexpect.spawn[str]":
    """Starts the command behind a pseudo-terminal."""
    return pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], *map(str, arguments)],
        cwd=str(cwd),
        env=environment(**env),
        encoding="utf-8",
        dimensions=(40, 100),
        timeout=60,
    )
