"""Ways: how a thing is made that a stage uses (a leaf), and what may hold it (a carrier).

The texts of a way are templates with these holes:

    $v      the place that is edited (leaves)
    $n      a number of its own in the program, to make names with
    $item   the expression that makes the held thing (carriers); it stands in one text, once
    $inner  what must stand above that expression; at the start of `setup` if no text has it
    $it     the expression that yields the thing, in `show` and `get`
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

HOLES = ("v", "n", "item", "inner", "it")


def fill(text: str, **holes: str) -> str:
    """The text of a template with these holes filled."""
    return Template(text).substitute({**{hole: f"${hole}" for hole in HOLES}, **holes})


@dataclass(frozen=True)
class Leaf:
    """A way to make a thing: `make` yields it, and `show` what tells one edit from the other."""

    name: str
    make: str
    values: tuple[str, ...]
    show: str = "repr($it)"
    setup: str = ""
    uses: str = ""  # the imports that `show` needs
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    opaque: bool = False  # counts by the expression that made it: a warning is due
    may_warn: bool = False  # a warning is neither due nor wrong
    needs: tuple[str, ...] = ()  # packages without which it is left out
    reads: frozenset[str] = frozenset()  # what it reads, so that an edit of that has a meaning
    worn: bool = False  # its use changes what counts by value


@dataclass(frozen=True)
class Carrier:
    """A way to hold a thing: `make` yields the holder, and `get` the held thing again."""

    name: str
    make: str
    get: str
    setup: str = ""
    uses: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    opaque: bool = False
    may_warn: bool = False
    lazy: bool = False  # the thing is made while the stage runs: code alone counts
    needs: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    worn: bool = False


Way = Leaf | Carrier
