"""Whose results these are: older code, and other stages of one name, are left out and told."""

import importlib.util
import itertools

import pytest

import pystore as ps
from pystore import Derivation, PystoreWarning, accept, best, compare, family, find_ref, results
from pystore.errors import BadMetric, BadStage
from pystore.ui.cli.main import run

FILE = "accuracy.txt"
STAGE = """
from pystore import output, stage

@stage
def prepare(file=output("data.txt")):
    file.write_text(str({leaks}))

@stage
def train(build, {parameter}: int = 1, data=prepare, accuracy=output("accuracy.txt")):
    accuracy.write_text(str({score} + {parameter} / 100 + build.seed / 2**50))
"""


@pytest.fixture
def project(tmp_path):
    """Loads the stages of a project, as an editor has left them: `project(score=0.9)`."""
    count = itertools.count()

    def load(file="digits", parameter="depth", score=0.5, leaks="False"):
        path = tmp_path / str(next(count)) / f"{file}.py"
        path.parent.mkdir()
        path.write_text(STAGE.format(parameter=parameter, score=score, leaks=leaks))
        spec = importlib.util.spec_from_file_location(file, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.train

    return load


def told(words):
    return pytest.warns(PystoreWarning, match=words)


# --- stages ----------------------------------------------------------------------------


def test_OR1_of_a_stage_the_results_of_its_code_as_it_is_now_are_meant(store, project):
    old, new = project(score=0.9), project(score=0.1)
    ps.realize([old(), old(depth=2)], attempts=3)
    rref = ps.realize(new())
    with told('6 attempts by older code are left out: code="any"'):
        assert best(new, FILE) == rref
    assert best(new, FILE, code="any").dref == old(depth=2).dref
    assert family(new) == [new().dref]
    assert len(family(new, code="any")) == 3
    with told("1 attempt by older code is left out"):
        assert best(old, FILE).dref == old(depth=2).dref


def test_OR1_another_stage_of_the_same_name_is_none_of_its_results(store, project):
    other, own = project("churn", parameter="trees", score=0.9), project(score=0.1)
    ps.realize(other(), attempts=2)
    rref = ps.realize(own())
    with told("2 attempts by another stage of this name are left out"):
        assert best(own, FILE) == rref
    ps.realize(project(score=0.2)())
    with told("1 attempt by older code, 2 by another stage of this name, are left out"):
        assert best(own, FILE) == rref


def test_OR2_what_an_older_input_led_to_is_by_older_code(store, project):
    leak, mended = project(leaks="True", score=0.9), project(leaks="False", score=0.9)
    assert leak().config["code"] == mended().config["code"]
    ps.realize(leak(depth=9))
    rref = ps.realize(mended())
    with told("1 attempt by older code is left out"):
        assert best(mended, FILE) == rref


def test_OR3_tables_summaries_and_comparisons_tell_what_is_left_out(store, project):
    old, new = project(score=0.9), project(score=0.1)
    ps.realize([old(), old(depth=2)], attempts=2)
    ps.realize([new(), new(depth=2)], attempts=2)
    line = '4 attempts by older code are left out: code="any", or --code any, takes them in'
    found = results(new, metrics=FILE)
    assert len(found) == 4
    for table in (found, found.summary(), compare(new, new(depth=2), FILE)):
        assert str(table).splitlines()[-1] == line
        assert f"<p>{line.replace(chr(34), '&quot;')}</p>" in table._repr_html_()
    everything = results(new, metrics=FILE, code="any")
    assert len(everything) == 8 and "code" in everything.parameters
    assert "left out" not in str(everything)
    assert len(compare(new, old(depth=2), FILE, code="any").a) == 8


def test_derivations_that_are_given_are_all_meant(store, project):
    old, new = project(score=0.9), project(score=0.1)
    ps.realize([old(), new()])
    assert len(results(old(), new(), metrics=FILE)) == 2
    assert best([old(), new()], FILE).dref == old().dref


def test_a_stage_that_has_built_nothing_yet_says_so(store, project):
    ps.realize(project(score=0.9)(), attempts=2)
    new = project(score=0.1)
    with pytest.raises(BadStage, match="nothing has been built by the code of train") as caught:
        best(new, FILE)
    assert caught.value.left_out.older == 2
    with pytest.raises(BadStage, match="neither 'now' nor 'any'"):
        results(new, code="older")  # type: ignore[arg-type]  # the mistake


# --- stages by hand --------------------------------------------------------------------


def by_hand(score, name="train", **more):
    """A stage by hand whose realizer is another function for each score."""

    def low(b):
        (b.outpath / FILE).write_text(f"{0.1 + b.seed / 2**40}")

    def high(b):
        (b.outpath / FILE).write_text(f"{0.9 + b.seed / 2**40}")

    realizer = {"low": low, "high": high}[score]
    return Derivation({"name": name, **more}, ps.match_latest(), realizer)


def test_a_stage_by_hand_is_known_by_the_source_of_its_realizer(store):
    ps.realize(by_hand("high"), attempts=2)
    rref = ps.realize(by_hand("low"), force_rebuild=True)
    with told("2 attempts by older code are left out"):
        assert best(by_hand("low"), FILE) == rref
    assert best(by_hand("low"), FILE, code="any") != rref
    assert len(results(by_hand("high"))) == 2
    assert len(results("train")) == len(results(by_hand("low").dref)) == 1


def test_what_was_accepted_counts_for_the_code_that_it_was_accepted_for(store):
    rref = ps.realize(by_hand("high", width=1))
    accepted = accept(rref, by_hand("low", width=2))
    assert best(by_hand("low", width=2), FILE) == accepted


# --- names -----------------------------------------------------------------------------


def test_OR1_a_name_means_the_code_that_ran_last(store, project):
    old, new = project(score=0.9), project(score=0.1)
    ps.realize(old(), attempts=2)
    rref = ps.realize(new())
    for choose in (lambda: find_ref(f"train@best:{FILE}"), lambda: best("train", FILE)):
        with told("train: 2 attempts by older code|best of accuracy.txt: 2 attempts"):
            assert choose() == rref
    with told("2 attempts by older code"):
        assert find_ref("train") == rref.dref
    assert find_ref("train@latest") == rref
    assert find_ref(f"train@best:{FILE}", code="any").dref == old().dref
    with told("1 attempt by older code"):
        ps.realize(old(), force_rebuild=True)
        assert find_ref("train") == old().dref


def test_OR1_what_was_adopted_counts_from_then_on(store):
    def train(shift):
        def prepare(b):
            (b.outpath / "data.txt").write_text(str(shift % 2))

        def fit(b):
            (b.outpath / FILE).write_text(str(0.5 + shift % 2 / 10))

        data = Derivation({"name": "prepare", "code": f"v{shift}"}, ps.match_latest(), prepare)
        config = {"name": "train", "code": "v1", "data": data}
        return Derivation(config, ps.match_latest(), fit)

    for shift in (1, 2, 3):  # the third makes what the first made
        ps.realize(train(shift))
    with told("2 attempts by older code"):
        assert best("train", FILE).dref == train(3).dref


def test_a_command_tells_what_a_name_leaves_out(store, project, capsys):
    old, new = project(score=0.9), project(score=0.1)
    ps.realize(old(), attempts=2)
    ps.realize(new())
    place = ["--store", str(store.root)]
    assert run(["metrics", "train", "--json", *place]) == 0
    shown = capsys.readouterr()
    assert '"n": 1' in shown.out and "train: 2 attempts by older code are left out" in shown.err
    assert run(["metrics", "train", "--code", "any", "--json", *place]) == 0
    shown = capsys.readouterr()
    assert '"n": 2' in shown.out and not shown.err
    assert run(["show", "--of-code", "any", f"train@best:{FILE}", *place]) == 0
    assert old().dref[5:] in capsys.readouterr().out


def test_attempts_of_a_name_are_those_of_the_code_that_was_tried_last(store, capsys):
    def broken(b):
        raise ArithmeticError("not today")

    ps.realize(by_hand("high"))
    failing = Derivation({"name": "train", "width": 2}, ps.match_latest(), broken)
    with pytest.raises(ps.PystoreError):
        ps.realize(failing)
    assert run(["log", "train", "--store", str(store.root)]) == 0
    shown = capsys.readouterr()
    assert "not today" in shown.out and "left out" in shown.err
    assert [row.attempt.succeeded for row in results("train")] == [True]
    with pytest.raises(BadMetric) as caught:
        results("train", metrics="loss.txt")
    assert caught.value.left_out.older == 1
