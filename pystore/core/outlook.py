"""Outlook: what a call of `realize` would do, derivation by derivation, and why.

OU1  Steps stand in the order of the closure, inputs first, each derivation once.
OU2  A derivation is "up to date" only if all its inputs are chosen already, and so never if it
    depends on a build.
OU3  A step that is `sure` is built, as often as it says, unless something fails, or a matcher wants
    more when it sees the numbers. Of the other derivations, only those are built that may follow.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from .dataclasses import dataclass, replace
from .printable import printable
from .refs import DRef

Kind = Literal[
    "up-to-date",
    "adopted",  # results of others from the same bytes will count here
    "missing",  # no realization in this context
    "forced",
    "wants-more",
    "gone",  # its results were lost
    "code-changed",
    "parameters-changed",
    "input-changed",
    "waiting",  # another process builds it now
    "may-follow",  # an input will be rebuilt, and may bring other bytes
    "unsatisfiable",
    "blocked",  # an input cannot be had
]
Action = Literal["reuse", "adopt", "build", "wait", "may build", "fail", "skip"]

_ACTIONS: Mapping[str, Action] = {
    "up-to-date": "reuse",
    "adopted": "adopt",
    "waiting": "wait",
    "may-follow": "may build",
    "unsatisfiable": "fail",
    "blocked": "skip",
}
_TOLD: Mapping[Action, str] = {
    "reuse": "up to date",
    "adopt": "adopted without a build",
    "build": "to build",
    "wait": "built by others now",
    "may build": "may follow",
    "fail": "cannot be had",
    "skip": "skipped",
}


@dataclass(frozen=True)
class Step:
    """What will happen to one derivation, and why. The first reason tells most."""

    dref: DRef
    kind: Kind
    reasons: tuple[str, ...]
    attempts: int = 0  # builds, as far as they are known beforehand
    sure: bool = True  # False: earlier builds may bring equal bytes, or the matcher may want more
    nearest: DRef | None = None  # the derivation that a new one was compared with

    @property
    def action(self) -> Action:
        """What is done, in a word. All kinds that are new are built."""
        return _ACTIONS.get(self.kind, "build")

    @property
    def reason(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)

    @property
    def told(self) -> str:
        """What is done, and how often: `build 3`."""
        return f"build {self.attempts}" if self.action == "build" else self.action

    def to_dict(self) -> dict[str, Any]:
        """The step as a JSON object."""
        return {
            "dref": self.dref,
            "name": self.dref.name,
            "action": self.action,
            "kind": self.kind,
            "reasons": list(self.reasons),
            "attempts": self.attempts,
            "sure": self.sure,
            "nearest": self.nearest,
        }


@dataclass(frozen=True)
class Outlook:
    """The steps of a closure, inputs first (OU1). Printed, it is a table for people."""

    steps: tuple[Step, ...]

    @property
    def builds(self) -> tuple[Step, ...]:
        """The steps that will be built."""
        return self.of("build")

    @property
    def may_follow(self) -> tuple[Step, ...]:
        """The steps that may be built, depending on the results of others."""
        return self.of("may build", "wait")

    @property
    def up_to_date(self) -> tuple[Step, ...]:
        """The steps whose derivations are used as they are."""
        return self.of("reuse")

    def unless(self, places: Sequence[str]) -> "Outlook":
        """The outlook if these remotes are asked before a derivation is built or given up.

        A forced derivation is built without asking.
        """
        if not places:
            return self
        told = f"unless {' or '.join(places)} has it"
        return Outlook(tuple(_unless(step, told) for step in self.steps))

    def of(self, *actions: Action) -> tuple[Step, ...]:
        """The steps with one of these actions."""
        return tuple(step for step in self.steps if step.action in actions)

    def counts(self) -> dict[Action, int]:
        """The number of derivations for each action; actions without any are left out."""
        found = [step.action for step in self.steps]
        return {action: found.count(action) for action in _TOLD if action in found}

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, dref: str) -> Step:
        for step in self.steps:
            if step.dref == dref:
                return step
        raise KeyError(dref)

    def to_dict(self) -> dict[str, Any]:
        """The outlook as a JSON object."""
        return {"steps": [step.to_dict() for step in self.steps], "counts": self.counts()}

    def __str__(self) -> str:
        labels = self.labels()
        told = ((step, tuple(map(printable, step.reasons))) for step in self.steps)
        rows = [(labels[step.dref], step.told, reasons) for step, reasons in told]
        return "\n".join([*aligned(rows), self.summary()])

    def labels(self) -> dict[DRef, str]:
        """The label of each derivation: its name, with some digits if another has the same name."""
        return labels_of(step.dref for step in self.steps)

    def summary(self) -> str:
        """The counts, in words: `2 to build (5 attempts), 1 may follow, 7 up to date`."""
        told = {action: f"{n} {_TOLD[action]}" for action, n in self.counts().items()}
        attempts = sum(step.attempts for step in self.builds)
        if attempts > len(self.builds):
            told["build"] += f" ({attempts} attempts)"
        order: list[Action] = ["build", "may build", "wait", "adopt", "reuse", "fail", "skip"]
        return ", ".join(told[action] for action in order if action in told) or "nothing to do"

    def _repr_html_(self) -> str:
        from html import escape  # only notebooks ask

        labels = self.labels()
        rows = (
            f'<tr><td title="{step.dref}">{labels[step.dref]}</td><td>{step.told}</td>'
            f"<td>{'<br>'.join(escape(reason) for reason in step.reasons)}</td></tr>"
            for step in self.steps
        )
        return f"<table>{''.join(rows)}</table><p>{self.summary()}</p>"


def labels_of(drefs: Iterable[DRef]) -> dict[DRef, str]:
    """The label of each derivation: its name, with some digits if another has the same name."""
    known = dict.fromkeys(drefs)
    names = Counter(dref.name for dref in known)
    return {dref: dref.name if names[dref.name] == 1 else dref.short for dref in known}


def _unless(step: Step, told: str) -> Step:
    if step.action not in ("build", "fail", "skip") or step.kind == "forced":
        return step
    first, *others = step.reasons
    return replace(step, sure=False, reasons=(f"{first}, {told}", *others))


def aligned(rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> Iterator[str]:
    """Lines with the columns below each other; further reasons stand below the first."""
    rows = list(rows)
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    inner = " " * (sum(widths) + 4)
    for name, told, reasons in rows:
        first, *others = reasons or ("",)
        yield f"{name:<{widths[0]}}  {told:<{widths[1]}}  {first}".rstrip()
        yield from (inner + other for other in others)
