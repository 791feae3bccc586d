"""What a bare gc keeps: the latest, and what the matchers in use would choose."""

import os

import pytest

import pystore as ps
from pystore import Derivation, match, match_best, match_exact, match_latest, match_some, match_top
from pystore.core.rules import parse_rule, rule_text
from pystore.ui.cli.main import run

FILE = "accuracy.txt"


def build(b):
    data = b.config.value.get("data")
    text = ps.build_path(b, data).read_text() if data else ""
    (b.outpath / FILE).write_text(f"{b.seed / 2**32}\n{text}")


def train(matcher=None, **config):
    return Derivation({"name": "train", **config}, matcher or match_latest(), build)


def trained(n=6):
    """Attempts of one derivation, worst first, and the rrefs in the order of their starts."""
    ps.realize(train(), attempts=n)
    made = ps.attempts(train().dref)
    return [a.rref for a in made], {a.rref: a.metrics[FILE] for a in made}


def test_CN1_bare_gc_keeps_the_latest(store):
    made, _ = trained()
    assert set(ps.gc().realizations) == set(made[:-1])
    assert set(ps.gc(()).realizations) == set(made)


@pytest.mark.parametrize("use", [ps.realize_many, lambda d: ps.realize_many(d, build=False)])
def test_CN1_what_matchers_in_use_would_choose_stays(store, use):
    made, score = trained()
    best, second = sorted(made, key=score.get, reverse=True)[:2]
    use(train(match_top(FILE, 2)))
    assert set(ps.gc(dry_run=False).realizations) == set(made) - {best, second, made[-1]}
    assert ps.realize(train(match_best(FILE)), build=False) == best


@pytest.mark.parametrize(
    ("matcher", "left"),
    [
        (match_latest(3), {3, 4, 5}),
        (match_some(2), {0, 1, 5}),
        (match_best(FILE, mode="min"), None),
    ],
)
def test_CN1_each_matcher_that_was_used_counts(store, matcher, left):
    made, score = trained()
    ps.realize_many(train(matcher))
    worst = min(made, key=score.get)
    kept = {made[i] for i in left} if left else {worst, made[-1]}
    assert set(made) - set(ps.gc().realizations) == kept


def test_CN1_one_that_chose_single_realizations_keeps_them(store):
    made, _ = trained()
    ps.realize(train(match_exact([made[1]])))
    assert set(made) - set(ps.gc().realizations) == {made[1], made[-1]}


def test_CN2_what_was_built_for_inputs_that_nobody_chooses_goes(store):
    above = train(match_some(), data=[train(), FILE])
    for _ in range(3):
        ps.realize(above, force_rebuild=[train()])
    top = above.dref
    made = [a.rref for a in ps.attempts(top)]
    assert len(set(made)) == 3
    inputs = [a.rref for a in ps.attempts(train().dref)]
    assert set(ps.gc().realizations) == {*made[:-1], *inputs[:-1]}


def test_CN3_by_a_rule_of_a_users_own_everything_stays(store):
    made, _ = trained()
    ps.realize(train(match(lambda candidates: candidates[0])))
    assert ps.gc().realizations == {}
    assert len(ps.gc(ps.keep_latest()).realizations) == len(made) - 1


def test_CN3_by_a_misspelt_metric_everything_stays(store):
    trained()
    with pytest.warns(ps.PystoreWarning, match="the choice means nothing"):
        ps.realize(train(match_best("acuracy.txt")))
    assert ps.gc().realizations == {}


def test_a_read_only_store_serves_another_matcher(store):
    trained(2)
    folder = store.parts.layout.attempts(train().dref)
    before = sorted(os.listdir(folder))
    link, os.link = os.link, refuse
    try:
        assert ps.realize(train(match_best(FILE)))
    finally:
        os.link = link
    assert sorted(os.listdir(folder)) == before


def refuse(*_, **__):
    raise OSError(30, "Read-only file system")


def test_the_command_lets_everything_go_by_all_only(store, capsys):
    made, _ = trained(3)
    place = ["--store", str(store.root)]
    assert run(["gc", "--delete", "--yes", *place]) == 0
    assert store.realizations(train().dref) == [made[-1]]
    assert run(["gc", "--delete", "--yes", "--all", *place]) == 0
    assert store.realizations(train().dref) == []


@pytest.mark.parametrize(
    "matcher",
    [
        match_latest(2), match_best(FILE, 2, "min", of=3), match_top(FILE, 2), match_some(),
        ps.match_only(), ps.match_all(), ps.match_until(FILE, 0.1),
        match_exact(["rref:" + "0" * 32 + "-" + "1" * 32 + "-train"]),
    ],
)  # fmt: skip
def test_a_matcher_of_ours_comes_back_from_its_text(matcher):
    assert parse_rule(rule_text(matcher)) == matcher


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"name": "match_latest", "arguments": {"n": 0}}']
)
def test_a_text_that_says_nothing_is_a_rule_of_somebody(text):
    assert parse_rule(text) is None


def test_a_rule_of_a_user_is_none_of_ours():
    def match_latest(candidates, n):
        return candidates[:n]

    assert parse_rule(rule_text(match(match_latest, n=1))) is None
