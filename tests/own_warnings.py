"""Warnings of pystore, among those of other threads and of the garbage collector."""

from collections.abc import Iterable
from warnings import WarningMessage

from pystore import PystoreWarning


def ours(told: Iterable[WarningMessage]) -> list[WarningMessage]:
    """Those of pystore: Python also warns of what nobody has closed, at any moment."""
    return [one for one in told if issubclass(one.category, PystoreWarning)]
