"""Nesting: where we are, so that a build started inside a build is an error and never a hang.

A thread that a realizer starts is on its own: whether it belongs to one cannot be known.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..model.errors import BadStage

_where: ContextVar[str] = ContextVar("pystore where", default="")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Marks what runs in the block as being inside of `place`."""
    token = _where.set(place)
    try:
        yield
    finally:
        _where.reset(token)


def is_inside() -> bool:
    """Whether the caller is inside a stage function or a realizer."""
    return bool(_where.get())


def refuse_nested(verb: str) -> None:
    """Raises BadStage inside a stage function or a realizer, or while a child imports a script."""
    if _is_child_importing():
        raise BadStage(
            f"{verb} was called while a process of multiprocessing imports the script",
            because="a pool that starts its processes anew has them import the main program first",
            remedy='put what only the script does under: if __name__ == "__main__":',
        )
    if place := _where.get():
        raise BadStage(
            f"{verb} was called inside {place}",
            remedy="declare the other stage as an input: put its reference into the config",
        )


def _is_child_importing() -> bool:
    """Whether this process was started by spawn or forkserver, and imports its parent's program."""
    process = sys.modules.get("multiprocessing.process")
    # Private, and what multiprocessing itself asks before it starts a process.
    return process is not None and getattr(process.current_process(), "_inheriting", False)
