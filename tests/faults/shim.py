"""The shim: compiles `fi.c`, and arms it inside a process that was started with it preloaded."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

SOURCE = Path(__file__).with_name("fi.c")
MODES = ("off", "trace", "before", "after", "half", "once", "ever", "short")


@dataclass(frozen=True)
class Call:
    """A file-system call under the store: what, where, where to, and its flags."""

    name: str
    path: str
    other: str
    flags: int
    failed: bool = False

    @property
    def writes(self) -> bool:
        """Whether it can be done by half."""
        return self.name == "write" and self.flags > 1

    @property
    def creates(self) -> bool:
        """Whether it opens a file that it may make or empty."""
        return self.name == "open" and bool(self.flags & (os.O_CREAT | os.O_TRUNC))


def compiler() -> str | None:
    """The C compiler, where there is one."""
    return shutil.which("gcc") or shutil.which("cc")


def compile_shim(folder: Path) -> Path:
    """The shared library made of `fi.c`. Raises CalledProcessError."""
    library = folder / "fi.so"
    command = [str(compiler()), "-O2", "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True, capture_output=True, text=True)
    return library


def arm(root: Path, mode: str, at: int = 0, error: int = 0) -> None:
    """Counts this process's calls under `root` from now on; the `at`-th meets its fate."""
    _library().fi_arm(os.fsencode(root), MODES.index(mode), at, error)


def disarm() -> int:
    """Stops. Returns how many calls there were."""
    return int(_library().fi_disarm())


def trace() -> str:
    """The text of the last trace, once disarmed."""
    library = _library()
    library.fi_trace.restype = ctypes.c_char_p
    return os.fsdecode(library.fi_trace())


def hit() -> str:
    """The name of the call that met its fate in this process; empty when none has."""
    library = _library()
    library.fi_hit.restype = ctypes.c_char_p
    return os.fsdecode(library.fi_hit())


def parse_trace(text: str) -> list[Call]:
    """The calls in the text of a trace."""
    calls: list[Call] = []
    for name, path, other, flags in (line.split("\t") for line in text.splitlines()):
        if name == "failed":
            calls[-1] = replace(calls[-1], failed=True)
        else:
            calls.append(Call(name, path, other, int(flags)))
    return calls


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
