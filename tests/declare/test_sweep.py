"""Sweeps and samples: many derivations of one stage."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from pystore import (
    Derivation,
    build_outpath,
    instantiate,
    match_latest,
    output,
    realize,
    stage,
    two_way,
)
from pystore.declare.sweep import choice, loguniform, randint, sample, sweep, uniform
from pystore.errors import BadStage


def build(b):
    (build_outpath(b) / "out.txt").write_text(b.config.text)


@two_way
def train(epochs=1, rate=0.1, layers=None, kind="mlp", data=None, seed=0):
    return Derivation({"name": "train", **locals()}, match_latest(), build)


@two_way
def dataset(n=10):
    return Derivation({"name": "dataset", "n": n}, match_latest(), build)


def test_a_sweep_has_every_combination():
    found = sweep(train, epochs=[1, 3], rate=(0.1, 0.01))
    assert list(found) == [
        "epochs=1 rate=0.1",
        "epochs=1 rate=0.01",
        "epochs=3 rate=0.1",
        "epochs=3 rate=0.01",
    ]
    assert found["epochs=3 rate=0.01"] == train(epochs=3, rate=0.01)


def test_what_is_no_list_is_the_same_everywhere():
    found = sweep(train, epochs=range(2), kind="cnn", layers=[[64, 64]])
    assert [d.config["kind"] for d in found.values()] == ["cnn", "cnn"]
    assert found["epochs=1 layers=[64, 64]"].config["layers"] == [64, 64]
    assert list(sweep(train, rate=np.array([0.5, 0.25]))) == ["rate=0.5", "rate=0.25"]
    assert list(sweep(train, rate=[np.float64(0.5), np.float64(0.25)])) == ["rate=0.5", "rate=0.25"]


def test_values_that_look_alike_have_keys_of_their_own():
    found = sweep(train, kind=["1", 1, 1.0, True, "True", None, "mlp", "a b"])
    assert len(found) == 8
    assert len({d.dref for d in found.values()}) == 8
    assert "kind=mlp" in found


def test_a_dependency_can_be_swept():
    found = sweep(train, data=[dataset(10), dataset(20)])
    assert list(found) == [f"data=dataset@{dataset(n).dref.digest[:6]}" for n in (10, 20)]


def test_two_stages_of_one_name_have_keys_of_their_own():
    def prepared(version):
        @stage(code=version)
        def prepare(data=output("data.txt")):
            data.write_text(version)

        return prepare

    @stage
    def fit(data=prepared("v0"), model=output("model.txt")):
        model.write_text(data.data.read_text())

    one, two = prepared("v1"), prepared("v2")
    swept = sweep(fit, data=[one, two, one])
    assert swept == {"data=prepare": fit(data=one), "data=prepare (2)": fit(data=two)}
    drawn = sample(fit, 2, data=choice([one, two]))
    assert set(drawn.values()) == set(swept.values())


def test_a_sweep_is_realized_in_its_shape(store):
    swept = sweep(train, epochs=[1, 2])
    assert instantiate(swept).targets == {key: d.dref for key, d in swept.items()}
    assert list(realize(swept)) == ["epochs=1", "epochs=2"]


@pytest.mark.parametrize("parameters", [{}, {"epochs": 3}, {"epochs": []}])
def test_a_sweep_over_nothing_is_an_error(parameters):
    with pytest.raises(BadStage, match="over nothing"):
        sweep(train, **parameters)


def test_an_unknown_parameter_is_the_stages_own_error():
    with pytest.raises(BadStage, match="does not take these"):
        sweep(train, epoch=[1, 2])


def test_a_stage_that_returns_no_derivation_is_an_error():
    with pytest.raises(BadStage, match="returns a Derivation"):
        sweep(lambda x: x, x=[1, 2])


# --- samples ---------------------------------------------------------------------------

SPACES: dict[str, Any] = {
    "rate": loguniform(1e-4, 1e-1),
    "kind": choice(["mlp", "cnn"]),
    "epochs": randint(1, 4),
}


def test_SW2_a_sample_is_the_same_again_and_other_with_another_seed():
    found = sample(train, 5, **SPACES)
    assert list(found) == list(sample(train, 5, **SPACES))
    assert not set(found) & set(sample(train, 5, seed=1, **SPACES))
    first = "rate=0.0119241 kind=mlp epochs=2"
    assert next(iter(found)) == first  # pinned: the same on every machine, in every version


def test_SW1_a_larger_sample_begins_with_the_smaller():
    assert list(sample(train, 20, **SPACES))[:5] == list(sample(train, 5, **SPACES))


def test_SW1_another_parameter_changes_no_other():
    few = sample(train, 5, rate=SPACES["rate"])
    more = sample(train, 5, kind=choice(["a", "b"]), rate=SPACES["rate"])
    assert [d.config["rate"] for d in more.values()] == [d.config["rate"] for d in few.values()]


def test_what_is_no_space_is_the_same_everywhere():
    found = sample(train, 3, rate=uniform(0, 1), layers=[32, 32])
    assert all(d.config["layers"] == [32, 32] for d in found.values())


def test_draws_are_spread_as_their_spaces_say():
    n = 2000
    rates = [d.config["rate"] for d in sample(train, n, rate=loguniform(1e-4, 1e-1)).values()]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    below = np.mean([rate < math.sqrt(1e-5) for rate in rates])
    assert 0.46 < below < 0.54
    flat = [d.config["rate"] for d in sample(train, n, rate=uniform(2, 4)).values()]
    assert np.mean(flat) == pytest.approx(3, abs=0.05)
    assert (min(flat) >= 2, max(flat) <= 4) == (True, True)
    both = sample(train, n, epochs=randint(1, 4), rate=uniform(0, 1))
    counts = Counter(d.config["epochs"] for d in both.values())
    assert sorted(counts) == [1, 2, 3, 4]
    assert min(counts.values()) > n / 4 * 0.85


def test_a_sample_has_no_twins_and_says_when_there_are_no_more():
    assert len(sample(train, 4, epochs=randint(1, 4))) == 4
    with pytest.raises(BadStage, match="not 5 different") as caught:
        sample(train, 5, epochs=randint(1, 4))
    assert caught.value.found == 4


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: sample(train, 0, rate=uniform(0, 1)),
        lambda: sample(train, 5, rate=[0.1, 0.2]),
        lambda: sample(train, 5),
        lambda: sweep(train, epochs=[1], rate=uniform(0, 1)),
        lambda: uniform(1, 1),
        lambda: uniform(0, math.inf),
        lambda: loguniform(0, 1),
        lambda: randint(3, 1),
        lambda: randint(0.5, 3),  # type: ignore[arg-type]  # the mistake
        lambda: choice([]),
        lambda: choice("mlp"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(BadStage):
        wrong()


def test_spaces_print():
    assert [repr(space) for space in SPACES.values()] == [
        "loguniform(0.0001, 0.1)",
        "choice(['mlp', 'cnn'])",
        "randint(1, 4)",
    ]
