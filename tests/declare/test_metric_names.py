"""A metric that a stage will never have is told before anything is trained for it."""

import pytest

import pystore as ps
from pystore import (
    Derivation,
    build_metric,
    match_best,
    match_latest,
    match_top,
    match_until,
    output,
    plan,
    stage,
)
from pystore.declare.metric_names import misspells, slips
from pystore.errors import BadMetric

ran = []
F1 = "f1.txt"


@pytest.fixture(autouse=True)
def nothing_ran():
    ran.clear()


def refused(derivation):
    for ask in (ps.realize_many, plan):
        with pytest.raises(BadMetric, match="will never have") as caught:
            ask(derivation)
    assert not ran
    return caught.value


@pytest.mark.parametrize(
    "matcher",
    [
        match_best("acuracy.txt"),
        match_best("accuracy"),
        match_best("acc_uracy.txt", 3, of=5),
        match_top("accurcay.txt", 3),
        match_until("Accuracy.txt"),
    ],
)
def test_a_misspelt_output_is_told(store, matcher):
    @stage(matcher=matcher)
    def train(build, accuracy=output("accuracy.txt")):
        ran.append(1)
        accuracy.write_text("0.5")

    error = refused(train())
    assert error.closest == "accuracy.txt"
    assert "name accuracy.txt in the matcher" in error.remedy


def test_a_stage_that_writes_its_outputs_only_has_no_other_metric(store):
    @stage(matcher=match_best("f1.txt"))
    def train(accuracy=output("accuracy.txt")):
        ran.append(1)
        accuracy.write_text("0.5")

    assert refused(train()).outputs == "accuracy.txt"


def test_a_misspelt_metric_that_was_recorded_is_told(store):
    def build(b):
        ran.append(1)
        name = "".join(["accu", "racy.txt"])
        (b.outpath / name).write_text("0.5")

    ps.realize(Derivation({"name": "train", "width": 1}, match_latest(), build))
    ran.clear()
    wrong = Derivation({"name": "train", "width": 2}, match_best("acuracy.txt"), build)
    assert refused(wrong).closest == "accuracy.txt"


def test_what_attempts_of_the_very_same_never_had_is_told(store):
    def build(b):
        ran.append(1)
        (b.outpath / "out.txt").write_text("0.5")

    config = {"name": "train"}
    ps.realize(Derivation(config, match_latest(), build))
    ran.clear()
    assert refused(Derivation(config, match_best("score", of=3), build)).recorded == "out.txt"


def test_a_metric_that_may_come_is_waited_for(store):
    def helper(folder):
        (folder / F1).write_text("0.5")

    @stage(matcher=match_best("f1.txt"))
    def by_a_helper(accuracy=output("accuracy.txt")):
        accuracy.write_text("0.5")
        helper(accuracy.parent)

    @stage(matcher=match_best("accurate"))
    def by_name(build, accuracy=output("accuracy.txt")):
        accuracy.write_text("0.5")
        build_metric(build, "accurate", 0.5)

    @stage(matcher=match_best("scores/f1.txt"))
    def in_a_folder(scores=output("scores")):
        scores.mkdir()
        (scores / "".join(["f1", ".txt"])).write_text("0.5")

    @stage(matcher=match_best("acc"))
    def in_a_table(metrics=output("metrics.json")):
        metrics.write_text('{"a' + 'cc": 0.5}')

    for one in (by_a_helper, by_name, in_a_folder, in_a_table):
        assert ps.realize(one())


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("acuracy.txt", "accuracy.txt", True),
        ("accuracy", "accuracy.txt", True),
        ("val_loss.txt", "val-loss.txt", True),
        ("vla_loss.txt", "val_loss.txt", True),
        ("top1.txt", "top5.txt", False),
        ("acc.txt", "auc.txt", False),
        ("loss.txt", "val_loss.txt", False),
        ("eval/loss.txt", "test/loss.txt", False),
    ],
)
def test_a_slip_is_told_from_another_name(name, other, same):
    assert misspells(name, other) is same


def test_slips_are_counted():
    assert slips("", "abc") == 3
    assert slips("acuracy", "accuracy") == slips("accuarcy", "accuracy") == 1
    assert slips("precision", "recall") > 3
