"""Parts: the values that one open store is made of."""

import dataclasses

import pytest

import pystore as ps
from pystore import Config, Context, Store
from pystore.core.attempt import AttemptReport
from pystore.store.reader import Reader

CONFIG = Config({"name": "a"})


def build(store: Store) -> ps.RRef:
    staging = store.begin(CONFIG, Context())
    (staging.out / "m.txt").write_text("1")
    return store.commit(staging, AttemptReport()).rref


def test_parts_do_not_change(store):
    with pytest.raises(dataclasses.FrozenInstanceError):
        store.parts.durable = True


def test_the_own_parts_have_no_store_below(tmp_path):
    below = Store(tmp_path / "below", durable=False)
    rref = build(below)
    store = Store(tmp_path / "store", durable=False, below=below.root)
    assert store.parts.own.layout.below is None
    assert store.parts.own.session is store.parts.session
    assert store.drefs() == [rref.dref]
    assert Reader(store.parts.own).drefs() == store.own.drefs() == []


def test_without_a_store_below_the_own_parts_are_the_parts(store):
    assert store.parts.own is store.parts


def test_what_is_held_is_there(store):
    rref = build(store)
    assert store.parts.hold((rref,))
    assert rref in store.held
    store.remove(rref)
    assert not store.parts.hold((rref,))
