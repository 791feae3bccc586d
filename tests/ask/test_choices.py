"""Choices: the realizations that the matchers which were used would choose now."""

from pystore import (
    Build,
    Derivation,
    Store,
    build_outpath,
    build_seed,
    match_best,
    match_latest,
    match_some,
    realize,
    reject,
)
from pystore.ask.inspection.choices import Choice, choices
from pystore.core.matchers import Matcher


def _write(b: Build) -> None:
    (build_outpath(b) / "score.txt").write_text(f"{build_seed(b)}\n")


def stage(matcher: Matcher) -> Derivation:
    return Derivation({"name": "stage"}, matcher, _write)


def test_each_matcher_has_its_choice(store: Store):
    for _ in range(4):
        realize(stage(match_latest()), force_rebuild=True)
    best = realize(stage(match_best("score.txt")))
    latest = realize(stage(match_latest()))
    assert choices(best.dref, store) == [
        Choice("match_best('score.txt')", best, ""),
        Choice("match_latest()", latest, ""),
    ]
    seeds = {a.rref: a.seed for a in store.attempts(best.dref)}
    assert seeds[best] == max(seeds.values())


def test_a_choice_says_why_there_is_none(store: Store):
    made = realize(stage(match_some()))
    reject(made, "leak")
    assert {(one.rref, one.why_not) for one in choices(made.dref, store)} == {
        (None, "each realization was rejected")
    }
    told = choices(made.dref, store)[0].to_dict()
    assert told["rref"] is None
    assert told["why_not"]
