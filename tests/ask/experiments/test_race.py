"""Racing the configs of a sweep."""

import random

import pytest

from pystore import attempts, build_seed, output, realize, reject, stage, sweep
from pystore.ask.experiments.race import race
from pystore.errors import BadMetric, BadStage, BuildError, Interrupted

FILE = "accuracy.txt"


@stage
def data(build, seed: int = 0, text=output("data.txt")):
    if seed < 0:
        raise ValueError("no such data")
    text.write_text(f"{seed}\n")


@stage
def train(build, width: int = 0, bad: int = 99, data=data(), accuracy=output(FILE)):
    noise = random.Random(build_seed(build)).gauss(0, 1)
    if width == bad and build_seed(build) % 3 == 0:
        raise ValueError("out of memory")
    accuracy.write_text("nan\n" if width < 0 else f"{10 * width + noise:.6f}\n")


@stage
def random_data(build, text=output("data.txt")):
    text.write_text(f"{build_seed(build)}\n")


@stage
def other(build, n: int = 0, data=random_data(), accuracy=output(FILE)):
    data.text.read_text()
    accuracy.write_text(f"{10 * n + random.Random(build_seed(build)).gauss(0, 1)}\n")


def made(runs) -> dict[str, int]:
    return {key: len(attempts(one.dref)) for key, one in runs.items()}


def family_is_empty(store) -> bool:
    return not any(store.attempts(dref) for dref in store.drefs())


def test_the_best_is_named_and_gets_most_of_the_attempts(store):
    runs = sweep(train, width=[1, 2, 3])
    found = race(runs, FILE, indifference=0.5)
    assert found.best == "width=3" and found.left == ("width=3",)
    assert found.attempts == sum(made(runs).values())
    assert [row[-1] for row in found.table().rows] == ["worse", "worse", "best"]
    assert "width=3 is the best by its mean accuracy.txt" in str(found)
    assert "95% confidence" in str(found)


def test_less_may_be_better(store):
    assert race(sweep(train, width=[1, 2]), FILE, indifference=1, mode="min").best == "width=1"


def test_attempts_that_the_store_has_count(store):
    runs = sweep(train, width=[1, 2])
    realize(runs["width=2"], attempts=40)
    race(runs, FILE, indifference=0.5)
    assert made(runs)["width=2"] == 40
    before = made(runs)
    again = race(runs, FILE, indifference=0.5)
    assert made(runs) == before and again.best == "width=2"


def test_a_race_that_was_stopped_goes_on(store):
    runs, looks = sweep(train, width=[1, 2, 3]), iter([False] * 9)
    with pytest.raises(Interrupted):
        race(runs, FILE, indifference=0.5, stop=lambda: next(looks, True))
    begun = made(runs)
    assert 0 < sum(begun.values()) <= 9
    found = race(runs, FILE, indifference=0.5)
    assert found.best == "width=3"
    assert all(made(runs)[key] >= n for key, n in begun.items())


def test_those_that_cannot_be_told_apart_are_named(store):
    runs = {f"copy {i}": train(width=2, bad=90 + i) for i in range(3)} | {"low": train(width=0)}
    found = race(runs, FILE, indifference=0.01, at_most=10)
    assert found.best is None and set(found.left) == {"copy 0", "copy 1", "copy 2"}
    assert max(made(runs).values()) == 10
    assert "with 10 attempts of each, these cannot be told apart: copy 0, copy 1" in str(found)


def test_a_config_that_fails_leaves_the_race_and_is_named(store):
    runs = sweep(train, width=[1, 2, 3], bad=3)
    found = race(runs, FILE, indifference=0.5)
    assert found.best == "width=2"
    assert found.failed == {"width=3": "ValueError: out of memory"}
    assert "width=3 failed: ValueError: out of memory" in str(found)


def test_a_config_whose_input_fails_leaves_the_race(store):
    runs = {"no data": train(width=9, data=data(seed=-1)), "a": train(width=1), "b": train(width=2)}
    found = race(runs, FILE, indifference=0.5)
    assert found.best == "b" and list(found.failed) == ["no data"]


def test_when_all_fail_the_error_is_raised(store):
    runs = {"a": train(width=1, data=data(seed=-1)), "b": train(width=2, data=data(seed=-2))}
    with pytest.raises(BuildError, match="no such data"):
        race(runs, FILE, indifference=0.5)


def test_a_config_without_the_number_leaves_the_race(store):
    found = race(sweep(train, width=[-1, 1, 2]), FILE, indifference=0.5)
    assert found.best == "width=2"
    assert "an attempt of train has no number 'accuracy.txt'" in found.failed["width=-1"]
    with pytest.raises(BadMetric, match="reject"):
        race(sweep(train, width=[-1, -2]), FILE, indifference=0.5)


def test_what_was_rejected_does_not_count(store):
    runs = sweep(train, width=[1, 2])
    first = realize(runs["width=1"])
    reject(first, "diverged")
    found = race(runs, FILE, indifference=0.5)
    assert found.best == "width=2"
    assert len(found.numbers["width=1"]) == made(runs)["width=1"] - 1


def test_attempts_on_other_inputs_do_not_count(store):
    runs = {"one": other(n=1), "two": other(n=2)}
    realize(runs, attempts=8)
    realize(random_data(), force_rebuild=True)
    found = race(runs, FILE, indifference=0.5)
    assert len(attempts(runs["one"].dref)) == 8 + len(found.numbers["one"])
    assert found.best == "two"


def test_a_metric_that_no_attempt_will_have_is_refused_before_anything_is_built(store):
    runs = sweep(train, width=[1, 2])
    with pytest.raises(BadMetric, match=r"race goes by 'acuracy\.txt'"):
        race(runs, "acuracy.txt", indifference=0.5)
    assert family_is_empty(store)


@pytest.mark.parametrize(
    ("configs", "options"),
    [
        (lambda: [train(width=1)], {}),
        (lambda: {"a": train(width=1)}, {}),
        (lambda: {"a": train(width=1), "b": "dref"}, {}),
        (lambda: {"a": train(width=1), "b": train(width=1)}, {}),
        (lambda: sweep(train, width=[1, 2]), {"attempts": 3}),
        (lambda: sweep(train, width=[1, 2]), {"keep_going": True}),
        (lambda: sweep(train, width=[1, 2]), {"indifference": -1}),
    ],
    ids=["a list", "one config", "no derivation", "one twice", "attempts", "keep_going", "sign"],
)
def test_bad_input_is_refused_before_anything_is_built(store, configs, options):
    with pytest.raises(BadStage):
        race(configs(), FILE, **{"indifference": 0.5, **options})
    assert family_is_empty(store)


def test_workers_race_and_take_attempts_that_may_be_needed(store):
    found = race(sweep(train, width=[1, 2]), FILE, indifference=0.5, workers=2)
    assert found.best == "width=2"
