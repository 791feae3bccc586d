"""How often a race names a config that is worse, and what it saves: a table, by simulation.

`python benchmarks/racing.py` prints it; with `--races 200`, sooner and less exactly. Each row is
2,000 races of 2, 10 or 50 configs. The best one is `gap` above the others (in a step), or above
the next one, which is as far above the next (each). Spreads are equal, or 1 and 3 by turns, the
best having either; noise is normal, or exponential with its tail up or down. The indifference is 1,
and the smallest spread is 1, or 4 in the last rows. A config that is worse than the best by 1 or
more counts as wrong, so that the rows with a gap of 1 are harder than what is promised.

Columns: how many races were wrong [%]; attempts of each config on average; the same if all configs
had got attempts until the race had its answer.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from pystore.core.racing import FIRST, Best, RaceRule

Array = np.ndarray[Any, Any]
Draw = Callable[[int], Array]  # so many numbers of each config: [races, configs]


class Told(NamedTuple):
    """What the races of one row came to."""

    won: Array  # the config that was named [races]
    spent: Array  # attempts of all configs [races]
    longest: Array  # attempts of the config that had most [races]


def races(rule: RaceRule, draw: Draw, n: int) -> Told:
    """So many races at one time, by the same rule as `RaceRule`, in arrays."""
    k, delta = rule.configs, rule.indifference
    told = Told(np.full(n, -1), np.full(n, FIRST * k), np.full(n, FIRST))
    which, left = np.arange(n), np.ones((n, k), bool)
    total, squares, seen = np.zeros((n, k)), np.zeros((n, k)), 0
    while len(which):
        x = draw(len(which))
        total, squares, seen = total + x, squares + x * x, seen + 1
        if seen < FIRST:
            continue
        told.longest[which] = seen
        mean = total / seen
        spread = (squares - seen * mean**2) / (seen - 1)
        half = rule.reach(seen) * spread / (2 * seen * delta)
        off = rule.sure(seen) * np.sqrt(spread / seen)
        beaten = left & (mean + off < np.where(left, mean - off, -np.inf).max(1, keepdims=True))
        left, undecided = _compared(mean, half, left, delta)
        left &= ~beaten
        over = ~(undecided & (left.sum(1) > 1))
        told.won[which[over]] = np.where(left, mean, -np.inf)[over].argmax(1)
        which, left, total, squares = (a[~over] for a in (which, left, total, squares))
        told.spent[which] += left.sum(1)
    return told


def _compared(mean: Array, half: Array, left: Array, delta: float) -> tuple[Array, Array]:
    """Which are left, and in which races a bound between two of them was above zero."""
    low = np.where(left, mean - half, -np.inf)
    first, second = np.partition(low, -2, axis=1)[:, [-1, -2]].T[:, :, None]
    beaten = left & (mean + half - delta / 2 < np.where(low == first, second, first))
    least = np.sort(np.where(left, half, np.inf), 1)[:, :2].sum(1)
    most = np.sort(np.where(left, half, 0), 1)[:, -2:].sum(1)
    for at in np.flatnonzero(least < delta / 2):  # here some bounds are zero: each pair
        held = np.flatnonzero(left[at])
        bound = np.maximum(0, half[at, held][:, None] + half[at, held][None, :] - delta / 2)
        gaps = mean[at, held][None, :] - mean[at, held][:, None]
        beaten[at] = False
        beaten[at, held] = (gaps > bound).any(1)
    return left & ~beaten, most > delta / 2


class Case(NamedTuple):
    """One row of the table."""

    configs: int
    gap: float
    stairs: bool
    spreads: tuple[int, int]
    noise: str

    @property
    def means(self) -> Array:
        """The true means, the best first."""
        steps = np.arange(self.configs) if self.stairs else np.minimum(np.arange(self.configs), 1)
        return -self.gap * steps

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draws numbers of all configs."""
        spreads = np.array([self.spreads[i % 2] for i in range(self.configs)])
        means = self.means

        def drawn(n: int) -> Array:
            shape = n, self.configs
            if self.noise == "normal":
                return means + spreads * rng.standard_normal(shape)
            tail = 1 if self.noise == "exponential, up" else -1
            return means + spreads * tail * (rng.standard_exponential(shape) - 1)

        return drawn


def cases() -> Iterator[Case]:
    """All rows."""
    noises = "normal", "exponential, up", "exponential, down"
    spreads = (1, 1), (1, 3), (3, 1)
    for configs, gap, spread, noise in product((2, 10, 50), (1, 0.2, 0), spreads, noises):
        yield Case(configs, gap, False, spread, noise)
        if configs > 2 and gap:
            yield Case(configs, gap, True, spread, noise)
    for configs, spread, noise in product((2, 10), ((4, 12), (12, 4)), noises):
        yield Case(configs, 1, False, spread, noise)


def same_as_the_rule(seed: int) -> None:
    """Stops if a race in arrays ends otherwise than one by `RaceRule`."""
    case = random.Random(seed).choice([case for case in cases() if case.configs < 50])
    rule, drawn = RaceRule(case.configs, 1.0), []
    draw = case.draw(np.random.default_rng(seed))

    def noted(n: int) -> Array:
        drawn.append(draw(n))
        return drawn[-1]

    told = races(rule, noted, 1)
    numbers = {str(i): [float(x[0, i]) for x in drawn] for i in range(case.configs)}
    assert rule.standing(numbers) == Best(str(told.won[0])), (case, seed)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--races", type=int, default=2000)
    n = parser.parse_args().races
    for seed in range(100):
        same_as_the_rule(seed)
    print("configs  gap      spreads  noise              wrong  attempts  equal    CPU")
    worst = 0.0
    for case in cases():
        since = time.process_time()
        told = races(RaceRule(case.configs, 1.0), case.draw(np.random.default_rng(1)), n)
        wrong = float((case.means[told.won] <= -1 + 1e-9).mean())
        worst = max(worst, wrong)
        gap = f"{case.gap:g}{' each' if case.stairs else ''}"
        print(
            f"{case.configs:7}  {gap:7}  {case.spreads[0]}:{case.spreads[1]:<5}  {case.noise:17}  "
            f"{wrong:5.1%}  {told.spent.mean() / case.configs:8.1f}  {told.longest.mean():5.1f}  "
            f"{time.process_time() - since:4.0f} s",
            flush=True,
        )
    print(f"the worst row: {worst:.1%} of {n:,} races were wrong (at most 6 %)")
    sys.exit(worst > 0.06)


if __name__ == "__main__":
    main()
