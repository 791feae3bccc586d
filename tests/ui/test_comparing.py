"""pystore compare: the tests of metrics, on the command line."""

import json

import pytest

from pystore import Derivation, Store, build_cattrs, build_metric, compare, match_latest, realize


def _train(b):
    c = build_cattrs(b)
    if c.rate < 0:
        raise ArithmeticError("it has diverged")
    build_metric(b, "score", c.rate + c.seed / 100)
    build_metric(b, "loss", 1 - c.rate + c.seed**2 / 100, step=0)
    build_metric(b, "loss", 2 - c.rate + c.seed**2 / 100, step=1)
    if c.only:
        build_metric(b, c.only, 1.0)


def train(name: str, rate: float, seed: int = 0, only: str = "") -> Derivation:
    config = {"name": name, "rate": rate, "seed": seed, "only": only}
    return Derivation(config, match_latest(), _train)


@pytest.fixture
def sides(store: Store) -> Store:
    """A store with two stages, each with four seeds."""
    for seed in range(4):
        realize(train("high", 0.3, seed), store=store)
        realize(train("low", 0.1 + seed / 500, seed), store=store)
    return store


def test_there_is_a_line_for_each_metric_that_both_have(call, sides):
    code, out, err = call("compare", "high", "low")
    header, loss, score, note = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split()[:4] == ["metric", "n", "of", "a"]
    found = compare("high", "low", "score", store=sides)
    assert score.split() == ["score", *" ".join(found.cells()).split()]
    assert loss.split()[:3] == ["loss", "4", "4"]
    assert note == "Welch's t; each p is of one test by itself"


def test_a_single_metric_is_shown_in_full(call, sides):
    code, out, _ = call("compare", "high", "low", "score")
    assert (code, out) == (0, f"{compare('high', 'low', 'score', store=sides)}\n")
    code, out, _ = call("compare", "high", "low", "loss", "--min", "--of-steps", "min")
    expected = compare("high", "low", "loss", mode="min", over="min", store=sides)
    assert (code, out) == (0, f"{expected}\n")


def test_pairs_and_conditions_are_those_of_compare(call, sides):
    code, out, _ = call("compare", "high", "low", "score", "--paired", "seed")
    assert (code, "paired by seed, Student's t" in out) == (0, True)
    assert call("compare", "high", "low", "--paired", "seed")[1].splitlines()[-1].startswith("pair")
    told = json.loads(call("compare", "high", "low", "--where", "seed<2", "--json")[1])
    assert [one["metric"] for one in told] == ["loss", "score"]
    assert [one[side]["n"] for one in told for side in "ab"] == [2, 2, 2, 2]
    expected = compare("high", "low", "score", where="seed<2", store=sides)
    assert told[1] == expected.to_dict()
    assert told[1]["difference"]["p"] == expected.difference.p


def test_a_realization_stands_for_its_derivation(call, store):
    one = realize(train("high", 0.3), store=store)
    other = realize(train("high", 0.5), store=store)
    code, out, _ = call("compare", one, other, "--json")
    first = json.loads(out)[1]
    assert (code, first["a"]["mean"], first["b"]["mean"]) == (0, 0.3, 0.5)
    assert (first["difference"]["p"], first["a"]["std"]) == (None, None)
    assert call("compare", one, other)[1].count("too few") == 2


def test_a_metric_that_one_side_alone_has_is_left_out(call, store):
    for rate, only in ((0.1, "a"), (0.2, "b")):
        realize(train("low", rate, only=only), store=store)
    a, b = store.drefs()
    assert [one["metric"] for one in json.loads(call("compare", a, b, "--json")[1])] == [
        "loss",
        "score",
    ]
    code, out, err = call("compare", a, b, "a")
    assert (code, out) == (2, "")
    assert "no attempt has the metric 'a'" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["high", "high"], "the sides of the comparison have attempts in common"),
        (["high", "*"], "the sides of the comparison have attempts in common"),
        (["high", "bare"], "there is no metric that both sides have"),
        (["high", "nothing"], "nothing here is called so"),
        (["high", "low", "zork"], "no attempt has the metric 'zork'"),
        (["high", "low", "--paired", "zork"], "paired='zork' is no parameter"),
        (["high", "low", "--where", "seed=9"], "there is no metric that both sides have"),
        (["high", "low", "--where", "sed=1"], "sed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_told_without_a_traceback(call, sides, arguments, says):
    realize(Derivation({"name": "bare"}, match_latest(), lambda b: None), store=sides)
    code, out, err = call("compare", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "  try: " in err
