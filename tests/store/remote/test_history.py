"""Attempts that ran in another store: which count here, and what a kill leaves of them."""

from dataclasses import replace

import pytest

import pystore as ps
from pystore import Context, Derivation, Store, match_latest, match_some
from pystore.errors import Corrupted
from pystore.store.remote import history
from pystore.store.remote.history import Copy, record_copies
from pystore.store.remote.record import Record, parse_record


def prepare(b):
    (b.outpath / "x").write_text(str(b.seed))


DATA = Derivation({"name": "data"}, match_latest(), prepare)
TRAIN = Derivation({"name": "train", "data": DATA}, match_latest(), prepare)


@pytest.fixture
def other(tmp_path):
    """A colleague's store, in which it was trained twice, on other data each time."""
    other = Store(tmp_path / "other", durable=False)
    for _ in "12":
        ps.realize(TRAIN, store=other, force_rebuild=[DATA.dref, TRAIN.dref])
    return other


def records(other):
    """The record of each training, as it would travel."""
    made = other.attempts(TRAIN.dref)
    return [Record(a, other.context(a.rref)) for a in made if a.rref is not None]


def test_HI1_importing_twice_adds_nothing(store, other):
    for record in records(other):
        copies = [Copy(record, {"log": b"said"})]
        assert record_copies(store, TRAIN.config, record.context, copies) == 1
        assert record_copies(store, TRAIN.config, record.context, copies) == 0
    assert {a.id for a in store.attempts(TRAIN.dref)} == {a.id for a in other.attempts(TRAIN.dref)}
    assert ps.verify(store).sound


def test_HI2_a_record_counts_in_the_context_in_which_its_realization_was_made(store, other):
    one, two = records(other)
    assert one.context != two.context
    ps.copy(TRAIN.dref, other, store)
    # An old record, which knows no tree, and lends its numbers to what was made of other data.
    lie = replace(
        one, attempt=one.attempt._replace(rref=two.attempt.rref, tree=None, id="f" * 32, seed=1)
    )
    assert record_copies(store, TRAIN.config, one.context, [Copy(lie)]) == 0
    honest = replace(
        one, attempt=one.attempt._replace(tree=None, id="e" * 32, seed=2, metrics={"x": 1.0})
    )
    assert record_copies(store, TRAIN.config, one.context, [Copy(honest)]) == 1


def test_HI3_a_kill_leaves_no_attempt_that_never_was(store, other, monkeypatch):
    record = records(other)[0]

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(history, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        record_copies(store, TRAIN.config, record.context, [Copy(record)])
    monkeypatch.undo()
    assert store.attempts(TRAIN.dref) == []
    assert record_copies(store, TRAIN.config, record.context, [Copy(record)]) == 1
    (attempt,) = store.attempts(TRAIN.dref)
    assert (attempt.id, attempt.outcome) == (record.attempt.id, "succeeded")


def test_RR1_a_changed_byte_of_a_record_is_noticed(other):
    record = records(other)[0]
    named = (TRAIN.dref, record.context.digest, record.attempt.id)
    assert parse_record(*named, record.text).attempt.id == record.attempt.id
    for place in range(0, len(record.text), 7):
        text = bytearray(record.text)
        text[place] ^= 1
        with pytest.raises(Corrupted):
            parse_record(*named, bytes(text))


def test_RR2_no_record_lends_its_numbers_to_another_context(other):
    one, two = records(other)
    named = (TRAIN.dref, one.context.digest, one.attempt.id)
    lies = [
        replace(one, context=two.context),  # inputs that the context does not digest
        replace(one, attempt=one.attempt._replace(rref=two.attempt.rref)),  # a tree of another
        replace(one, attempt=one.attempt._replace(tree="0" * 64)),
    ]
    for lie in lies:
        with pytest.raises(Corrupted, match="contradicts itself"):
            parse_record(*named, lie.text)
    moved = replace(
        one, context=two.context, attempt=one.attempt._replace(context=two.context.digest)
    )
    with pytest.raises(Corrupted):
        parse_record(TRAIN.dref, two.context.digest, one.attempt.id, moved.text)


def test_RR3_a_record_says_nothing_of_the_store_that_it_comes_from(store, other):
    ps.copy(TRAIN.dref, other, store)
    there = {record.attempt.id: record.text for record in records(other)}
    here = {record.attempt.id: record.text for record in records(store)}
    assert here == there
    assert all(str(other.root).encode() not in text for text in there.values())


def test_HI1_numbers_are_local(store, other):
    ps.realize(DATA)
    ps.realize_many(TRAIN.replace(matcher=match_some(2)))
    before = {a.id: a.number for a in store.attempts(TRAIN.dref)}
    ps.copy(TRAIN.dref, other, store)
    after = {a.id: a.number for a in store.attempts(TRAIN.dref)}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


def test_an_attempt_of_another_derivation_counts_as_adopted(store, other):
    record = records(other)[0]
    renamed = TRAIN.replace(config={"k": 1})
    context = Context({DATA.dref: record.context[DATA.dref]})
    assert record_copies(store, renamed.config, context, [Copy(record)]) == 1
    (attempt,) = store.attempts(renamed.dref)
    assert attempt.notes["adopted"] == record.attempt.rref
    assert attempt.rref is not None
    assert attempt.rref.dref == renamed.dref
