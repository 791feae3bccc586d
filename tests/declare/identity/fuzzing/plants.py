"""Plants: faults on purpose in what names a stage, which the harness must find.

Each entry says which verdict must come up. A plant acts in the process of one run.
"""

import array
import collections
import datetime
import decimal
import fractions
import os
import re
import types
import uuid
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pystore
from pystore.declare.identity import kinds

PLANTS: dict[str, Callable[[], None]] = {}
FOUND_AS: dict[str, str] = {}


def planted(name: str, found_as: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a fault and the verdict by which it must be found."""

    def register(plant: Callable[[], None]) -> Callable[[], None]:
        PLANTS[name], FOUND_AS[name] = plant, found_as
        return plant

    return register


def plant(name: str) -> None:
    """Puts a fault into this process."""
    PLANTS[name]()


def _code(code: str) -> None:
    pystore.stage = partial(pystore.stage, code=code)


@planted("no code counts", "stale")
def _nothing() -> None:
    _code("v1")


@planted("the function alone counts", "stale")
def _function() -> None:
    _code("function")


@planted("the text of the main module alone counts", "stale")
def _text() -> None:
    _code(Path("main.py").read_text())


@planted("comments count", "rebuilt")
def _comments() -> None:
    _text()


@planted("the folder counts", "rebuilt")
def _folder() -> None:
    _code(os.getcwd())


@planted("the seed of hashes counts", "rebuilt")
def _seed() -> None:
    _code(str(hash("seed")))


@planted("no warning", "unwarned")
def _silent() -> None:
    warnings.warn = warnings.warn_explicit = lambda *args, **options: None


# A kind of value whose content does not count, and the leaf that must find it.
BLIND: dict[type, str] = {
    array.array: "numbers of C",
    collections.ChainMap: "chain of maps",
    collections.Counter: "counter",
    collections.defaultdict: "default of a dict",
    collections.deque: "length of a deque",
    datetime.timedelta: "time span",
    decimal.Decimal: "decimal",
    dict: "order of a dict",
    fractions.Fraction: "fraction",
    list: "list",
    memoryview: "memory view",
    range: "range",
    re.Pattern: "pattern",
    set: "set of texts",
    slice: "slice",
    types.MappingProxyType: "read-only dict",
    types.SimpleNamespace: "simple namespace",
    uuid.UUID: "uuid",
}
LEAF: dict[str, str] = {}  # the leaf by which such a fault is found


def _blind(kind: type) -> None:
    kinds.VALUES[kind] = lambda writer, value: "()"


for _kind, _leaf in BLIND.items():
    _name = f"the content of a {_kind.__name__} does not count"
    LEAF[_name] = _leaf
    planted(_name, "stale")(partial(_blind, _kind))
