"""Reader: what a store holds, for everything that reads it."""

import pytest

import pystore as ps
from pystore import Config, Context, Store
from pystore.core.attempt import AttemptReport
from pystore.errors import NotInStore

CONFIG = Config({"name": "a"})
NOWHERE = Context()


def build(store: Store, text: str = "1", config: Config = CONFIG) -> ps.RRef:
    staging = store.begin(config, NOWHERE)
    (staging.out / "m.txt").write_text(text)
    return store.commit(staging, AttemptReport(trace=[(0, "loss", 0.5)])).rref


@pytest.fixture
def above(tmp_path) -> tuple[Store, Store, ps.RRef]:
    """A store, the one below it, and a realization that only the lower one has."""
    below = Store(tmp_path / "below", durable=False)
    rref = build(below)
    return Store(tmp_path / "store", durable=False, below=below.root), below, rref


def damage(store: Store, rref: ps.RRef) -> None:
    file = store.file(rref, "m.txt")
    file.chmod(0o644)
    file.write_text("2")
    file.chmod(0o444)
    ps.verify(store)


def test_states_tell_what_is_here_rejected_and_damaged_but_not_what_is_gone(store):
    here, rejected, damaged, gone = (build(store, text) for text in "abcd")
    ps.reject(rejected, "a leak")
    damage(store, damaged)
    store.remove(gone)
    assert store.states(CONFIG.dref) == {
        here: "here",
        rejected: "rejected",
        damaged: "damaged",
    }


def test_verdicts_say_why_a_realization_is_not_used(store):
    rref = build(store)
    assert (store.verdicts(rref), store.rejection(rref)) == ({}, "")
    ps.reject(rref, "a leak")
    damage(store, rref)
    found = store.verdicts(rref)
    assert found["rejected"] == store.rejection(rref) == "a leak"
    assert "m.txt" in found["damaged"]
    assert store.rejected(CONFIG.dref) == {rref}


def test_files_of_a_realization(store):
    rref = build(store, "hello")
    assert store.file(rref, "m.txt") == store.path(rref) / "m.txt"
    assert store.file(rref, "absent.txt") == store.path(rref) / "absent.txt"
    with store.open(rref, "m.txt") as file:
        assert file.read() == b"hello"
    with pytest.raises(OSError):
        store.open(rref, ".")
    assert [file.size for file in store.disk_files([rref])[rref]] == [5]
    assert [entry.path for entry in store.manifest(rref).entries] == [b"m.txt"]


def test_a_path_says_what_it_leads_into(store, tmp_path):
    rref = build(store)
    assert store.at(store.file(rref, "m.txt").resolve()) == rref
    assert store.at(store.home(rref.dref).resolve() / "attempts") == rref.dref
    assert store.at(tmp_path) is None
    assert store.at(store.root / "tmp") is None


def test_digits_choose_among_realizations(store):
    rrefs = sorted(build(store, text) for text in "abcde")
    digits = rrefs[0].digest[:2]
    wanted = [rref for rref in rrefs if rref.digest.startswith(digits)]
    assert store.realizations(CONFIG.dref, digits) == wanted
    with pytest.raises(NotInStore):
        store.realizations(Config({"name": "other"}).dref)


def test_what_only_the_store_below_has_is_told(above):
    store, below, rref = above
    assert store.only_below(rref) == store.only_below(rref.dref) == below.root
    assert store.home(rref).is_relative_to(below.root)
    own = build(store, "other")
    assert store.only_below(own) is store.only_below(own.dref) is None
    assert store.only_below(rref) == below.root
    assert below.only_below(rref) is None


def test_the_latest_attempt_is_that_of_a_result_that_can_be_used(store):
    assert store.latest([]) is None
    first, second = build(store, "a"), build(store, "b")
    assert store.latest([CONFIG.dref]).rref == second
    ps.reject(second, "a leak")
    assert store.latest([CONFIG.dref]).rref == first


def test_the_latest_attempt_is_sought_below_as_well(above):
    store, _, rref = above
    assert store.latest([rref.dref]).rref == rref


def test_what_lies_beside_an_attempt(above):
    store, below, rref = above
    (attempt,) = store.attempts(rref.dref)
    assert store.trace(attempt) == [(0, "loss", 0.5)]
    assert store.diff(attempt) == b""
    for kind in ("log", "scratch"):
        assert store.beside(attempt, kind) == below.beside(attempt, kind)
    assert not store.has_imported(rref.dref)
    assert store.counts_since(attempt) == attempt.start


def test_built_tells_a_time_for_each_realization_that_is_here(above):
    store, _, rref = above
    build(store, "other")
    times = store.built(rref.dref)
    assert len(times) == 2
    assert store.home(rref).stat().st_mtime_ns in times
