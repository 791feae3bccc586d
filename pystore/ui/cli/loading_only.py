"""Loading only: a user's file that must neither train nor block while it is loaded.

LB1  A file that trains or blocks at its top level is refused, and the line is named.
"""

import ast
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ...core.errors import BadStage
from ...declare.nesting import only_loading
from .program import Program

_LONG = 10.0  # [s] for one statement that imports nothing
_TICK = 0.5  # [s]
_REMEDY = 'put what only the script does under: if __name__ == "__main__":'


def load_only(file: Path, long: float = _LONG) -> Program:
    """The file, loaded. Raises BadStage when it trains, when it blocks, or when it fails."""
    with only_loading(str(file)), _watched(file, long):
        return Program.load(file)


@contextmanager
def _watched(file: Path, long: float) -> Iterator[None]:
    """Looks now and then which statement of the file runs."""
    seen: dict[int, float] = {}

    def look(number: int, frame: FrameType | None) -> None:
        line = _line(frame, file)
        if line is None:
            return
        begun = seen.setdefault(line, time.monotonic())
        if time.monotonic() - begun > long and not _imports(file, line):
            raise BadStage(
                f"{file} blocks while it is loaded",
                at=f"{file}:{line}",
                because="a file that is served is loaded as a module",
                remedy=_REMEDY,
            )

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _line(frame: FrameType | None, file: Path) -> int | None:
    """The line of the file's top level that runs."""
    path = str(file.resolve())
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None


def _imports(file: Path, line: int) -> bool:
    """Whether the statement at this line imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True  # it was edited meanwhile
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return any(one.lineno <= line <= (one.end_lineno or one.lineno) for one in imports)
