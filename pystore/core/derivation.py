"""Derivation and Closure: what to build, and everything it needs.

DE1  Making a derivation touches nothing.
DE2  A closure lists each derivation once, after its inputs.
DE3  One closure never holds two different matchers or realizers for one DRef.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from .config import Config
from .dataclasses import dataclass
from .errors import BadStage
from .matchers import Matcher
from .printable import html_table
from .realizer import Realizer
from .refs import DRef
from .resources import PLAIN, Resources

Shape = Any
"""A DRef, or lists and dicts of DRefs, nested to any depth; results have the same shape."""


def _checked(matcher: object) -> Matcher:
    if isinstance(matcher, Matcher):
        return matcher
    raise BadStage(
        "not a matcher",
        given=repr(matcher)[:200],
        remedy="call it: match_latest(), match_best('accuracy.txt')",
    )


class Derivation:
    """A config, a matcher and a realizer; immutable. Its config may hold other derivations.

    Raises BadStage when the matcher is no Matcher or the realizer no function.
    """

    __slots__ = ("config", "holds", "matcher", "realizer", "resources")

    config: Config
    matcher: Matcher
    realizer: Realizer
    resources: Resources  # of its attempts
    holds: tuple["Derivation", ...]  # the derivations that are values of its config

    def __init__(
        self,
        config: Config | Mapping[str, Any],
        matcher: Matcher,
        realizer: Realizer | Callable[[Any], object],
        resources: Resources = PLAIN,
    ) -> None:
        self.config = config if type(config) is Config else Config(config)
        self.matcher = _checked(matcher)
        self.realizer = realizer if isinstance(realizer, Realizer) else Realizer(realizer)
        self.resources = resources
        held = self.config.holds
        self.holds = tuple(one for one in held if isinstance(one, Derivation)) if held else ()

    @property
    def origin(self) -> str:
        """The full name of the function of a @stage; "" for a derivation declared by hand."""
        return ""

    @property
    def dref(self) -> DRef:
        """Its reference: the digest of the config. Matcher and realizer do not count."""
        return self.config.dref

    def replace(
        self, config: Mapping[str, Any] | None = None, matcher: Matcher | None = None
    ) -> "Derivation":
        """The derivation with these keys of the config changed, or with another matcher."""
        new = copy(self)
        if config is not None:
            new.config = Config({**self.config.value, **config})
            given = tuple(held for held in new.config.holds if isinstance(held, Derivation))
            kept = tuple(held for held in self.holds if held.dref in new.config.inputs)
            new.holds = tuple(dict.fromkeys(kept + given))
        if matcher is not None:
            new.matcher = _checked(matcher)
        return new

    def agrees(self, other: "Derivation") -> bool:
        """Whether both have the same config, the same matcher and the same code."""
        return (self.config, self.matcher, self.realizer) == (
            other.config,
            other.matcher,
            other.realizer,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derivation) and self.agrees(other)

    def __hash__(self) -> int:
        return hash(self.dref)

    def __repr__(self) -> str:
        return f"<Derivation {self.dref} by {self.realizer.name}, {self.matcher}>"

    def _repr_html_(self) -> str:
        return html_table({"dref": self.dref, "matcher": self.matcher, **self.config.value})


@dataclass(frozen=True)
class Closure(Mapping[DRef, Derivation]):
    """Targets, in their shape, and each derivation that they need by its DRef, inputs first."""

    targets: Shape
    by_dref: Mapping[DRef, Derivation]

    @classmethod
    def of(cls, targets: Shape, known: Mapping[DRef, Derivation]) -> "Closure":
        """The closure of these targets. Raises BadStage when a derivation is not known."""
        order: dict[DRef, Derivation] = {}
        for target in leaves(targets):
            _visit(target, known, order)
        return cls(targets, order)

    @property
    def derivations(self) -> tuple[Derivation, ...]:
        """The derivations, inputs first."""
        return tuple(self.by_dref.values())

    @property
    def drefs(self) -> tuple[DRef, ...]:
        """The targets, each once, in the order of the shape."""
        return tuple(dict.fromkeys(leaves(self.targets)))

    @property
    def keys_of_targets(self) -> dict[DRef, str]:
        """The key of each target that stands in a dict, such as `epochs=3` in a sweep."""
        targets = self.targets if isinstance(self.targets, dict) else {}
        return {dref: str(key) for key, dref in targets.items() if isinstance(dref, DRef)}

    def _repr_html_(self) -> str:
        return html_table({d: f"{one.realizer.name}, {one.matcher}" for d, one in self.items()})

    def __getitem__(self, dref: DRef) -> Derivation:
        if dref in self.by_dref:
            return self.by_dref[dref]
        raise unknown(dref)

    def __contains__(self, dref: object) -> bool:
        return dref in self.by_dref

    def __iter__(self) -> Iterator[DRef]:
        return iter(self.by_dref)

    def __len__(self) -> int:
        return len(self.by_dref)


def _visit(target: DRef, known: Mapping[DRef, Derivation], order: dict[DRef, Derivation]) -> None:
    stack: list[tuple[DRef, Iterator[DRef] | None]] = [(target, None)]
    while stack:
        dref, inputs = stack.pop()
        if dref in order:
            continue
        if dref not in known:
            raise unknown(dref, needed_by=stack[-1][0] if stack else None)
        inputs = iter(known[dref].config.inputs) if inputs is None else inputs
        missing = next((i for i in inputs if i not in order), None)
        if missing is None:
            order[dref] = known[dref]
        else:
            stack += [(dref, inputs), (missing, None)]


def unknown(dref: DRef, needed_by: DRef | None = None) -> BadStage:
    """The error for a reference that was never declared here."""
    return BadStage(
        "this derivation was not declared here",
        dref=dref,
        needed_by=needed_by,
        remedy="declare it in the same registry and store: mkdrv(m, …), or instantiate_inplace",
    )


def leaves(shape: Shape) -> Iterator[Any]:
    """The leaves of nested lists and dicts, in order."""
    if isinstance(shape, (list, tuple)):
        for item in shape:
            yield from leaves(item)
    elif isinstance(shape, dict):
        for item in shape.values():
            yield from leaves(item)
    else:
        yield shape


def reshape(shape: Shape, value: Callable[[Any], Any]) -> Any:
    """The same nested lists and dicts, with `value(leaf)` in place of each leaf."""
    if isinstance(shape, (list, tuple)):
        return [reshape(item, value) for item in shape]
    if isinstance(shape, dict):
        return {key: reshape(item, value) for key, item in shape.items()}
    return value(shape)


def collect(derivations: Sequence[Derivation], into: dict[DRef, Derivation]) -> None:
    """Adds derivations, and all that they hold, to `into`.

    Raises BadStage when `into` has another matcher or realizer for one of them (DE3).
    """
    stack = list(derivations)
    while stack:
        derivation = stack.pop()
        present = into.get(derivation.dref)
        if present is derivation:
            continue
        if present is not None:
            check_agrees(present, derivation)
        into[derivation.dref] = derivation
        stack += derivation.holds


def check_agrees(first: Derivation, second: Derivation) -> None:
    """Raises BadStage when two derivations of one DRef differ in matcher or realizer."""
    if not first.agrees(second):
        raise BadStage(
            "two different stages have one config",
            config=first.config.text[:200],
            first=f"{first.realizer.name}, {first.matcher}",
            second=f"{second.realizer.name}, {second.matcher}",
            remedy="tell them apart by a key of the config, such as name='train'",
        )
