"""Chosen: what the targets of a run came to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...core.derivation import Closure
from ...core.refs import DRef, RRef
from ...store.store import Store
from ..quantities import number
from .columns import columns, ref


@dataclass(frozen=True)
class Chosen:
    """A realization that the matcher of a target chose."""

    rref: RRef
    path: str
    metrics: Mapping[str, float]

    @classmethod
    def all(cls, rrefs: Iterable[RRef], store: Store) -> "list[Chosen]":
        """These realizations, each with the metrics of its last attempt."""
        rrefs = list(rrefs)
        drefs = dict.fromkeys(rref.dref for rref in rrefs)
        last = {a.rref: a.metrics for dref in drefs for a in store.attempts(dref)}
        return [cls(rref, str(store.path(rref)), dict(last.get(rref, {}))) for rref in rrefs]

    def __str__(self) -> str:
        facts = {"rref": self.rref, "path": self.path, **self.metrics}
        width = max(map(len, facts)) + 1
        return "\n".join(f"  {name + ':':<{width}}  {fact}" for name, fact in facts.items())

    def to_dict(self) -> dict[str, Any]:
        """The same for programs: `rref`, `path` and `metrics`."""
        return asdict(self)


def shown(chosen: Sequence[Chosen], closure: Closure) -> str:
    """One with all its facts; of several, a table."""
    if len(chosen) == 1:
        return str(chosen[0])
    names, labels = list(dict.fromkeys(n for one in chosen for n in one.metrics)), _labels(closure)
    rows = [
        [labels[one.rref.dref], ref(one.rref), *(_number(one.metrics.get(name)) for name in names)]
        for one in chosen
    ]
    return columns(["stage", "rref", *names], rows, right=names)


def _number(metric: float | None) -> str:
    return "" if metric is None else number(metric)


def _labels(closure: Closure) -> dict[DRef, str]:
    """What each target is called in the shape that its stage returned."""
    labels = {dref: dref.name for dref in closure.drefs}
    if isinstance(closure.targets, dict):
        named = closure.targets.items()
        labels |= {dref: str(key) for key, dref in named if isinstance(dref, DRef)}
    return labels
