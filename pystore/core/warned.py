"""Warnings about what was read: told and counted, so that no answer that needs one is remembered.

Each thread has a count of its own.
"""

import warnings
from contextvars import ContextVar

from .errors import PystoreWarning

_told: ContextVar[int] = ContextVar("warnings that were told", default=0)


def warn(text: str, *, stacklevel: int = 1) -> None:
    """Warns, as of the caller of this function, or of one further up."""
    _told.set(_told.get() + 1)
    warnings.warn(text, PystoreWarning, stacklevel=stacklevel + 1)


def told() -> int:
    """How often this thread has warned, whether filters have let that through or not."""
    return _told.get()
