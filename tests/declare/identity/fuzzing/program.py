"""Programs: a leaf in at most two carriers, written out as the files of a project."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from .way import Carrier, Leaf, fill

MAIN = """\
{imports}
from pystore import output, stage

{setup}

thing = {item}


def told():
    {lines}
    text = {show}
    return str(text)


@stage
def s(o=output("o.txt")):
    o.write_text(told())
"""


@dataclass(frozen=True)
class Source:
    """A program as text: its files by their names, and its environment."""

    files: dict[str, str]
    environ: dict[str, str]


@dataclass(frozen=True)
class Program:
    """A leaf, the carriers around it (the outermost last), and what stands in the edited place."""

    leaf: Leaf
    carriers: tuple[Carrier, ...]
    value: str

    @property
    def ways(self) -> tuple[Leaf | Carrier, ...]:
        return (*self.carriers[::-1], self.leaf)

    @property
    def name(self) -> str:
        """The ways, the outermost first, for people."""
        return " > ".join(way.name for way in self.ways)

    @property
    def reads(self) -> frozenset[str]:
        """The edits without a meaning that have one in this program."""
        return frozenset().union(*(way.reads for way in self.ways))

    @property
    def sensible(self) -> bool:
        """Whether a store can know: not of what a stage reads of the world while it runs."""
        world = self.leaf.environ or any(not name.endswith(".py") for name in self.leaf.files)
        return not (world and any(carrier.lazy for carrier in self.carriers))

    @property
    def worn(self) -> bool:
        return any(way.worn for way in self.ways)

    @property
    def warns(self) -> bool | None:
        """Whether a warning is due; None where it is neither due nor wrong."""
        seen: bool | None = False
        for way in (self.leaf, *self.carriers):  # from the inside
            if way.opaque:  # type: ignore[attr-defined]  # a leaf or a carrier
                seen = True
            elif way.may_warn and not seen:  # type: ignore[attr-defined]  # a leaf or a carrier
                seen = None
            if isinstance(way, Carrier) and way.lazy and not way.opaque:
                seen = None if seen else seen
        return seen

    def edits(self) -> Iterator[tuple["Program", "Program"]]:
        """The pairs of programs that one edit with a meaning tells apart."""
        for old, new in permutations(self.leaf.values, 2):
            yield replace(self, value=old), replace(self, value=new)

    def source(self) -> Source:
        """Its text."""
        numbers = [str(index) for index in range(len(self.carriers) + 1)]
        leaf = self.leaf
        value = fill(self.value, n=numbers[0])
        holes = {"v": value, "n": numbers[0]}
        setup, item = fill(leaf.setup, **holes), fill(leaf.make, **holes)
        files = {fill(name, **holes): fill(text, **holes) for name, text in leaf.files.items()}
        uses = [fill(leaf.uses, **holes)]
        held = "thing"
        lines = []
        for carrier, number in zip(self.carriers, numbers[1:], strict=True):
            holes = {"n": number, "item": item, "inner": setup}
            texts = (carrier.setup, *carrier.files.values())
            placed = any("$inner" in text for text in texts)
            files |= {fill(n, **holes): fill(t, **holes) for n, t in carrier.files.items()}
            setup = ("" if placed else setup + "\n") + fill(carrier.setup, **holes)
            item = fill(carrier.make, **holes)
            uses.append(fill(carrier.uses, **holes))
        for carrier, number in zip(self.carriers[::-1], numbers[:0:-1], strict=True):
            lines.append(f"held = {fill(carrier.get, it=held, n=number)}")
            held = "held"
        show = fill(leaf.show, it=held, n=numbers[0], v=value)
        main = MAIN.format(
            imports="\n".join(use for use in uses if use),
            setup=setup.strip("\n"),
            item=item,
            lines="\n    ".join(lines) or "rate = 1",
            show=show,
        )
        environ = {fill(k, n=numbers[0]): fill(v, v=value) for k, v in leaf.environ.items()}
        return Source({"main.py": main, **files}, environ)
