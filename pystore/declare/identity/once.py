"""Once: a block in which the code of each function is looked at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Asked = set[tuple[int, str]]  # the ids of functions, and how far their code was followed

asked: ContextVar[Asked | None] = ContextVar("pystore code asked", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """In the block, the code of a function is looked at once, however often it is asked for.

    It takes a while to tell whether a large array has changed.
    """
    token = asked.set(set())
    try:
        yield
    finally:
        asked.reset(token)
