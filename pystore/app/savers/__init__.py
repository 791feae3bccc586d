"""Savers: write values as files whose bytes follow from the values alone, and read them back.

Nothing is pickled. `choose` has the table of the kinds; each kind has a module of its own.
"""

from .choose import digest_of, load, save, types_in

__all__ = ["digest_of", "load", "save", "types_in"]
