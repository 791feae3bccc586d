"""Extras: packages that only a part of pystore needs, installed by `pystore-stages[extra]`."""

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import PystoreError


@contextmanager
def needs_extra(extra: str, what: str, error: type[PystoreError]) -> Iterator[None]:
    """Raises `error`, which says `what`, where an import inside fails: with package and extra."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise error(
            what, package=missing.name, remedy=f"pip install 'pystore-stages[{extra}]'"
        ) from None
