"""Finding attempts by conditions, against the same question asked of each attempt."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pystore as ps
from pystore import Derivation, build_cattrs, build_outpath, match_latest, selfref
from pystore.ask.finding.attempts import Wanted, find
from pystore.ask.finding.conditions import conditions
from pystore.ask.inspection.moment import moment
from pystore.errors import BadRef, BadStage, BuildError, NotInStore, PystoreWarning


def stage(rate, kind="small", seed=1):
    def build(b):
        if build_cattrs(b).rate > 1:
            raise ArithmeticError("too fast")
        (build_outpath(b) / "acc.txt").write_text(f"{1 - build_cattrs(b).rate}\n")

    data = Derivation(
        {"name": "data", "seed": seed}, match_latest(),
        lambda b: (build_outpath(b) / "d").write_text("x"),
    )  # fmt: skip
    value = {
        "name": "train", "code": "c" * 32, "rate": rate, "kind": kind, "data": [data, "d"],
        "acc": [selfref, "acc.txt"],
    }  # fmt: skip
    return Derivation(value, match_latest(), build)


@pytest.fixture
def several(store):
    """Five attempts of four derivations, and one that failed."""
    made = [ps.realize(stage(*one)) for one in [(0.1,), (0.5,), (0.9, "large"), (0.5, "small", 2)]]
    ps.realize(stage(0.5), force_rebuild=True)
    with pytest.raises(BuildError):
        ps.realize(stage(3))
    return made


def rates(found):
    return [ps.config_of(one.dref)["rate"] for one in found]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("rate=0.5", [0.5, 0.5, 0.5]),
        ("rate=0.50", [0.5, 0.5, 0.5]),
        ("rate!=0.5", [0.1, 0.9, 3]),
        ("rate>=0.5 rate<1", [0.5, 0.9, 0.5, 0.5]),
        ("rate=0.1..0.5", [0.1, 0.5, 0.5, 0.5]),
        ("rate=0.9..", [0.9, 3]),
        ("rate=..0.1", [0.1]),
        ("rate=0.1,0.9", [0.1, 0.9]),
        ("rate==0.5", [0.5, 0.5, 0.5]),
        ("kind=l*", [0.9]),
        ("data.seed=2", [0.5]),
        ("acc.txt>0.4", [0.1, 0.5, 0.5, 0.5]),
        ("metric.acc.txt<0.2", [0.9]),
        ("outcome=failed", [3]),
        ("attempt=1", [0.5]),
        ("'kind=large'", [0.9]),
        ({"rate": [0.1, 0.9]}, [0.1, 0.9]),
        ({"rate": 0.5, "acc.txt": lambda x: x > 0.4}, [0.5, 0.5, 0.5]),
        ({"attempt.outcome": "failed"}, [3]),
    ],
    ids=range(19),
)
def test_conditions_on_parameters_metrics_and_facts(several, where, expected):
    found = rates(a for a in ps.attempts(where=where) if a.dref.name == "train")
    assert sorted(found) == sorted(expected)


def test_FN1_what_is_found_is_what_reading_all_records_finds(several, store):
    everything = sorted(
        (a for d in store.drefs() for a in store.attempts(d)), key=lambda a: a.order
    )
    assert ps.attempts() == everything
    assert ps.attempts(limit=2) == everything[-2:]
    assert ps.attempts(where="outcome=succeeded") == [a for a in everything if a.succeeded]
    assert ps.attempts(several[1].dref) == store.attempts(several[1].dref)
    assert ps.attempts(several[0]) == [a for a in everything if a.rref == several[0]]
    late = datetime.fromtimestamp(everything[3].start / 1e9, UTC)
    assert ps.attempts(since=late)[-2:] == everything[-2:]


def test_FN1_a_number_above_a_long_text_is_found_where_tables_show_it(several, store):
    """Records have the numbers of small files only; matchers and tables read the others, too."""
    long = Derivation(
        {"name": "train", "code": "c" * 32, "rate": 0.01, "kind": "long"},
        match_latest(),
        lambda b: (build_outpath(b) / "acc.txt").write_text("0.99\n" + "a report " * 20),
    )
    best = ps.realize(long)
    words = Derivation(
        {"name": "train", "code": "c" * 32, "rate": 0.02, "kind": "words"},
        match_latest(),
        lambda b: (build_outpath(b) / "acc.txt").write_text("no number " * 20),
    )
    ps.realize(words)
    assert ps.attempts(best)[0].metrics == {}
    found = find(store.drefs(), store, Wanted(where="acc.txt>0.85", sort="-acc.txt"))
    assert [one.rref for one in found.attempts(store)] == [best, several[0]]
    assert ps.best("train", "acc.txt", where="acc.txt>0.85 kind!=words") == best


def test_FN1_an_order_by_a_metric_has_what_lacks_it_last(several, store):
    found = [a for a in ps.attempts(sort="-acc.txt") if a.dref.name == "train"]
    assert rates(found) == [0.1, 0.5, 0.5, 0.5, 0.9, 3]
    assert rates(ps.attempts(where="rate>0", sort="rate", limit=2)) == [0.1, 0.5]
    assert rates(ps.attempts(where="rate>0", sort="-rate", limit=1)) == [3]


def test_WH1_what_lacks_a_name_fits_no_condition_on_it(several):
    assert {a.dref.name for a in ps.attempts(where="rate!=77")} == {"train"}
    assert {a.dref.name for a in ps.attempts(where="seed=1..2")} >= {"data"}


@given(st.one_of(st.integers(-99, 99), st.floats(-1e3, 1e3)))
def test_WH2_numbers_are_compared_as_numbers(number):
    (condition,) = conditions(f"x={number}")
    assert condition.fits(number)
    assert condition.fits(float(number))
    assert not condition.fits(number + 1)
    assert not condition.fits(None)


@pytest.mark.parametrize(
    ("word", "value", "fits"),
    [
        ("x=true", True, True), ("x=1", True, False), ("x=True", "True", True),
        ("x=none", None, True), ("x=a,b", "b", True), ("x=a,b", "a,b", True), ("x=3", "3", True),
        ("x=[1, 2]", "[1, 2]", True), ("x=a..b", "a..b", True), ("x>1", "2", False),
        ("x=", "", True), ("x=GPU*", "gpu1", False), ("x=1..2", "1..2", True),
        ("x=[1,2]", "[1, 2]", True), ("x=[a,[b]]", '["a", ["b"]]', True), ("x=[1,12]", 12, False),
        ("x=[ab]1,[cd]1", "c1", True), ("x=lr=1,bs=2", "lr=1,bs=2", True), ("x=<s>", "<s>", True),
    ],
)  # fmt: skip
def test_WH2_all_but_numbers_are_compared_as_they_are_written(word, value, fits):
    (condition,) = conditions(f"'{word}'")
    assert condition.fits(value) is fits


def test_a_condition_that_names_nothing_says_what_there_is(several):
    with pytest.raises(BadStage, match="'rte'") as caught:
        ps.attempts(where="rte=1")
    assert caught.value.closest == "rate"
    assert "acc.txt" in caught.value.metrics
    with pytest.raises(BadStage, match="'nothing'"):
        ps.results("train", where="nothing=1")
    with pytest.raises(BadStage, match=r"'acc\.tx'"):
        ps.attempts(sort="-acc.tx")


@pytest.mark.parametrize(
    "where",
    ["rate", "rate='", "rate>fast", "=3", 7, "rate=5..1", "rate!=5..1", "rate=nan..", "rate>nan"],
)
def test_what_is_no_condition_is_refused(several, where):
    with pytest.raises(BadStage):
        ps.attempts(where=where)


@pytest.mark.parametrize(
    "where", ["rate=>0.5", "rate=<0.5", "rate!==1", "rate=0.5,kind=small", "rate=0...5"]
)
def test_WH3_what_would_fit_nothing_or_only_half_is_refused(several, where):
    with pytest.raises(BadStage):
        ps.attempts(where=where)


@pytest.mark.parametrize(
    ("layers", "told"),
    [([64, 32], "[64, 32]"), (["a b", "c"], '["a b", "c"]'), ([[1, 2], [3]], "[[1, 2], [3]]")],
)
def test_WH3_a_list_is_found_as_tables_print_it(store, layers, told):
    value = {"name": "deep", "layers": layers, "rate": 1}
    ps.realize(Derivation(value, match_latest(), lambda b: build_outpath(b)))
    assert len(ps.attempts(where=f"layers={told} rate=1")) == 1
    assert ps.attempts(where=f"layers={told} rate=2") == []
    assert ps.attempts(where="layers=[64, 31]") == []
    with pytest.raises(BadStage):
        ps.attempts(where=f"layers={told[:-1]}")


def test_a_list_in_a_dict_is_several_values_or_one_that_is_a_list(store):
    value = {"name": "deep", "layers": [64, 32]}
    ps.realize(Derivation(value, match_latest(), lambda b: build_outpath(b)))
    assert len(ps.attempts(where={"layers": [64, 32]})) == 1
    assert len(ps.attempts(where={"layers": [[1], (64, 32)]})) == 1
    assert ps.attempts(where={"layers": [64]}) == []


def test_values_in_a_dict_may_be_any_iterable_and_those_of_numpy(several):
    numpy = pytest.importorskip("numpy")
    for seeds in (
        range(1, 3),
        numpy.array([1, 2]),
        (one for one in (1, 2)),
        {1: "a", 2: "b"}.keys(),
    ):
        assert len(ps.attempts(where={"data.seed": seeds})) == 6
    assert len(ps.attempts(where={"data.seed": numpy.int64(2)})) == 1
    (condition,) = conditions({"x": numpy.bool_(True)})
    assert condition.fits(True) and not condition.fits(1)


def test_best_says_which_condition_left_nothing(several):
    with pytest.raises(BadStage, match=r"no realization with a acc\.txt is left") as caught:
        ps.best("train", "acc.txt", where="acc.txt>7")
    assert caught.value.where == "'acc.txt>7'"


def test_a_time_counts_to_the_microsecond_and_a_mistake_in_it_is_refused(several, store):
    last = ps.attempts()[-1]
    begun = datetime.fromtimestamp(last.start // 1000 / 1e6, UTC)
    assert ps.attempts(since=begun) == ps.attempts(since=begun.astimezone().replace(tzinfo=None))
    assert ps.attempts(since=begun) == [last]
    assert ps.attempts(since=begun + timedelta(microseconds=1)) == []
    assert moment(begun.isoformat(), store) == last.start // 1000 * 1000
    for mistake in (
        {"since": "2d"},
        {"since": begun.date()},
        {"since": 7},
        {"limit": -1},
        {"sort": 3},
        {"tag": 3},
        {"where": {1: 2}},
    ):
        with pytest.raises(BadStage):
            ps.attempts(**mistake)


def test_a_time_of_pandas_without_a_time_zone_is_local(several):
    pandas = pytest.importorskip("pandas")
    begun = datetime.fromtimestamp(ps.attempts()[-1].start // 1000 / 1e6, UTC)
    local = pandas.Timestamp(begun.astimezone().replace(tzinfo=None))
    assert ps.attempts(since=local) == ps.attempts(since=pandas.Timestamp(begun))
    assert len(ps.attempts(since=local)) == 1


@ps.stage
def swept(build, rate: float = 0.1, out=ps.output("seed.txt")):
    out.write_text(str(ps.build_seed(build)))


def test_a_stage_a_name_or_a_sweep_stands_for_its_derivations(several):
    runs = ps.sweep(swept, rate=[0.1, 0.2])
    first, _ = ps.realize(runs, attempts=2).values()
    everything = ps.attempts(runs)
    assert len(everything) == 4
    for target in (swept, "swept", [*runs.values()], runs.values(), [swept, first, "swept"]):
        assert ps.attempts(target) == everything
    assert ps.attempts(swept, where="rate=0.2") == ps.attempts(runs["rate=0.2"])
    assert ps.attempts([]) == []
    assert ps.attempts(ps.view(first)) == ps.attempts(first)
    for mistake in ("swepd", 3, [None]):
        with pytest.raises(BadStage):
            ps.attempts(mistake)
    with pytest.raises(BadRef):
        ps.attempts("dref:7")


def test_attempts_of_a_stage_are_those_of_its_code_as_it_is_now(store):
    old, new = (ps.stage(name="swept", code=code)(swept.function) for code in ("v1", "v2"))
    ps.realize([old(), new()])
    for one, target in ((old, old), (new, new), (new, "swept")):
        with pytest.warns(PystoreWarning, match="1 attempt"):
            assert ps.attempts(target) == ps.attempts(one())


def test_a_parameter_that_is_none_has_a_cell_and_one_that_is_absent_has_none(store):
    for value in ({"name": "one", "x": None}, {"name": "two", "y": 1}):
        ps.realize(Derivation(value, match_latest(), lambda b: build_outpath(b)))
    assert sorted(map(str, find(store.drefs(), store, Wanted()).cells("x"))) == ["None", "None"]
    assert {type(x) for x in find(store.drefs(), store, Wanted()).cells("x")} == {str, type(None)}


def test_a_store_without_attempts_has_nothing_to_refuse(store):
    assert ps.attempts(where="rate=1") == []
    with pytest.raises(NotInStore):
        ps.attempts(stage(0.3).dref)


def test_results_and_best_take_conditions(several):
    assert len(ps.results("train", where="rate=0.5")) == 3
    assert ps.results("train", where="rate=0.5 data.seed=1").parameters == ()
    assert ps.best("train", "acc.txt", where="rate>0.4") in several[1:]
    assert ps.best("train", "acc.txt") == several[0]
    assert len(ps.results("train", where="acc.txt>7")) == 0
    summary = ps.results("train", where="kind=small rate<1").summary("acc.txt", over="data.seed")
    assert [group.parameters["rate"] for group in summary] == [0.1, 0.5]


def test_tags_of_an_attempt_its_realization_or_its_derivation_are_found(several, store):
    ps.tag(several[0], "paper/1")
    ps.tag(several[2].dref, "wide")
    assert [a.rref for a in ps.attempts(tag="paper/*")] == [several[0]]
    assert [a.rref for a in ps.attempts(tag="wide")] == [several[2]]
    assert ps.attempts(tag="other") == []
    assert find(store.drefs(), store, Wanted(tag="wide", failed=True)).total == 0
