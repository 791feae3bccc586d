"""What tells derivations apart in tables: parameters of inputs, and each column under one name."""

import pytest

from pystore import Derivation, compare, match_latest, output, realize, results, stage
from pystore.ask.experiments.differing import differing
from pystore.core.derivation import collect
from pystore.core.refs import DRef
from pystore.errors import BadStage


@stage
def split(seed: int = 0, size: int = 10, part=output("part.txt")):
    part.write_text(f"{seed} {size}")


@stage
def train(data=split(), rate: float = 0.1, model=output("model.txt")):
    model.write_text(f"{data.seed} {rate}")


@stage
def score(model=train(), data=split(), accuracy=output("accuracy.txt")):
    accuracy.write_text(f"{0.5 + model.data.seed / 10 + model.rate}")


def told(*derivations: Derivation) -> list[dict[str, object]]:
    """What tells these apart, in their order."""
    known: dict[DRef, Derivation] = {}
    collect(derivations, known)
    found = differing({d.dref: d.config for d in derivations}, lambda dref: known[dref].config)
    return [found[d.dref] for d in derivations]


def test_the_parameters_of_an_input_are_told_in_place_of_its_reference():
    assert told(train(data=split(seed=1)), train(data=split(seed=2), rate=0.2)) == [
        {"rate": 0.1, "data.seed": 1},
        {"rate": 0.2, "data.seed": 2},
    ]


def test_inputs_of_inputs_are_told_and_one_that_stands_twice_is_told_once():
    several = [score(model=train(data=split(seed=s)), data=split(seed=s)) for s in (1, 2)]
    assert told(*several) == [{"data.seed": 1}, {"data.seed": 2}]
    apart = [score(model=train(data=split(seed=s)), data=split()) for s in (1, 2)]
    assert told(*apart) == [{"model.data.seed": 1}, {"model.data.seed": 2}]


def test_inputs_of_a_list_are_told_by_their_places():
    @stage
    def vote(models=(), out=output("o")):
        out.write_text("")

    several = [vote(models=[train(rate=r), train(rate=0.5)]) for r in (0.1, 0.2)]
    assert told(*several) == [{"models.0.rate": 0.1}, {"models.0.rate": 0.2}]
    longer = told(vote(models=[train()]), vote(models=[train(), train(rate=0.2)]))
    assert [row.get("models.1.rate") for row in longer] == [None, 0.2]


def test_files_of_inputs_are_told_by_what_these_consist_of():
    several = [{"file": [split(seed=s), "part.txt"]} for s in (1, 2)]
    made = [Derivation(config, match_latest(), lambda b: None) for config in several]
    assert told(*made) == [{"file.seed": 1}, {"file.seed": 2}]
    files = [{"file": [split(), name]} for name in ("a.txt", "b.txt")]
    made = [Derivation(config, match_latest(), lambda b: None) for config in files]
    assert [str(row["file"])[-5:] for row in told(*made)] == ["a.txt", "b.txt"]


def test_an_input_that_its_parameters_do_not_tell_is_told_by_its_reference():
    other = split().replace({"code": "0" * 32})
    (one, two) = told(train(data=split()), train(data=other))
    assert (one, two) == ({"data": split().dref.short}, {"data": other.dref.short})
    stages = told(train(data=split(seed=1)), train(data=split(seed=1).replace({"name": "load"})))
    assert [str(row["data"])[:5] for row in stages] == ["split", "load@"]


def test_an_input_that_only_some_have_is_told():
    plain = train().replace({"data": None})
    none, some = told(plain, train())
    assert (none, some) == ({"data": None}, {"data": split().dref.short})


def test_chains_that_meet_again_at_every_step_take_no_time():
    def chain(seed: int) -> Derivation:
        made: Derivation = split(seed=seed)
        for depth in range(40):
            one = Derivation({"name": "a", "of": made, "n": depth}, match_latest(), print)
            two = Derivation({"name": "b", "of": made, "n": depth}, match_latest(), print)
            made = Derivation({"name": "c", "one": one, "two": two}, match_latest(), print)
        return made

    first, second = told(chain(1), chain(2))
    assert first != second
    assert len(first) < 1000


def test_what_is_no_more_in_the_store_is_told_by_its_reference(store):
    one, two = train(data=split(seed=1)), train(data=split(seed=2))
    found = differing({d.dref: d.config for d in (one, two)}, store.config)
    assert found[one.dref] == {"data": split(seed=1).dref.short}


@pytest.fixture
def sides(store):
    sides = [[score(model=train(data=split(seed=s), rate=r)) for s in range(3)] for r in (0.1, 0.3)]
    realize(sides)
    return sides


def test_summaries_go_over_parameters_of_inputs_and_whole_inputs(sides):
    found = results(sides)
    assert set(found.parameters) == {"model.rate", "model.data.seed"}
    assert [g.statistics.n for g in found.summary(over="model.data.seed")] == [3, 3]
    assert [g.statistics.n for g in found.summary(over="model.data")] == [3, 3]
    assert [g.statistics.n for g in found.summary(over="model")] == [6]
    assert len(found.summary(over="data.seed")) == 6  # it is one, and does not differ
    with pytest.raises(BadStage) as refused:
        found.summary(over="model.data.sed")
    assert "model.data" in str(refused.value.these_differ)


def test_sides_are_paired_by_a_parameter_of_an_input(sides):
    paired = compare(sides[0], sides[1], "accuracy.txt", paired="model.data.seed")
    assert len(paired.a) == 3
    assert paired.difference.value == pytest.approx(-0.2)
    with pytest.raises(BadStage, match=r"paired='data\.sead' is no parameter") as refused:
        compare(sides[0], sides[1], "accuracy.txt", paired="data.sead")
    assert "data.seed" in str(refused.value.parameters)


def test_plots_name_the_parameters_of_inputs(sides):
    pytest.importorskip("matplotlib").use("Agg")
    axes = results(sides).plot("accuracy.txt", over="model.rate")
    assert axes.get_xlabel() == "model.data.seed"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


NAMES = ("seed", "n", "mean", "attempt", "outcome", "metric", "start", "rref", "dref", "stage")


def test_no_table_has_two_columns_of_one_name(store):
    @stage
    def clash(
        seed: int = 0, n: int = 0, mean: int = 0, attempt: int = 0, outcome: int = 0,
        metric: int = 0, start: int = 0, stage: int = 0, seconds=output("seconds"),
        accuracy=output("accuracy.txt"), n_txt=output("n.txt"),
    ):  # fmt: skip
        seconds.write_text("5")
        accuracy.write_text("0.5")
        n_txt.write_text("3")

    pandas = pytest.importorskip("pandas")
    swept = [clash(**{name: i for name in NAMES if name not in ("rref", "dref")}) for i in (1, 2)]
    realize(swept)
    found = results(swept, metrics=["seconds", "accuracy.txt", "n.txt"])
    frames = [found.to_pandas(), found.summary().to_pandas()]
    for frame in frames:
        assert isinstance(frame, pandas.DataFrame)
        assert frame.columns.is_unique
        assert sorted(frame["seed"].unique()) == [1, 2]  # parameters keep their names
        assert sorted(frame["n"].unique()) == [1, 2]
    assert set(frames[0]["attempt.seed"]) != {1, 2}
    assert set(frames[0]["metric.seconds"]) == {5.0}
    assert set(frames[1]["statistic.n"]) == {1}
    for header in (found.table().header, found.summary().table().header):
        assert len(set(header)) == len(header)
    table = compare(swept[0], swept[1], "seconds").table()
    assert len(set(table.header)) == len(table.header)


def test_a_column_that_tells_two_apart_takes_no_parameter_away():
    one = Derivation({"name": "a", "stage": 1}, match_latest(), print)
    two = Derivation({"name": "b", "stage": 1}, match_latest(), print)
    three = Derivation({"name": "b", "stage": 2}, match_latest(), print)
    rows = told(one, two, three)
    assert [row["stage"] for row in rows] == [1, 1, 2]
    assert [row["derivation.stage"] for row in rows] == ["a", "b", "b"]


def test_keys_with_dots_take_no_other_key_away():
    rows = [{"a.b": i, "a": {"b": -i}} for i in (1, 2)]
    made = [Derivation(config, match_latest(), print) for config in rows]
    assert [sorted(row.values()) for row in told(*made)] == [[-1, 1], [-2, 2]]  # type: ignore[type-var]  # numbers
