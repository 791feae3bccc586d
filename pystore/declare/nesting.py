"""Nesting: tells that a build was started inside a build, which would hang.

A thread that a realizer starts counts as outside: nobody can know whether it belongs to one.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NamedTuple

from ..core.errors import BadStage


class _Place(NamedTuple):
    name: str
    frame: FrameType  # that runs the block: Ctrl-C may prevent the reset at its end


_where: ContextVar[_Place | None] = ContextVar("pystore where", default=None)

_loaded: ContextVar[str | None] = ContextVar("pystore only loading", default=None)


@contextmanager
def only_loading(file: str) -> Iterator[None]:
    """Refuses builds inside the block, in which this file is loaded."""
    token = _loaded.set(file)
    try:
        yield
    finally:
        _loaded.reset(token)


def file_that_is_loaded() -> str | None:
    """The file that is only loaded now, if any."""
    return _loaded.get()


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Marks the code in the block as inside the place with this name."""
    token = _where.set(_Place(name, sys._getframe(2)))  # above this frame, and that of `with`
    try:
        yield
    finally:
        _where.reset(token)


def is_inside() -> bool:
    """Whether the caller is inside a stage function or a realizer."""
    return bool(_place())


def refuse_nested(verb: str) -> None:
    """Raises BadStage inside a stage function or a realizer, or where a file is only loaded."""
    if _is_child_importing():
        raise BadStage(
            f"{verb} was called while a process of multiprocessing imports the script",
            because="a pool that starts its processes anew has them import the main program first",
            remedy='put what only the script does under: if __name__ == "__main__":',
        )
    if file := _loaded.get():
        raise BadStage(
            f"{verb} was called while {file} is only loaded",
            because="a file that is served must neither train nor block",
            remedy='put what only the script does under: if __name__ == "__main__":',
        )
    if place := _place():
        raise BadStage(
            f"{verb} was called inside {place}",
            remedy="declare the other stage as an input: put its reference into the config",
        )


def _place() -> str:
    """The name of the place around the caller; empty if there is none."""
    place, frame = _where.get(), sys._getframe()
    while place is not None and frame is not place.frame:
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return "" if place is None else place.name


def _is_child_importing() -> bool:
    """Whether spawn or forkserver started this process, and it imports its parent's program."""
    process = sys.modules.get("multiprocessing.process")
    # Private; multiprocessing itself asks this before it starts a process.
    return process is not None and getattr(process.current_process(), "_inheriting", False)
