"""best_of: the best of a sweep as an input of a stage."""

import pytest

from pystore import (
    Derivation,
    attempts,
    best_of,
    build_metric,
    build_path,
    build_seed,
    explain,
    match_latest,
    mkconfig,
    output,
    plan,
    realize,
    stage,
    sweep,
    verify,
    view,
)
from pystore.errors import BadMetric, BadStage, BuildError


@stage
def split(seed: int = 0, part=output("part.txt")):
    part.write_text("always the same")


@stage
def train(
    build, data=split(), rate: float = 0.1,
    model=output("deep/model.txt"), accuracy=output("accuracy.txt"),
):  # fmt: skip
    model.write_text(f"model of {rate}")
    accuracy.write_text(f"{1 - abs(rate - 0.3)}")
    build_metric(build, "loss", abs(rate - 0.1))


RATES = [0.1, 0.2, 0.3]


@stage
def report(model=best_of(sweep(train, rate=RATES), "accuracy.txt"), text=output("o.txt")):
    text.write_text(f"{model.rate} {model.data.seed} {model.model.read_text()}")


def said(derivation, **options) -> str:
    return view(realize(derivation, **options)).text.read_text()


def test_BO1_what_arrives_is_the_view_of_the_best(store):
    assert said(report()) == "0.3 0 model of 0.3"
    least = best_of(sweep(train, rate=RATES), "loss", "min")
    assert said(report(least)) == "0.1 0 model of 0.1"
    assert verify().sound


def test_BO1_it_has_the_files_of_the_best_for_stages_by_hand(store):
    least = best_of(sweep(train, rate=RATES), "loss", "min")

    def build(b):
        path = build_path(b, [b.config["best"], "deep", "model.txt"])
        (b.outpath / "o.txt").write_text(path.read_text())

    made = realize(Derivation(mkconfig({"name": "hand", "best": least}), match_latest(), build))
    assert (store.path(made) / "o.txt").read_text() == "model of 0.1"


def test_BO3_its_own_view_says_which_one_that_was(store):
    best = best_of(sweep(train, rate=RATES), "accuracy.txt")
    seen = view(realize(best))
    assert seen.rate == 0.3
    assert seen.chosen.rref.dref == train(rate=0.3).dref
    assert seen.attempts[-1].metrics["accuracy.txt"] == 1.0


def test_BO3_a_parameter_of_the_best_stands_before_what_says_which_one_it_was(store):
    @stage
    def odd(chosen: int = 3, score=output("score.txt")):
        score.write_text("1")

    assert view(realize(best_of([odd()], "score.txt"))).chosen == 3


def test_BO2_the_order_and_what_holds_them_make_no_difference():
    best = best_of(sweep(train, rate=RATES), "accuracy.txt")
    assert best == best_of([train(rate=0.3), [train(rate=0.1), train(rate=0.2)]], "accuracy.txt")
    assert best == best_of(sweep(train, rate=[0.3, 0.2, 0.1]), "accuracy.txt")
    assert best != best_of(sweep(train, rate=RATES), "accuracy.txt", "min")
    assert best.dref.name == "best-of-train"
    assert best_of([train(), split()], "loss").dref.name == "best-of"


def test_it_is_planned_explained_and_found_again(store):
    assert [step.dref.name for step in plan(report()).builds] == [
        "split", *["train"] * 3, "best-of-train", "report"
    ]  # fmt: skip
    first = realize(report())
    assert len(plan(report()).up_to_date) == 6
    assert "up to date" in str(explain(report()))
    assert realize(report(), build=False) == first


def test_it_is_chosen_in_workers(store):
    assert said(report(), workers=2) == "0.3 0 model of 0.3"


def test_another_in_the_sweep_is_chosen_when_it_is_better_and_nothing_is_trained_again(store):
    realize(report())
    wider = best_of(sweep(train, rate=[0.1, 0.2, 0.3, 0.31]), "loss")
    steps = {step.dref.name for step in plan(report(wider)).builds}
    assert steps == {"train", "best-of-train"}
    assert plan(report(wider)).builds[0].dref == train(rate=0.31).dref
    assert said(report(wider)) == "0.31 0 model of 0.31"


def test_what_follows_is_adopted_when_the_same_one_is_the_best_with_the_same_bytes(store):
    @stage
    def noise(build, o=output("o.txt")):
        o.write_text(str(build_seed(build)))

    @stage
    def fit(data=noise(), rate: float = 0.1, o=output("o.txt"), accuracy=output("accuracy.txt")):
        o.write_text(str(rate))
        accuracy.write_text(str(rate))

    @stage
    def size(model=best_of(sweep(fit, rate=RATES), "accuracy.txt"), o=output("o.txt")):
        o.write_text(str(len(model.o.read_text())))

    first = realize(size())
    realize(noise(), force_rebuild=True)
    second = realize(size())
    assert second != first  # in another context
    assert attempts(second)[-1].notes["adopted"] == first


def test_a_choice_is_never_taken_over_from_one_among_others(store):
    """Equal bytes do not mean equal metrics, by which it goes."""

    @stage
    def same(build, rate: float, o=output("o.txt")):
        o.write_text("the same")
        build_metric(build, "score", rate)

    first = realize(best_of([same(1.0), same(2.0)], "score"))
    second = realize(best_of([same(1.0), same(0.5)], "score"))
    assert (view(first).rate, view(second).rate) == (2.0, 1.0)


def test_the_best_of_choices_is_a_choice(store):
    sweeps = [sweep(train, rate=rates) for rates in ([0.1, 0.2], [0.3, 0.4])]
    halves = [best_of(swept, "accuracy.txt") for swept in sweeps]
    assert said(report(best_of(halves, "accuracy.txt"))) == "0.3 0 model of 0.3"


def test_one_without_the_metric_comes_last_and_none_with_it_is_an_error(store):
    @stage
    def silent(rate: float = 9.0, o=output("o.txt")):
        o.write_text("")

    assert view(realize(best_of([silent(), train()], "loss"))).rate == 0.1
    with pytest.raises((BadMetric, BuildError), match="has the metric 'los'") as refused:
        realize(best_of([train()], "los"))
    assert "loss" in str(refused.value)


def test_parameters_of_all_that_it_chooses_among_are_changed_from_outside(store):
    changed = report(**{"model.data.seed": 4})
    assert changed == report(best_of(sweep(train, data=split(seed=4), rate=RATES), "accuracy.txt"))
    assert said(changed) == "0.3 4 model of 0.3"
    with pytest.raises(BadStage, match="nothing that best-of-train chooses among has"):
        report(**{"model.data.sed": 4})


@pytest.mark.parametrize("what", [[], {}, "train", 3, [None]])
def test_what_is_no_derivation_is_refused(what):
    with pytest.raises(BadStage):
        best_of(what, "loss")
