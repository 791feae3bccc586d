"""RunOptions: the options of `realize` are said once, and checked when they are given."""

import inspect
import threading

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import BadStage, BuildError, Interrupted
from pystore.events import AttemptFailed, Succeeded
from pystore.run.options import RunOptions


def write(b):
    (b.outpath / "o").write_text(str(b.seed))


def chain(length: int, realizer=write) -> list[Derivation]:
    return [Derivation({"name": f"part{n}"}, match_latest(), realizer) for n in range(length)]


@pytest.mark.parametrize("verb", [ps.realize, ps.realize_many, ps.realize_inplace])
def test_each_verb_shows_every_option_with_its_default(verb):
    target, *shown = inspect.signature(verb).parameters.values()
    assert target.name == "target"
    assert shown == list(inspect.signature(RunOptions).parameters.values())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"attempts": 0}, "attempts is 0"),
        ({"max_attempts": 0}, "max_attempts is 0"),
        ({"retries": -1}, "retries is -1"),
        ({"timeout": "1 h"}, "timeout is '1 h'"),
        ({"lock_timeout": -1}, "lock_timeout is -1"),
        ({"executor": 3}, "executor is no"),
        ({"attempts": True}, "attempts is True"),
        ({"attempts": 2.0}, "attempts is 2.0"),
        ({"force_rebuild": 1}, "force_rebuild is no derivation"),
        ({"force_rebuild": None}, "force_rebuild is no derivation"),
    ],
)
@pytest.mark.parametrize("verb", [ps.realize, ps.realize_many])
def test_an_impossible_option_is_an_error_before_anything_is_built(store, verb, options, told):
    with pytest.raises(BadStage, match=told):
        verb(chain(1), **options)
    assert store.drefs() == []


def test_counts_may_be_whole_numbers_of_numpy(store):
    numpy = pytest.importorskip("numpy")
    (stage,) = chain(1)
    ps.realize(stage, attempts=numpy.int64(2), max_attempts=numpy.uint8(3), retries=numpy.int32(1))
    assert len(ps.attempts(stage)) == 2
    assert type(RunOptions(attempts=numpy.int64(2)).attempts) is int
    assert len(ps.attempts(stage, limit=numpy.int64(1))) == 1
    with pytest.raises(BadStage, match="attempts is np"):
        ps.realize(stage, attempts=numpy.True_)


def test_a_call_that_is_asked_to_stop_starts_nothing_more(store):
    stop = threading.Event()
    targets = chain(3)

    def hear(event):
        if isinstance(event, Succeeded):
            stop.set()

    with pytest.raises(Interrupted):
        ps.realize(targets, listener=hear, stop=stop.is_set)
    assert [dref.name for dref in store.drefs()] == ["part0"]
    assert len(ps.realize(targets)) == 3, "no lock is left"


def test_a_call_whose_last_attempt_is_made_is_not_interrupted(store):
    ended = []
    assert ps.realize(chain(1), listener=ended.append, stop=lambda: len(ended) > 1)


@pytest.mark.parametrize("scratch", [False, True])
def test_a_call_that_is_asked_to_stop_tries_nothing_again(store, scratch):
    told = []

    def fail(b):
        if scratch:
            ps.build_scratch(b)
        raise ValueError("no")

    target = Derivation({}, match_latest(), fail)
    with pytest.raises((Interrupted, BuildError)):
        ps.realize(
            target,
            retries=5,
            listener=told.append,
            stop=lambda: any(isinstance(event, AttemptFailed) for event in told),
        )
    (attempt,) = ps.attempts(target.dref)
    assert len(attempt.notes.get("tries", [])) <= 1
