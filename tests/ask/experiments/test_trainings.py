"""Trainings: whether they are found by columns or one by one makes no difference."""

from hypothesis import given
from hypothesis import strategies as st

from pystore import Attempt, Context, DRef, RRef
from pystore.ask.experiments.chosen import Chosen
from pystore.ask.experiments.trainings import are_apart, repeats, trainings
from pystore.core.attempt_columns import AttemptColumns
from pystore.core.holding import Holding
from pystore.core.same_run import distinct, run_of

rows = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.integers(0, 2)), max_size=6)


def chosen(letter: str, told) -> Chosen:
    """Attempts with these starts, seeds and results."""
    dref = DRef.of(letter * 32, "train")
    tries = [
        Attempt(
            id=f"{at:032x}", dref=dref, context=Context().digest, number=at, outcome="succeeded",
            rref=RRef.of(f"{made:032x}", dref), error=None, seed=seed, start=start,
            stop=start + 1, host="h", pid=1, realizer="", source="", versions={}, metrics={},
            notes={},
        )
        for at, (start, seed, made) in enumerate(told)
    ]  # fmt: skip
    columns = AttemptColumns.of(dref, tries)
    none = frozenset[str]()
    held = Holding(dref, lambda: columns, lambda: None, (), None, none, none, (), False)
    return Chosen(held, range(columns.count), {}, {})


def told_of(made) -> list[tuple[DRef, int]]:
    return sorted((one.held.dref, at) for one, places in made for at in places)


@given(rows, rows)
def test_attempts_that_are_apart_are_all_of_them_and_others_are_counted_once(one, other):
    several = [chosen("a", one), chosen("b", other)]
    outlines = [a for each in several for a in each.tries.outlines()]
    slow = told_of(trainings(several, apart=False))
    assert len(slow) == len(distinct(outlines))
    if are_apart(several):
        assert told_of(trainings(several, apart=True)) == slow
    made = list({run_of(a): a for a in outlines}.values())
    seeds = {(a.dref, a.context, a.seed) for a in made}
    n, text = len(distinct(made)), "".join(repeats(several))
    assert (f"{len(made)} attempts are n = {n}:" in text) is (n < len(made) > len(seeds))
    assert (f"of n = {n}, {n - len(seeds)} had the seed" in text) is (n > len(seeds))
