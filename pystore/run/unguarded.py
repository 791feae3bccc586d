"""Refuses pools in realizers of scripts without a main guard.

Processes that spawn and forkserver start import the main program of their parent. If a script
calls `realize` at its top level, they call it too, and a pool that sees them die starts others for
ever.
"""

import ast
import sys
import threading
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from ..core.errors import BadStage
from ..declare.nesting import is_inside

_watched: list[object] = []  # the function of multiprocessing that was replaced


def refuse_pools_of_unguarded_scripts() -> None:
    """From now on, a realizer of a script without a main guard cannot start such a pool."""
    if _watched or not _is_unguarded():
        return
    from multiprocessing import spawn  # late for weight: most scripts have a guard

    before = spawn.get_preparation_data
    _watched.append(before)

    def checked(name: str) -> Any:
        if is_inside() and _is_unguarded():
            raise BadStage(
                "the processes of this pool would run the whole script again",
                script=getattr(sys.modules["__main__"], "__file__", None),
                because="they are started by spawn or forkserver, and import the main program",
                remedy='put the call of realize under if __name__ == "__main__":, or give realize '
                "workers=1",
            )
        return before(name)

    spawn.get_preparation_data = checked


def _is_unguarded() -> bool:
    """Whether the main program is running a top-level statement that is under no main guard."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    if main is None or file is None or (spec is not None and spec.name.endswith("__main__")):
        return False
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    line = _line_of(frame, vars(main))
    return line is not None and not _is_guarded(file, line)


@lru_cache(16)
def _is_guarded(file: str, line: int) -> bool:
    """Whether the statement at this line is under a main guard; True if it cannot be read."""
    try:
        statements = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return True  # the file was edited, or is gone
    here = [one for one in statements if one.lineno <= line <= (one.end_lineno or one.lineno)]
    return not here or any(map(_is_guard, here))


def _line_of(frame: FrameType | None, names: dict[str, Any]) -> int | None:
    while frame is not None:
        if frame.f_globals is names and frame.f_code.co_name == "<module>":
            return frame.f_lineno
        frame = frame.f_back
    return None


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )
