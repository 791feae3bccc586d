"""Nesting: where we are, so that a build started inside a build is an error and never a hang.

A thread that a realizer starts is on its own: whether it belongs to one cannot be known.
"""

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


def refuse_nested(verb: str) -> None:
    """Raises BadStage when called inside a stage function or a realizer."""
    if place := _where.get():
        raise BadStage(
            f"{verb} was called inside {place}",
            remedy="declare the other stage as an input: put its reference into the config",
        )
