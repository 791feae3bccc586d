"""Same inputs: of realizations with other data or other code behind them, those that are current.

Two numbers say which model is better only where the data behind them are the same.

SI1  In the histories that are left, each stage has one code, and each derivation one choice of
     realizations.
SI2  Where histories differ, the input that was made last counts; inputs of inputs come first.
SI3  Of several histories, one at least is left.
"""

from collections.abc import Callable, Hashable, Mapping
from graphlib import TopologicalSorter
from typing import NamedTuple

from .context import Context
from .refs import DRef, RRef

History = Mapping[DRef, tuple[RRef, ...]]
"""All that a realization was built from, by derivation, inputs of inputs first."""


class Inputs(NamedTuple):
    """How to find what is not in a history."""

    code: Callable[[DRef], Hashable]  # of the stage; None if its config names none
    made: Callable[[DRef, tuple[RRef, ...]], int]  # when one of these was made last [ns]


def history(context: Context, context_of: Callable[[RRef], Context]) -> History:
    """All that was built into a realization with this context."""
    needs: dict[DRef, set[DRef]] = {}
    chosen: dict[DRef, set[RRef]] = {}
    left = [context]
    while left:
        for dref, rrefs in left.pop().items():
            known, below = chosen.setdefault(dref, set()), needs.setdefault(dref, set())
            for rref in {*rrefs} - known:
                known.add(rref)
                left.append(context_of(rref))
                below.update(left[-1])
    return {dref: tuple(sorted(chosen[dref])) for dref in TopologicalSorter(needs).static_order()}


def current(histories: Mapping[str, History], inputs: Inputs) -> list[str]:
    """The keys of the histories that are left (SI1)."""
    told = {key: _facts(histories[key], inputs) for key in sorted(histories)}
    left = [*told]
    names = dict.fromkeys(name for facts in told.values() for name in facts)
    # What a stage is called comes before its derivations: other code makes another derivation.
    for name in sorted(names, key=lambda name: isinstance(name, DRef)):
        times: dict[Hashable, int] = {}
        for fact, made in (told[key][name] for key in left if name in told[key]):
            times[fact] = max(made, times.get(fact, 0))
        if len(times) > 1:
            last = max(times, key=times.__getitem__)
            left = [key for key in left if told[key].get(name, (last, 0))[0] == last]
    return left


def _facts(history: History, inputs: Inputs) -> dict[str, tuple[Hashable, int]]:
    """The code of each stage by its name, the realizations of each derivation, and their times."""
    times = {dref: inputs.made(dref, rrefs) for dref, rrefs in history.items()}
    stages: dict[str, list[DRef]] = {}
    for dref in history:
        stages.setdefault(dref.name, []).append(dref)
    codes: dict[str, tuple[Hashable, int]] = {
        name: (frozenset(map(inputs.code, drefs)), max(times[dref] for dref in drefs))
        for name, drefs in stages.items()
    }
    return codes | {dref: (rrefs, times[dref]) for dref, rrefs in history.items()}
