"""Once: one call that declares much looks at the code of each function once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Asked = set[tuple[int, str]]  # functions, by their ids, and how far their code was followed


asked: ContextVar[Asked | None] = ContextVar("pystore code asked", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """In the block, the code of a function is looked at once, however often it is asked for.

    To tell whether a large array has changed takes a while.
    """
    token = asked.set(set())
    try:
        yield
    finally:
        asked.reset(token)
