"""Explanations: why a derivation was new, or what will happen to it, in the words of `plan`."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ...core.adoption import fitting
from ...core.change import Version
from ...core.config import Config
from ...core.dataclasses import dataclass
from ...core.derivation import Closure, reshape
from ...core.errors import Corrupted, NotInStore
from ...core.kept_code import CodeText
from ...core.outlook import Kind, Step, labels_of
from ...core.ports import StoreReader
from ...core.printable import listed, printable
from ...core.reads import Surroundings
from ...core.refs import DRef, RRef, parse_ref
from ...declare.instantiate import Target, declare
from ...declare.registry import Registry, in_place_registry
from ...declare.stage import Staged
from ...run.keeping_code import texts_of
from ...store.current import current_store
from ...store.staging import Builder
from ..inspection.ran_code import changed_lines, digests_of, kept
from .earlier import Earlier, Reached
from .steps import outlook_of


@dataclass(frozen=True)
class Explanation:
    """Why a derivation is new, compared with the nearest derivation of the same name."""

    dref: DRef
    nearest: DRef | None  # that it was compared with; None if there is none
    reasons: tuple[str, ...]  # its own first, then the reasons of its inputs
    kind: Kind  # of the first reason
    lines: tuple[str, ...] = ()  # a unified diff of its code, where both texts are known

    def __str__(self) -> str:
        return "\n  ".join((self.dref, *map(printable, self.reasons)))

    def to_dict(self) -> dict[str, Any]:
        """The explanation as a JSON object."""
        return {**asdict(self), "reasons": list(self.reasons), "lines": list(self.lines)}


class HistoryExplainer:
    """Explains from the records of a store why its derivations were new."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._earlier = Earlier(store)

    def inputs(self, dref: DRef) -> tuple[DRef, ...]:
        """The inputs of a derivation."""
        return self._store.config(dref).inputs

    def explanation(self, ref: DRef | RRef) -> Explanation:
        """Why a derivation was new when it was built, or why a realization was built once more."""
        return self._told(self.step(ref) if isinstance(ref, DRef) else self._of_realization(ref))

    def _told(self, step: Step) -> Explanation:
        causes = list(self._causes(step))
        labels = labels_of(self.together([cause.dref for cause in causes]))
        told = [f"{labels[cause.dref]}: {cause.reason}" for cause in causes]
        lines = tuple(self._lines(step)) if step.nearest else ()
        return Explanation(step.dref, step.nearest, (*step.reasons, *told), step.kind, lines)

    def _lines(self, step: Step) -> Iterator[str]:
        """The changed lines of its own code."""
        near = self._earlier.find(step.nearest) if step.nearest else None
        old = digests_of(near.latest) if near else {}
        new = self.code(step.dref)
        for name in (name for name in old if name in new and old[name] != new[name][0]):
            yield from changed_lines(name, kept(self._store, old[name]), new[name][1])

    def code(self, dref: DRef) -> dict[str, tuple[str, CodeText | None]]:
        """The digests and texts of the parts of the code of a derivation, by their names."""
        own = self._earlier.find(dref)
        found = digests_of(own.latest) if own else {}
        return {name: (digest, kept(self._store, digest)) for name, digest in found.items()}

    def together(self, causes: list[DRef]) -> list[DRef]:
        """The derivations whose labels must differ: these causes, and perhaps more."""
        return causes

    def _causes(self, step: Step) -> Iterator[Step]:
        """The steps of the inputs that made it new, down to the first change."""
        seen, left = {step.dref}, [step]
        while left:
            for dref in self.behind(left.pop()):
                if dref not in seen:
                    seen.add(dref)
                    left.append(inner := self.why(dref))
                    if not _passed_on(inner):
                        yield inner

    def behind(self, step: Step) -> list[DRef]:
        """The inputs that made it new: each replaces an input of the same name."""
        if step.nearest is None:
            return []
        old = self._store.config(step.nearest).inputs
        names = {dref.name for dref in old}
        return [d for d in self.inputs(step.dref) if d not in old and d.name in names]

    def why(self, dref: DRef) -> Step:
        """Why an input is new."""
        try:
            return self.step(dref)
        except NotInStore:
            return Step(dref, "missing", ("this store does not hold it",))

    def step(self, dref: DRef) -> Step:
        """Why a derivation was new when it was first built."""
        config = self._store.config(dref)
        own = self._earlier.find(dref)
        near = self._near(config, own)
        told = [*_first_attempt(own), *self._not_adopted(own)]
        if near is None:
            others = [one for one in self._earlier.of(dref.name) if one is not own]
            like = "like it" if others else f"named {dref.name}"
            first = f"nothing {like} was built here before"
            return Step(dref, "missing", (*told, first))
        version = own.version if own else Version(config.value)
        changes = self._earlier.changes(near, version)
        words = [f"new because {change.words}" for change in changes]
        return Step(dref, changes[0].kind, (*words, *told), nearest=near.config.dref)

    def _near(self, config: Config, own: Reached | None) -> Reached | None:
        """The derivation to compare with: the one that it was adopted from, or the nearest."""
        adopted = own.adopted if own else None
        if adopted is not None and (source := self._earlier.find(adopted.dref)):
            return source
        version = own.version if own else Version(config.value)
        return self._earlier.nearest(config, version, own.first if own else None)

    def _not_adopted(self, own: Reached | None) -> list[str]:
        """Why earlier results from the same bytes were not adopted."""
        if own is None or own.adopted or (rref := own.earliest.rref) is None:
            return []
        try:
            context = self._store.context(rref)
            found = self._store.adoptable(own.config, context)
        except (NotInStore, Corrupted, FileNotFoundError):
            return []  # the realization or an input is gone
        before = [one for one in found if one.attempts[0].start < own.first]
        around = Surroundings(own.config, context, self._store)
        _, refused = fitting(before, around, own.earliest.source)
        return list(dict.fromkeys(map(str, refused)))

    def _of_realization(self, rref: RRef) -> Step:
        dref = rref.dref
        succeeded = [attempt for attempt in self._store.attempts(dref) if attempt.succeeded]
        made = next((attempt for attempt in succeeded if attempt.rref == rref), None)
        if made is None:
            self._store.path(rref)  # raises NotInStore, unless its records alone were lost
            return self.step(dref)
        before = succeeded[: succeeded.index(made)]
        if not before:
            return self.step(dref)
        if any(attempt.context == made.context for attempt in before):
            told = "built again in the same context: forced, or the matcher wanted more"
            return Step(dref, "wants-more", (told,))
        return Step(dref, "missing", (self._other_inputs(rref, before[-1].rref),))

    def _other_inputs(self, rref: RRef, before: RRef | None) -> str:
        told = "no realization was in this context"
        if before is None or not {before, rref} <= set(self._store.realizations(rref.dref)):
            return told  # the context of a realization that is gone is unknown
        old, new = self._store.context(before), self._store.context(rref)
        others = [dref.short for dref in new if old.get(dref) != new[dref]]
        return f"{told}: of {listed(others)} another realization was chosen than for {before}"


class OutlookExplainer(HistoryExplainer):
    """Explains derivations that are declared here, first by what will happen to them."""

    def __init__(self, closure: Closure, store: StoreReader) -> None:
        super().__init__(store)
        self.closure = closure
        self._steps = {step.dref: step for step in outlook_of(closure, (), 1, store)}
        self._inputs = {dref: one.config.inputs for dref, one in closure.items()}

    def inputs(self, dref: DRef) -> tuple[DRef, ...]:
        """The inputs of a derivation, which may be new to the store."""
        return self._inputs[dref] if dref in self._inputs else super().inputs(dref)

    def explanation(self, ref: DRef | RRef) -> Explanation:
        """What will happen to a target, and why."""
        return self._told(self._steps[DRef(ref)])

    def code(self, dref: DRef) -> dict[str, tuple[str, CodeText | None]]:
        """The same, as the code is now."""
        if dref not in self.closure:
            return super().code(dref)
        derivation = self.closure[dref]
        texts = texts_of(derivation)
        if not isinstance(derivation, Staged):
            return {derivation.realizer.name: next(iter(texts.items()))} if texts else {}
        return {n: (digest, texts.get(digest)) for n, digest in derivation.stage.parts.items()}

    def together(self, causes: list[DRef]) -> list[DRef]:
        """All derivations of the outlook, so that labels are the same as there."""
        return [*self._steps, *causes]

    def behind(self, step: Step) -> list[DRef]:
        """The inputs that are not up to date, or that replace others."""
        if _passed_on(step):
            return [d for d in self.inputs(step.dref) if self._steps[d].action != "reuse"]
        return super().behind(step)

    def why(self, dref: DRef) -> Step:
        """What will happen to an input; if nothing will, why it was new."""
        step = self._steps.get(dref)
        return super().why(dref) if step is None or step.action == "reuse" else step


def _passed_on(step: Step) -> bool:
    """Whether the reason of a step lies in its inputs."""
    return step.kind in ("may-follow", "blocked")


def _first_attempt(own: Reached | None) -> list[str]:
    if own is None:
        return ["no attempt of it has succeeded"]
    return [f"adopted: {own.adopted} has the same bytes"] if own.adopted else []


def explain(target: Target, *, store: Builder | None = None) -> Any:
    """Says what will happen to a derivation and why: which function, parameter or input changed.

    Takes the targets of `realize`. Nested targets give Explanations in the same lists and dicts.
    A new derivation is compared with the derivation of the same name that differs the least; of
    several, with the one that was built last. For a reference whose stage is not declared here, the
    records tell what made it new when it was built.

    Raises NotInStore for a reference that the store does not hold.
    """
    store = current_store(store)
    if isinstance(target, str) and target not in in_place_registry(store):
        return HistoryExplainer(store).explanation(parse_ref(target))
    explainer = OutlookExplainer(declare(target, Registry(), store), store)
    return reshape(explainer.closure.targets, explainer.explanation)
