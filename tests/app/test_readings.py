"""A model whose reader takes arguments is followed on the data of these arguments alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from project import importing

from pystore import match_best, pin, realize, sweep
from pystore.errors import BadStage

GOOD = {"fit__C": 0.1}


def trained_on(load, rows: int, times: int = 1):
    return load().model.train(GOOD, rows=rows, attempts=times, progress=False)


def test_RG1_other_arguments_of_the_reader_are_named(load, store):
    run = trained_on(load, 40)
    trained_on(load, 60)
    fresh = load().model
    for ask in (
        lambda: fresh.predict([[1.0, 2.0, 3.0]]),
        lambda: fresh.best("test"),
        fresh.comparable,
    ):
        with pytest.raises(BadStage, match="other arguments of its reader only") as caught:
            ask()
        assert caught.value.facts["here"] == "rows=80"
        told = {*caught.value.trained.split("; ")}
        assert told == {"1 time with rows=40", "1 time with rows=60"}
        assert "--pin serving" in caught.value.remedy
    with fresh.follow() as follower:
        assert follower.look() is None
        assert "rows=40" in follower.why_not and "try: model.train" in follower.why_not
    assert fresh.train(GOOD, rows=40, progress=False).rref == run.rref  # as the remedy says
    assert fresh.best("test") == run.rref
    pin(run.rref, "serving")
    with load().model.follow(pin="serving") as follower:
        assert follower.look() == run.rref


def test_RG1_other_code_is_no_other_reading(load, store):
    trained_on(load, 40)
    other = load(("return estimator.fit", "estimator = estimator\n    return estimator.fit")).model
    assert other.comparable() == []
    other = load(("random.normal", "0.5 * random.normal")).model
    assert other.comparable() == []
    other = load(("test_size=0.25", "test_size=0.5")).model
    assert other.comparable() == []


def test_RG1_where_some_are_comparable_they_are_followed(load, store):
    trained_on(load, 40)
    model = load().model
    realize(sweep(model, fit__C=[0.1]), progress=False)
    with load().model.follow(match_best("test")) as follower:
        assert follower.look() in realize(sweep(model, fit__C=[0.1]), progress=False).values()


def test_RG1_the_command_line_names_them_too(load, store, tmp_path):
    trained_on(load, 40)
    file = Path(load().__file__)
    done = subprocess.run(
        [sys.executable, "-m", "pystore", "serve", str(file), "--check"],
        env={**importing(), "PYSTORE_ROOT": str(store.root)},
        cwd=file.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "rows=40" in done.stderr and "--pin serving" in done.stderr
