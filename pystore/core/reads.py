"""Reads: the things that a stage has seen of its inputs beyond the bytes of their files.

A read is a *kind* and a *place*. A place is a JSON pointer into the stage's config; where that
holds a reference, the next step numbers the realization among those chosen (in the order of
`ordered`), and further steps go into the config of that input. Each read is recorded with the
digest of what was seen, so that it can be compared with the same place of another derivation.

RD1  Configs that differ in references only have equal places: if everything that was seen is the
    same, a stage that asks the same questions gets the same answers.
RD2  A read that cannot be looked up, or that is not understood, counts as different.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol, get_args

from .attempt import Attempt, attempt_text
from .config import Config
from .context import Context
from .dataclasses import dataclass
from .digest import short
from .errors import Corrupted, NotInStore
from .refs import DRef, RRef, is_dref

Kind = Literal[
    "value",  # of the config at a place; of an input's whole config
    "attempts",  # that made a realization
    "tree",  # the bytes of an input's input
    "rref",  # which realization it is
    "dref",  # which derivation it is of
    "same",  # which of the realizations that were read are the same one
    "context",  # of the stage itself
    "store",  # an answer that cannot be looked up again
]

Reads = Mapping[str, str]  # "kind place" → 32 hex


class World(Protocol):
    """The store, as far as reads need it."""

    def config(self, dref: DRef) -> Config:
        """The config of a derivation. Raises NotInStore."""

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore."""

    def tree(self, rref: RRef) -> str:
        """The whole digest of the manifest of a realization. Raises NotInStore."""

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts of a derivation."""


class Node(NamedTuple):
    """The value in a config, or the realization, at a place."""

    value: Any  # of a realization, its config; a Missing where nothing is
    context: Context  # of the realization whose config this is in; of the stage itself
    rref: RRef | None  # if a realization is at the place
    words: str  # the place, for people


@dataclass(frozen=True)
class Missing:
    """Nothing is at this place."""


def key_of(kind: Kind, place: str) -> str:
    """The key of a read."""
    return f"{kind} {place}"


def below(place: str, step: str | int) -> str:
    """The place one step further."""
    return f"{place}/{str(step).replace('~', '~0').replace('/', '~1')}"


def ordered(rrefs: Iterable[RRef], world: World) -> tuple[RRef, ...]:
    """The realizations chosen for one input, in the order of their bytes, as a stage gets them.

    So a list of views or paths is in the same order wherever the bytes are the same.
    """
    found = tuple(rrefs)
    return found if len(found) < 2 else tuple(sorted(found, key=lambda r: (world.tree(r), r)))


def references(value: Any, place: str = "") -> Iterator[tuple[str, DRef]]:
    """The references in a value of a config, each with its place."""
    if is_dref(value):
        yield place, DRef(value)
    elif isinstance(value, (list, dict)):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from references(part, below(place, step))


def digest_of(kind: str, seen: str) -> str:
    """The digest of the text of what was seen, as it is recorded."""
    return short("pystore read 1", f"{kind}\n{seen}".encode())


def text_of_value(value: Any, context: Context) -> str:
    """A value as text, in which a reference is replaced by the number of its realizations."""
    if isinstance(value, Missing):
        return ""
    text = Config({"value": value}).text
    for dref in {dref for _, dref in references(value)}:
        text = text.replace(f'"{dref}"', f'"rref:{len(context.get(dref, ()))}"')
    return text


def text_of_attempts(made: Iterable[Attempt]) -> str:
    """The attempts that made a realization, as text."""
    return "".join(attempt_text(attempt).decode() for attempt in made)


@dataclass(frozen=True)
class Surroundings:
    """The things that a stage with this config sees when these inputs are chosen."""

    config: Config
    inputs: Context
    world: World

    @cached_property
    def _root(self) -> Node:
        return Node(self.config.value, self.inputs, None, "")

    def differing(self, reads: Reads) -> list[str]:
        """The reads at which something else would be seen here."""
        return [key for key in reads if not self._shows(key, reads)]

    def _shows(self, key: str, reads: Reads) -> bool:
        kind, _, place = key.partition(" ")
        try:
            seen = self.same(reads) if kind == "same" else self._seen(kind, self.find(place))
        except (NotInStore, Corrupted):
            return False
        return seen is not None and digest_of(kind, seen) == reads[key]

    def same(self, reads: Reads) -> str:
        """Which of the realizations that were read are the same one, as text."""
        first: dict[RRef, str] = {}
        places = sorted(self._realizations(reads))
        return "\n".join(f"{place} {first.setdefault(rref, place)}" for place, rref in places)

    def mentionable(self, reads: Reads) -> Iterator[tuple[str, str, str]]:
        """The references that an output may mention, as (key of the read, what is seen, digits).

        Those of the stage itself, of its inputs, and of the inputs' inputs that it has read.
        """
        yield key_of("dref", ""), self.config.dref, self.config.dref.digest
        yield key_of("context", ""), self.inputs.digest, self.inputs.digest
        for place, rref in self._realizations(reads):
            yield key_of("rref", place), rref, rref.digest
            yield key_of("dref", place), rref.dref, rref.dref.digest

    def _realizations(self, reads: Reads) -> Iterator[tuple[str, RRef]]:
        for place, dref in references(self.config.value):
            for number, rref in enumerate(ordered(self.inputs.get(dref, ()), self.world)):
                yield below(place, number), rref
        for kind, _, place in (key.partition(" ") for key in reads):
            if kind == "tree" and (inner := self.find(place).rref) is not None:
                yield place, inner

    def _seen(self, kind: str, node: Node) -> str | None:
        """The text of what is seen at a node; None if that cannot be said (RD2)."""
        if kind == "value":
            return text_of_value(node.value, node.context)
        if node.rref is None:
            own = {"context": self.inputs.digest, "dref": self.config.dref}
            return own.get(kind) if node is self._root else None
        match kind:
            case "tree":
                return self.world.tree(node.rref)
            case "dref":
                return node.rref.dref
            case "rref":
                return node.rref
            case "attempts":
                tried = self.world.attempts(node.rref.dref)
                return text_of_attempts(one for one in tried if one.rref == node.rref)
        return None

    def find(self, place: str) -> Node:
        """The node at a place. Raises NotInStore, Corrupted when an input is not whole."""
        node = self._root
        for step in place.split("/")[1:]:
            node = self._step(node, step.replace("~1", "/").replace("~0", "~"))
        return node

    def _step(self, node: Node, step: str) -> Node:
        value, words = node.value, node.words
        if is_dref(value):
            return self._realization(node, step)
        if isinstance(value, list):
            inside = step.isdecimal() and int(step) < len(value)
            part = value[int(step)] if inside else Missing()
            return Node(part, node.context, None, f"{words}[{step}]")
        part = value.get(step, Missing()) if isinstance(value, dict) else Missing()
        return Node(part, node.context, None, f"{words}.{step}" if words else step)

    def _realization(self, node: Node, step: str) -> Node:
        chosen = node.context.get(DRef(node.value), ())
        several = f"{node.words}[{step}]"
        if not step.isdecimal() or int(step) >= len(chosen):
            return Node(Missing(), node.context, None, several)
        rref = ordered(chosen, self.world)[int(step)]
        words = node.words if len(chosen) == 1 else several
        return Node(self.world.config(rref.dref).value, self.world.context(rref), rref, words)

    def in_words(self, key: str) -> str:
        """A read for people, such as `runs[1].k`."""
        kind, _, place = key.partition(" ")
        try:
            words = self.find(place).words
        except (NotInStore, Corrupted):
            words = place
        match kind:
            case "value":
                return f"`{words}`"
            case "rref" | "dref" | "attempts" | "tree" if words:
                return f"{_SAID[kind]} of `{words}`"
            case "dref" | "context":
                return "its own reference"
            case "same":
                return "which of its inputs are one"
        return "what else the store holds"


def most_telling(keys: Iterable[str]) -> list[str]:
    """The most telling reads first, without those that the read of a reference implies."""
    found = set(keys)
    kept = [key for key in found if not key.startswith("dref ") or f"r{key[1:]}" not in found]
    return sorted(kept, key=lambda key: (_TELLING.get(key.partition(" ")[0], 0), key))


_TELLING: Mapping[str, int] = {kind: place for place, kind in enumerate(get_args(Kind))}
_SAID = {
    "attempts": "the attempts",
    "dref": "the derivation",
    "rref": "the reference",
    "tree": "the files",
}
