"""Chosen: the realizations that a run chose for its targets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...core.dataclasses import dataclass
from ...core.derivation import Closure
from ...core.refs import RRef
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


def chosen_text(chosen: Sequence[Chosen], closure: Closure) -> str:
    """One realization with all its facts; several as a table."""
    if len(chosen) == 1:
        return str(chosen[0])
    names = list(dict.fromkeys(name for one in chosen for name in one.metrics))
    keys = closure.keys_of_targets

    def row(one: Chosen) -> list[str]:
        numbers = (_number(one.metrics.get(name)) for name in names)
        return [keys.get(one.rref.dref, one.rref.name), ref(one.rref), *numbers]

    return columns(["stage", "rref", *names], map(row, chosen), right=names)


def _number(metric: float | None) -> str:
    return "" if metric is None else number(metric)
