"""@stage: a plain function becomes a stage."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pystore as ps
from pystore import match_best, match_latest, match_some, output, stage
from pystore.errors import BadConfig, BadRef, BadStage, MissingOutput


@stage
def dataset(n: int = 3, file=output("data/numbers.txt")):
    file.write_text("\n".join(map(str, range(n))))


@stage(matcher=match_best("accuracy.txt"))
def train(
    build, data=dataset(), epochs: int = 1, rate: float = 0.1, accuracy=output("accuracy.txt")
):
    lines = data.file.read_text().split()
    assert data.n == len(lines)
    accuracy.write_text(str(build.seed / 2**32))


def test_SG1_calling_a_stage_is_a_value_and_touches_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    derivation = train(epochs=3)
    assert derivation.dref.endswith("-train")
    assert [held.dref for held in derivation.holds] == [dataset().dref]
    assert derivation == train(epochs=3)
    assert derivation != train(epochs=4)
    assert os.listdir(tmp_path) == []


def test_run_realizes_and_views_in_one(store):
    run = train(epochs=3).run()
    assert 0 <= float(run.accuracy.read_text()) < 1
    assert run.path == run.accuracy.parent
    assert (run.config.epochs, run.epochs, run.data.n) == (3, 3, 3)
    assert run == ps.view(ps.realize(train(epochs=3)))
    assert train(epochs=3).run(force_rebuild=True).attempts


def test_positional_arguments_and_defaults_are_the_same_config():
    assert dataset(5) == dataset(n=5)
    assert dataset(3) == dataset()
    assert dataset().config["file"] == [ps.selfref, "data", "numbers.txt"]


def test_a_stage_serves_hand_written_stages_and_takes_them(store):
    def by_hand(m):
        return ps.mkdrv(m, {"name": "by-hand", "data": dataset(m, n=4)}, match_latest(), copy)

    def copy(b):
        path = ps.build_path(b, [b.config["data"], "data", "numbers.txt"])
        (b.outpath / "copy.txt").write_text(path.read_text())

    @stage
    def count(source, total=output("total.txt")):
        text = (source.path / "copy.txt").read_text() if hasattr(source, "path") else ""
        total.write_text(str(len(text.split())))

    rref = ps.realize(ps.instantiate(lambda m: count(m, source=by_hand(m))))
    assert ps.catref(rref, "total.txt") == ["4"]
    assert ps.instantiate(dataset, n=2).targets == dataset(2).dref
    dref = ps.instantiate_inplace(dataset, n=2)
    assert ps.realize_inplace(dref) == dataset(2).run().rref


def test_inputs_come_in_lists_and_dicts_and_as_bare_stages(store):
    @stage
    def merge(parts, named, bare=dataset, total=output("total.txt")):
        numbers = [p.n for p in parts] + [named["a"].n, bare.n]
        total.write_text(str(sum(numbers)))

    run = merge(parts=[dataset(1), dataset(2)], named={"a": dataset(4)}).run()
    assert run.total.read_text() == str(1 + 2 + 4 + 3)


def test_several_realizations_of_an_input_arrive_as_a_list(store):
    @stage(matcher=match_some(3))
    def noisy(build, file=output("x.txt")):
        file.write_text(str(build.seed))

    @stage
    def spread(noisy=noisy, total=output("n.txt")):
        total.write_text(str(len({one.file.read_text() for one in noisy})))

    run = spread().run()
    assert run.total.read_text() == "3"
    assert len(run.noisy) == 3


def test_a_bare_stage_is_called_when_its_dependent_is():
    def make(version):
        @stage(code=version)
        def data(file=output("x")):
            file.write_text("x")

        return data

    current = make("v1")

    @stage
    def use(data=current):
        pass

    before = use().dref
    current.options = make("v2").options
    assert use().dref != before


def test_SG3_ignored_parameters_reach_the_function_and_are_no_identity(store):
    seen = []

    @stage(ignore=["device", "verbose"])
    def fit(epochs=1, device="cpu", verbose=False):
        seen.append((device, verbose))

    assert fit(device="gpu") == fit()
    with pytest.warns(ps.errors.PystoreWarning, match="seen changed while fit ran"):
        rref = fit(device="gpu", verbose=True).run().rref
    assert seen == [("gpu", True)]
    assert ps.attempts(rref)[0].notes["ignored"] == {"device": "'gpu'", "verbose": "True"}


def test_SG3_code_is_identity_as_far_as_it_says():
    def one(**options):
        @stage(**options)
        def fit(x=1):
            return None

        return fit()

    def two(**options):
        @stage(**options)
        def fit(x=1):
            x = x + 1

        return fit()

    assert one() != two()
    assert one(code="function") != two(code="function")
    assert one(code="v3").dref == two(code="v3").dref != one().dref
    assert one(code=None).dref == two(code=None).dref
    assert "code" not in one(code=None).config
    assert one(code="v3").config["code"] == "v3"


def test_reverting_an_edit_brings_old_results_back(store):
    def version(text):
        @stage
        def fit(file=output("x.txt")):
            file.write_text("a") if text == "a" else file.write_text("b")

        return fit()

    first = version("a").run().rref
    assert version("a").run().rref == first


@pytest.mark.parametrize("name", ["path", "rref", "dref", "attempts", "config", "name", "code"])
def test_reserved_parameter_names_are_refused_at_decoration(name):
    namespace = {"stage": stage}
    with pytest.raises(BadStage, match="would hide"):
        exec(f"@stage\ndef f({name}): pass", namespace)


@pytest.mark.parametrize("signature", ["*args", "**kwargs", "x, /"])
def test_SG2_signatures_that_hide_what_a_stage_depends_on_are_refused(signature):
    with pytest.raises(BadStage, match="a stage cannot take"):
        exec(f"@stage\ndef f({signature}): pass", {"stage": stage})


def test_a_stage_that_returns_something_says_where_its_files_are(store):
    @stage
    def returns(file=output("x.txt")):
        file.write_text("x")
        return dict.fromkeys(["accuracy"], 0.5)  # which no text tells before it runs

    with pytest.raises(BadStage, match="returned a value") as caught:
        returns().run()
    assert "try:" in str(caught.value)
    assert Path(caught.value.staging, "out", "x.txt").exists()


def test_mistakes_in_calls_are_clear_errors():
    with pytest.raises(BadStage, match="unexpected keyword argument 'epoch'"):
        train(epoch=3)
    with pytest.raises(BadConfig, match=r"config\.rate: set is not JSON"):
        train(rate={1})
    with pytest.raises(BadStage, match="ignore names something that is no parameter"):
        stage(ignore=["x"])(dataset.function)
    with pytest.raises(BadRef):
        output("../x")


def test_a_promised_file_that_is_not_written_fails_the_build(store):
    @stage
    def forgets(file=output("x.txt")):
        pass

    with pytest.raises(MissingOutput, match=r"x\.txt"):
        forgets().run()


def test_two_stages_of_one_name_in_one_closure_are_refused():
    def other_train():
        @stage(name="train")
        def fit(x=1):
            pass

        return fit()

    with pytest.raises(BadStage, match="two stages are called train"):
        ps.instantiate([train(), other_train()])


def test_replace_changes_config_or_matcher():
    derivation = train(epochs=2)
    assert derivation.replace(config={"epochs": 5}).dref == train(epochs=5).dref
    assert derivation.replace(matcher=match_latest()).matcher == match_latest()
    assert derivation.replace(config={"epochs": 5}).holds == derivation.holds


def test_representations_for_people(store):
    assert "train" in repr(train())
    assert repr(train).startswith("<stage train(")
    closure = ps.instantiate(train())
    assert train().dref in closure._repr_html_()
    assert "<table>" in train()._repr_html_()


# --- typing ----------------------------------------------------------------------------

TYPED = """
from pathlib import Path
from typing import Any
from pystore import Build, DRef, Registry, View, output, stage

@stage
def data(n: int = 1, file: Path = output("x")) -> None: ...

@stage(code="v1")
def train(build: Build, data: View = data(), epochs: int = 1) -> None: ...

reveal_type(train(epochs=3).run())
reveal_type(data(Registry(), n=3))
train(epochs="three")
train(build=1)
data(n=1, m=2)
"""


def test_a_type_checker_sees_the_stages_own_signature_without_build(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    shown = [line.partition(": ")[2] for line in done.stdout.splitlines() if "typed.py" in line]
    lines = {line.split(":")[1]: line for line in done.stdout.splitlines() if "note: Rev" in line}
    assert "pystore.declare.view.View" in lines["12"], done.stdout
    assert "pystore.core.refs.DRef" in lines["13"]
    errors = {line.split(":")[1] for line in done.stdout.splitlines() if "error:" in line}
    assert errors == {"14", "15", "16"}, shown


NOTEBOOK = """
import linecache, sys, pystore as ps
from pystore import stage, output

ps.store_initialize(sys.argv[1])
CELL = '''
def helper(): return {value}
@stage
def fit(file=output("x.txt")): file.write_text(str(helper()))
'''
drefs = []
for number, value in enumerate((1, 2, 1)):
    text = CELL.format(value=value)
    name = f"<ipython-input-{number}-abc>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), globals())
    drefs.append(fit().run().dref)
print(drefs[0] == drefs[2] != drefs[1])
"""


def test_stages_of_a_notebook_follow_its_cells(tmp_path):
    command = [sys.executable, "-c", NOTEBOOK, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
