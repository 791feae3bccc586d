"""Young garbage: what alone is collected while very many objects are made that stay.

A full collection looks at each object that is alive. Python begins one whenever these have grown by
a quarter, so a graph of 100,000 stages would be looked at again and again, in vain.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEVER = 2**31 - 1  # younger collections until a full one


@contextmanager
def collect_young_only() -> Iterator[None]:
    """Without full collections, in all threads; a full one that the program itself asks for runs.

    Where two threads are here, the first one that ends ends it for both.
    """
    before = gc.get_threshold()
    if before[2] == _NEVER:
        yield
        return
    try:
        gc.set_threshold(*before[:2], _NEVER)
        yield
    finally:
        gc.set_threshold(*before)
