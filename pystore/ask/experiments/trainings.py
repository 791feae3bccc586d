"""Trainings: of some attempts those that succeeded, each training once.

What is the same training is said in core/same_run.py. Here it is found by columns, as long as no
two attempts look alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from operator import eq, itemgetter

from ...core.attempt import Attempt
from ...core.attempt_columns import listed
from ...core.same_run import distinct, run_of
from .chosen import Chosen

Made = Sequence[tuple[Chosen, Sequence[int]]]  # attempts, first to last


def are_apart(several: Sequence[Chosen]) -> bool:
    """Whether no two of these attempts are one training: all starts differ, and all seeds."""
    found = [(one, one.succeeded()) for one in several]
    return _start_apart(found) and not any(_has_equal_seeds(one, some) for one, some in found)


def trainings(several: Sequence[Chosen], *, apart: bool) -> Made:
    """The attempts that succeeded, first to last; of copies and repetitions, the first.

    `apart` says that there are no copies and no repetitions.
    """
    found = [(one, one.succeeded()) for one in several]
    if not apart:
        return _distinct(found)
    if len(found) == 1:
        return found
    ordered = sorted((one.tries.starts[at], turn, at) for turn, (one, some) in enumerate(found)
                     for at in some)  # fmt: skip
    return [(several[turn], [at]) for _, turn, at in ordered]


def _has_equal_seeds(one: Chosen, places: Sequence[int]) -> bool:
    seeds = _picked(one.tries.seeds, places)
    return len(set(seeds)) < len(seeds)


def _start_apart(found: Made) -> bool:
    starts = [some for one, places in found if (some := _picked(one.tries.starts, places))]
    starts.sort(key=itemgetter(0))
    # Mostly, one derivation was built after the other: then only neighbours can be equal.
    if all(one[-1] < next_one[0] for one, next_one in pairwise(starts)):
        return not any(any(map(eq, some, some[1:])) for some in starts)
    return len(set(chain(*starts))) == sum(map(len, starts))


def _picked(column: Sequence[int], places: Sequence[int]) -> list[int]:
    return listed(column) if len(places) == len(column) else [column[at] for at in places]


def _distinct(found: Made) -> Made:
    of: dict[int, tuple[Chosen, int]] = {}
    outlines = list[Attempt]()
    for one, places in found:
        for at in places:
            outlines.append(one.tries.outline(at))
            of[id(outlines[-1])] = one, at
    return [(one, [at]) for one, at in (of[id(outline)] for outline in distinct(outlines))]


def repeats(several: Sequence[Chosen]) -> list[str]:
    """Notes about attempts that had the seed of another attempt; none if all seeds differ.

    Copies of one training, such as adopted ones, are no repeats. Where some attempts ran in another
    store, a note says that they would have had other seeds if their store had its own.
    """
    found = [(one, one.succeeded()) for one in several]
    # Where all starts differ, there are no copies: a derivation with other seeds is counted only.
    alike = [(o, p) for o, p in found if _has_equal_seeds(o, p)] if _start_apart(found) else found
    others = sum(len(places) for _, places in found) - sum(len(places) for _, places in alike)
    made = list({run_of(a): a for a in _outlines(alike)}.values())
    seeds = {(a.dref, a.context, a.seed) for a in made}
    if len(seeds) == len(made):
        return []
    n, told = len(distinct(made)) + others, []
    if n < len(made) + others:
        count = len(made) + others
        told.append(f"{count:,} attempts are n = {n:,}: equal seeds gave equal results")
    if n > len(seeds) + others:
        told.append(
            f"of n = {n:,}, {n - others - len(seeds):,} had the seed of another, and are like it"
        )
    apart = any(one.held.imported for one in several)
    remedy = ["`pystore init --seeds own` makes a store whose seeds are its own"] if apart else []
    return ["; ".join([*told, *remedy])]


def _outlines(found: Iterable[tuple[Chosen, Sequence[int]]]) -> Iterator[Attempt]:
    return (one.tries.outline(at) for one, places in found for at in places)
