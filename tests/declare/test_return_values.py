"""A stage that returns a value is told before anything is trained, where its text says so."""

import math

import pytest

import pystore as ps
from pystore import output, plan, stage
from pystore.declare.return_values import returned_value
from pystore.errors import BadStage
from pystore.ui.cli.main import run

SCORE = 0.5


def score():
    return SCORE


def quiet(path):
    path.write_text("0.5")


def logged(path) -> None:
    return quiet(path)


def annotated(path) -> float:
    return quiet(path)


def constant(path):
    return 0.5


def name(path):
    result = math.sqrt(4)
    return result


def part(path):
    return {"accuracy": path}["accuracy"]


def one_way(path):
    if path:
        return f"{path}"
    return None


def in_a_block(path):
    with path.open() as file:
        return file.read() + "\n"


def either(path):
    return 0.5 if path else None


def of_a_class(path):
    return float(math.fsum([]))


def of_a_function(path):
    return score()


def of_an_annotated_function(path):
    return annotated(path)


def nothing(path):
    quiet(path)


def early(path):
    if not path:
        return
    return None


def tail(path):
    return quiet(path)


def of_a_quiet_function(path):
    return logged(path)


def unknown(path):
    return path.read_text()


def inner(path):
    def measure():
        return 0.5

    quiet([measure(), lambda: 0.5])


@pytest.mark.parametrize(
    "function",
    [
        constant, name, part, one_way, in_a_block, either, of_a_class, of_a_function,
        of_an_annotated_function,
    ],
)  # fmt: skip
def test_a_value_is_known_from_the_text(function):
    assert returned_value(function)


@pytest.mark.parametrize(
    "function", [nothing, early, tail, of_a_quiet_function, unknown, inner, len, object()]
)
def test_what_may_return_nothing_is_left_alone(function):
    assert returned_value(function) is None


def test_it_is_told_before_what_it_needs_is_built(store):
    ran = []

    @stage
    def prepare(file=output("data.txt")):
        ran.append("prepare")
        file.write_text("1")

    @stage
    def train(data=prepare, accuracy=output("accuracy.txt")):
        accuracy.write_text("0.5")
        return SCORE

    for ask in (ps.realize, plan):
        with pytest.raises(BadStage, match="train returns a value, which would be lost") as caught:
            ask(train())
        assert caught.value.returns == "SCORE"
    assert not ran


def test_a_generator_would_never_run(store):
    @stage
    def train(accuracy=output("accuracy.txt")):
        accuracy.write_text("0.5")
        yield 0.5

    with pytest.raises(BadStage, match="only makes a generator"):
        ps.realize(train())


def late():
    @stage(code="v1")
    def train(accuracy=output("accuracy.txt")):
        return accuracy.write_text("0.5")

    return train


def test_what_a_late_value_would_have_lost_is_saved_by_commit(store):
    with pytest.raises(BadStage, match="returned a value") as caught:
        ps.realize(late()())
    assert "commit(staging)" in caught.value.remedy
    rref = ps.commit(caught.value.staging)
    assert ps.realize(late()()) == rref
    assert ps.view(rref).accuracy.read_text() == "0.5"


def test_the_command_commits_what_was_kept_wherever_its_store_is(store, capsys, monkeypatch):
    monkeypatch.setenv("PYSTORE_ROOT", str(store.root.parent / "another"))
    with pytest.raises(BadStage) as caught:
        ps.realize(late()())
    staging = caught.value.staging
    assert run(["commit", str(staging)]) == 0
    (rref,) = store.realizations(late()().dref)
    assert f"rref:          {rref}" in capsys.readouterr().out
    assert run(["commit", str(staging)]) == 1
    assert "not the staging of a failed attempt" in capsys.readouterr().err
