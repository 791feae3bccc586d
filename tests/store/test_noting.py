"""note, tag, untag, notes: what users call."""

import pytest

import pystore as ps
from pystore import Derivation, match_some
from pystore.errors import BadName, BadStage, BuildError


def train(build):
    build.outpath.joinpath("score.txt").write_text(f"{build.seed}")


TRAIN = Derivation({"name": "train"}, match_some(2), train)


@pytest.fixture
def both(store):
    ps.realize_many(TRAIN)
    return [attempt.rref for attempt in ps.attempts(TRAIN.dref)]


def test_derivations_realizations_and_attempts_have_notes_of_their_own(both):
    first, second = both
    ps.note(TRAIN, "all of it")
    ps.note(first, "the first")
    ps.note(TRAIN.dref, "its attempt", attempt=0)
    ps.note(ps.attempts(second)[0], "the other attempt")
    made = {attempt.number: attempt for attempt in ps.attempts(TRAIN.dref)}
    texts = lambda ref, **which: [note.text for note in ps.notes(ref, **which)]  # noqa: E731
    assert texts(TRAIN) == ["all of it", "the first", "its attempt", "the other attempt"]
    assert texts(made[0].rref)[-1] == "its attempt"
    assert texts(made[0]) == texts(TRAIN, attempt=0) == ["its attempt"]
    assert texts(second)[-1] == "the other attempt"
    assert "the first" in texts(first)
    assert "the first" not in texts(second)


def test_a_view_and_a_derivation_will_do(both):
    ps.tag(ps.view(both[0]), "best")
    assert [note.tag for note in ps.notes(TRAIN)] == ["best"]


def test_an_attempt_that_failed_is_noted(store):
    def fail(build):
        raise ArithmeticError

    broken = Derivation({"name": "broken"}, match_some(1), fail)
    with pytest.raises(BuildError):
        ps.realize(broken)
    ps.tag(broken.dref, "nan", attempt=0)
    assert [note.tag for note in ps.notes(broken.dref)] == ["nan"]


def test_bad_texts_and_tags_are_refused_before_anything_is_written(both):
    with pytest.raises(BadStage, match="can be no note"):
        ps.note(both[0], " ")
    with pytest.raises(BadName, match="not a tag"):
        ps.tag(both[0], "good", "not good")
    with pytest.raises(BadName, match="not a tag"):
        ps.untag(both[0], "")
    assert ps.notes(TRAIN) == []
