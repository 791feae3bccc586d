"""Results: the attempts of a family as a table, and what one may conclude from them."""

import random
import sys

import numpy as np
import pytest

import pystore as ps
from pystore import (
    Derivation,
    Store,
    attempts,
    build_cattrs,
    build_outpath,
    build_seed,
    instantiate,
    match_latest,
    match_some,
    realize_many,
    reject,
    rmref,
    selfref,
    tag,
)
from pystore.ask.experiments.family import family
from pystore.ask.experiments.results import best, results
from pystore.core.attempt import attempt_text, parse_attempt
from pystore.core.context import Context
from pystore.core.statistics import Statistics
from pystore.errors import BadMetric, BadStage, BuildError, NotInStore, PystoreError

FILE = "accuracy.txt"


def build(b):
    """As accurate as its width and its seed say."""
    c, noise = build_cattrs(b), random.Random(build_seed(b))
    if c.width == 13:
        raise ArithmeticError("unlucky")
    (build_outpath(b) / FILE).write_text(f"{c.width / 100 + noise.random() / 1000}\n")
    (build_outpath(b) / "loss.txt").write_text(f"{1 - c.width / 100}\n")


def train(width=32, n=3, name="train", **more):
    config = {"name": name, "width": width, "accuracy": [selfref, FILE], "code": "0" * 32, **more}
    return Derivation(config, match_some(n), build)


def written(text, name="train", **more):
    """A stage whose accuracy.txt holds this text."""

    def write(b):
        (build_outpath(b) / FILE).write_text(text)

    return Derivation({"name": name, "text": text, **more}, match_latest(), write)


@pytest.fixture
def swept(store: Store) -> Store:
    realize_many([train(width) for width in (16, 32, 64)])
    return store


# --- families --------------------------------------------------------------------------


class Stage:
    """As @stage makes one, for what this is about."""

    stage_name = "train"


def test_a_family_is_all_derivations_of_one_stage(swept):
    drefs = sorted(train(width).dref for width in (16, 32, 64))
    realize_many(train(name="other"))
    for named in ("train", Stage(), train(16), train(99), drefs[0]):
        assert family(named) == drefs


def test_an_empty_family_says_what_there_is(swept):
    with pytest.raises(BadStage, match="no derivation") as caught:
        family("trian")
    assert caught.value.there_are == "train"
    for wrong in (3, "rref:" + "0" * 32, str.upper):
        with pytest.raises(BadStage, match="not a stage"):
            family(wrong)


# --- rows ------------------------------------------------------------------------------


def test_there_is_a_row_for_each_attempt(swept):
    found = results("train", metrics=[FILE])
    assert len(found) == 9
    assert found.parameters == ("width",)
    assert sorted({row.parameters["width"] for row in found}) == [16, 32, 64]
    for row in found:
        assert row.metrics == {FILE: row.attempt.metrics[FILE]}
    assert results("train").metrics == (FILE, "loss.txt")
    assert results("train", metrics=FILE).metrics == (FILE,)


@pytest.mark.parametrize(
    "what",
    [
        lambda: ["train"],
        lambda: [Stage()],
        lambda: [train(16), train(32), train(64)],
        lambda: [[train(16).dref], {"a": train(32), "b": [train(64)]}],
        lambda: [instantiate([train(16), train(32), train(64)])],
        lambda: [{16: train(16), 32: train(32), 64: train(64)}.values()],
        lambda: ["train", train(16).dref],
    ],
)
def test_whatever_names_derivations_will_do(swept, what):
    assert len(results(*what())) == 9


def test_nested_parameters_are_dotted_and_constant_ones_left_out(store):
    data = [written("1", "data", size=size) for size in (10, 20)]
    for i, rate in enumerate((0.1, 0.2)):
        nested = {"optimizer": {"rate": rate, "decay": 0.5}, "layers": [64, i], "data": data[i]}
        realize_many(train(n=1, file=[data[i], FILE], same=[1, 2], **nested))
    found = results("train")
    assert set(found.parameters) == {"optimizer.rate", "layers", "data.size"}
    first = found.rows[0].parameters
    assert first["layers"] in ("[64, 0]", "[64, 1]")
    assert first["data.size"] in (10, 20)


def test_a_parameter_that_some_have_is_a_column(store):
    realize_many([train(16, n=1), train(16, n=1, dropout=0.5)])
    found = results("train")
    assert found.parameters == ("dropout",)
    assert [len(g.parameters) for g in found.summary(FILE)] == [0, 1]


def test_the_code_is_shown_where_nothing_else_tells_two_apart(store):
    realize_many([train(16, n=1), train(16, n=1, code="1" * 32)])
    found = results("train", code="any")
    assert found.parameters == ("code",)
    assert {row.parameters["code"] for row in found} == {"000000", "111111"}
    realize_many(train(32, n=1))
    assert results("train", code="any").parameters == ("width", "code")


def test_stages_of_two_names_are_told_apart(store):
    realize_many([train(16, n=1), train(16, n=1, name="other")])
    assert results("train", "other").parameters == ("stage",)


def test_RE1_what_was_rejected_is_not_among_them(swept):
    worst = attempts(train(16).dref)[0].rref
    reject(worst, "label leak")
    found = results("train")
    assert len(found) == 8
    assert worst not in {row.attempt.rref for row in found}
    note = "not counted: 1 attempt whose result was rejected"
    assert found.notes() == [note]
    assert note in found.summary().notes()
    assert results("train", where="width=16").rejected == 1
    assert results("train", where="width=32").rejected == 0


def test_RE1_a_tag_of_what_was_rejected_stands_beside_no_other(swept):
    worst, kept = (attempt.rref for attempt in attempts(train(16).dref)[:2])
    tag(worst, "baseline")
    tag(kept, "good")
    tag(train(32).dref, "wide")
    reject(worst, "label leak")
    tags = {group.parameters["width"]: group.tags for group in results("train").summary()}
    assert (tags[16], tags[32]) == (("good",), ("wide",))


def test_RE1_where_all_was_rejected_the_error_counts_it(swept):
    for rref in realize_many(train(99)):
        reject(rref, "label leak")
    with pytest.raises(BadStage, match=r"rejected: *3"):
        results(train(99))


def test_RE1_a_lost_result_that_came_back_counts_once(swept):
    lost = attempts(train(16).dref)[-1].rref
    rmref(lost)
    realize_many(train(16, n=3))
    assert len(attempts(train(16).dref)) == 4
    group = results(train(16)).summary(FILE)[0]
    assert group.statistics.n == 3
    assert len(results(train(16))) == 4


def test_lost_bytes_keep_their_numbers(swept):
    for attempt in attempts(train(64).dref):
        rmref(attempt.rref)
    assert results(train(64)).summary(FILE)[0].statistics.n == 3
    assert best("train", FILE).dref == train(32).dref


def test_RE2_failures_are_rows_and_are_counted(swept):
    with pytest.raises(BuildError):
        realize_many(train(13))
    found = results("train", metrics=FILE)
    assert len(found) == 10
    group = found.summary()[0]
    assert (group.parameters, group.failed, group.statistics.n) == ({"width": 13}, 1, 0)
    assert group.best is None
    assert "failed" in str(found)
    with pytest.raises(BuildError):
        realize_many(train(13, name="never"))
    assert str(results("never").summary()).split()[:2] == ["n", "failed"]


def test_RE3_a_metric_file_that_is_no_number_is_named(store):
    rref = realize_many(written("about 0.9\n"))[0]
    with pytest.raises(BadMetric, match=r"accuracy.txt is no number") as caught:
        results("train", metrics=FILE)
    assert rref in str(caught.value)
    assert "about 0.9" in str(caught.value)
    reject(rref, "no number")
    realize_many(written("0.5"))
    assert len(results("train", metrics=FILE)) == 1


def test_RE3_a_number_that_is_missing_is_counted_as_missing(store):
    realize_many([written("0.5", x=1), written("nan", x=1)])
    group = results("train", metrics=FILE).summary(over="text")[0]
    assert (group.values, group.missing) == ((0.5,), 1)
    assert "missing" in str(results("train", metrics=FILE).summary())


def test_a_number_in_any_file_can_be_asked_for(store):
    def write(b):
        (build_outpath(b) / "deep").mkdir()
        (build_outpath(b) / "deep" / "score").write_text("0.25\nand more\n")

    realize_many(Derivation({"name": "deep"}, match_latest(), write))
    assert results("deep", metrics="deep/score").rows[0].metrics == {"deep/score": 0.25}
    assert results("deep").metrics == ()
    for outside in ("../context.json", "deep", "missing"):
        with pytest.raises(BadMetric):
            results("deep", metrics=outside)


def test_a_metric_that_nobody_has_is_an_error_with_those_that_there_are(swept):
    with pytest.raises(BadMetric, match="val_loss") as caught:
        results("train", metrics="val_loss")
    assert caught.value.there_are == f"{FILE}, loss.txt"
    with pytest.raises(BadMetric):
        results("train", metrics=FILE).summary("loss.txt")


def test_nothing_to_show_is_an_error(store):
    with pytest.raises(BadStage, match="nothing to show"):
        results(train(16))
    with pytest.raises(NotInStore):
        results(train(16).dref)
    instantiate(train(16))
    with pytest.raises(BadStage, match="nothing has been built"):
        results("train")


# --- best ------------------------------------------------------------------------------


def test_the_best_of_a_family_is_one_realization(swept):
    top = max(attempts(train(64).dref), key=lambda a: a.metrics[FILE])
    assert best("train", FILE) == top.rref
    assert best(Stage(), "loss.txt", "min").dref == train(64).dref
    assert best([train(16), train(32)], FILE).dref == train(32).dref
    reject(top.rref, "too good")
    assert best("train", FILE) != top.rref
    with pytest.raises(BadStage, match="mode"):
        best("train", FILE, "most")  # type: ignore[arg-type]  # the mistake
    for attempt in attempts(train(16).dref):
        rmref(attempt.rref)
    with pytest.raises(BadStage, match="is left"):
        best([train(16)], FILE)


# --- summary ---------------------------------------------------------------------------


def test_a_summary_has_a_group_for_each_config(swept):
    summary = results("train").summary(FILE)
    assert [g.parameters["width"] for g in summary] == [16, 32, 64]
    for group in summary:
        made = attempts(group.drefs[0])
        assert group.statistics == Statistics.of([a.metrics[FILE] for a in made])
        assert group.best == max(made, key=lambda a: a.metrics[FILE]).rref
    least = results("train").summary(FILE, mode="min")[0]
    assert least.best == min(attempts(least.drefs[0]), key=lambda a: a.metrics[FILE]).rref
    assert len(results("train").summary()) == 6


def test_a_summary_can_go_over_a_parameter(store):
    realize_many([train(width, n=1, seed=seed) for width in (16, 32) for seed in range(4)])
    summary = results("train").summary(FILE, over="seed")
    assert [(g.parameters, g.statistics.n) for g in summary] == [
        ({"width": 16}, 4),
        ({"width": 32}, 4),
    ]
    everything = results("train").summary(FILE, over=["seed", "width"])
    assert everything[0].statistics.n == 8
    assert len(results(train(16, seed=0)).summary(FILE, over="seed")) == 1
    with pytest.raises(BadStage, match="no parameter") as caught:
        results("train").summary(over="sed")
    assert caught.value.these_differ == "seed, width"


def test_what_was_picked_is_corrected_for_it(swept):
    group, picked = results("train").summary(FILE).picked()
    assert group.parameters == {"width": 64}
    assert picked.corrected == pytest.approx(picked.mean, abs=1e-3)
    assert results(train(16)).summary(FILE).picked() is None
    assert results("train").summary().picked() is None


def test_single_attempts_have_a_best_that_is_said_to_be_uncorrected(store):
    realize_many([train(16, n=1), train(64, n=1)])
    told = results("train").summary(FILE).notes()[0]
    assert told.startswith("best of 2 by its mean: width=64, 0.")
    assert told.endswith("; correcting for the pick takes 2 attempts of each")


def test_the_best_may_be_the_one_that_lacks_the_parameters_of_the_others(store):
    def writes(number):
        return lambda b: (b.outpath / FILE).write_text(str(number))

    without = Derivation({"name": "bare"}, match_latest(), writes(0.9))
    other = Derivation({"name": "bare", "rate": 1}, match_latest(), writes(0.5))
    ps.realize([without, other])
    told = results([without, other]).summary(FILE).notes()[0]
    assert told.startswith("best of 2 by its mean: the one without these parameters, 0.9")


# --- how it looks ----------------------------------------------------------------------


def test_a_summary_prints_aligned(swept):
    lines = str(results("train").summary(FILE)).splitlines()
    assert lines[0].split() == ["width", "n", "failed", "mean", "std", "95%", "min", "max", "best"]
    assert len(lines) == 5
    assert lines[1].split()[:3] == ["16", "3", "0"]
    assert len({line.index("[") for line in lines[1:4]}) == 1
    assert lines[4].startswith("best of 3 by its mean: width=64, 0.64")


def test_results_print_and_long_ones_are_cut(store):
    realize_many(train(16, n=70), max_attempts=70)
    lines = str(results("train", metrics=FILE)).splitlines()
    assert lines[0].split() == ["attempt", "outcome", "seconds", FILE, "rref"]
    assert lines[-1] == "… 10 more"
    assert len(lines) == 62


def test_a_notebook_sees_a_table_in_which_nothing_runs(store):
    evil = "<script>alert(1)</script>"
    realize_many([train(16, n=2, note=evil), train(16, n=2, note="plain & simple")])
    for shown in (results("train"), results("train").summary(FILE)):
        html = shown._repr_html_()
        assert html.startswith("<table>")
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert "plain &amp; simple" in html


def test_pandas_gets_everything(swept):
    pandas = pytest.importorskip("pandas")
    found = results("train").to_pandas()
    assert found.shape[0] == 9
    assert {"width", "attempt", "outcome", "seed", "start", FILE, "dref", "rref"} <= {*found}
    assert isinstance(found["start"].iloc[0], pandas.Timestamp)
    summary = results("train").summary(FILE).to_pandas()
    assert summary["mean"].tolist() == [g.statistics.mean for g in results("train").summary(FILE)]


def test_points_and_intervals_are_drawn(swept):
    pytest.importorskip("matplotlib").use("Agg")
    axes = results("train").plot(FILE)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["16", "32", "64"]
    assert axes.get_xlabel() == "width"
    points = [len(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert points == [3, 3, 3]
    assert results("train").plot(FILE, axes=axes) is axes
    with pytest.raises(BadMetric, match="which"):
        results("train").plot()
    with pytest.raises(BadMetric, match="no attempt has a trace"):
        results("train").plot(traces="val_loss")


@pytest.fixture
def traced(store):
    def build(b):
        rows = [f'{{"step": {i}, "name": "loss", "value": {1 / (i + 1)}}}\n' for i in range(5)]
        (build_outpath(b) / "metrics.jsonl").write_text("".join(rows))

    realize_many([Derivation({"name": "traced", "x": x}, match_some(2), build) for x in (1, 2)])


def test_TC1_traces_are_rows(traced):
    found = results("traced").traces("loss")
    assert [point.step for point in found] == [0, 1, 2, 3, 4] * 4
    assert [point.value for point in found][:3] == [1.0, 0.5, 1 / 3]
    told = {(point.parameters["x"], point.attempt.id) for point in found}
    assert told == {(row.parameters["x"], row.attempt.id) for row in results("traced")}
    assert all(point.rref == point.attempt.rref for point in found)
    header, first, *_ = str(found).splitlines()
    assert header.split() == ["x", "attempt", "step", "value", "rref"]
    assert first.split()[:4] == ["1", "0", "0", "1"]
    with pytest.raises(BadMetric, match="no attempt has a trace of 'accuracy'") as caught:
        results("traced").traces("accuracy")
    assert caught.value.there_are == "loss"


def test_TC1_traces_go_to_pandas(traced):
    pytest.importorskip("pandas")
    found = results("traced").traces("loss").to_pandas()
    assert [*found] == ["x", "attempt", "step", "value", "rref"]
    assert found.groupby("x")["value"].count().to_dict() == {1: 10, 2: 10}
    assert {*found["rref"]} == {row.attempt.rref for row in results("traced")}


def test_traces_are_drawn(traced):
    pytest.importorskip("matplotlib").use("Agg")
    axes = results("traced").plot(traces="loss")
    assert [len(line.get_xdata()) for line in axes.lines] == [5] * 4
    assert np.allclose(axes.lines[0].get_ydata(), [1 / (i + 1) for i in range(5)])
    assert len(axes.get_legend().get_texts()) == 2


@pytest.mark.parametrize(
    ("module", "use"), [("pandas", "to_pandas"), ("matplotlib.pyplot", "plot")]
)
def test_what_is_not_installed_is_named(swept, monkeypatch, module, use):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PystoreError, match="not installed") as caught:
        getattr(results("train", metrics=FILE), use)()
    assert "pip install" in str(caught.value)


# --- the best step -----------------------------------------------------------------------


def peaking(b):
    """An accuracy that is highest in the middle of the training."""
    peak = b.config["peak"]
    for step in range(5):
        ps.build_metric(b, "acc", 0.9 - abs(step - peak) / 10 + peak / 100, step=step)
    (b.outpath / "peak").write_text(str(peak))


@pytest.fixture
def peaks(store):
    """Trainings whose last steps are 0.5, 0.72 and 0.94, and whose best are 0.9, 0.92 and 0.94."""
    made = [Derivation({"name": "train", "peak": p}, match_latest(), peaking) for p in (0, 2, 4)]
    ps.realize(made)
    return made


def accs(found):
    return [
        round(row.metrics["acc"], 2)
        for row in sorted(found, key=lambda r: r.parameters.get("peak", 0))
    ]


def test_the_best_step_counts_where_it_is_wanted(peaks):
    assert accs(ps.results("train")) == accs(ps.results("train", over="last")) == [0.5, 0.72, 0.94]
    assert accs(ps.results("train", over="max")) == [0.9, 0.92, 0.94]
    assert accs(ps.results("train", metrics="acc", over="min")) == [0.5, 0.72, 0.54]
    summary = ps.results("train", over="max").summary("acc")
    assert [round(group.statistics.mean, 2) for group in summary] == [0.9, 0.92, 0.94]
    assert ps.best(peaks[:2], "acc", over="min", mode="min").dref == peaks[0].dref
    assert round(ps.compare(peaks[1], peaks[0], "acc", over="max").difference.value, 2) == 0.02
    with pytest.raises(BadStage, match="over="):
        ps.results("train", over="best")  # type: ignore[arg-type]  # the mistake


def test_a_choice_goes_by_the_best_step_and_has_another_name(peaks):
    last, over = (ps.best_of(peaks[:2], "acc", mode="min", over=over) for over in (None, "max"))
    assert last.dref != over.dref
    assert last.dref == ps.best_of(peaks[:2], "acc", mode="min").dref
    assert round(ps.attempts(ps.realize(over))[0].metrics["acc"], 2) == 0.9


def test_the_best_step_of_what_an_older_version_recorded_is_found_in_its_trace(peaks, store):
    for record in store.root.glob("drv/*/attempts/*.json"):
        old = parse_attempt(record.read_bytes())._replace(extremes=None)
        record.chmod(0o644)
        record.write_bytes(attempt_text(old))
    assert accs(ps.results("train", over="max")) == [0.9, 0.92, 0.94]
    (candidate,) = store.candidates(peaks[0].dref, Context({}), ("acc",))
    assert round(candidate.metric("acc", "max"), 2) == 0.9


def test_a_failed_attempt_has_its_best_step_too(store):
    def fails(b):
        peaking(b)
        raise RuntimeError

    derivation = Derivation({"name": "train", "peak": 2}, match_latest(), fails)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(derivation)
    assert accs(ps.results(derivation, over="max")) == [0.92]
