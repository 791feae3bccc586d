"""Records are read once by a process, and never believed where others may be in their place."""

import os
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import PystoreWarning
from pystore.store import attempts, records, tree

MANY = 40


def write(b):
    (b.outpath / "x.txt").write_text(f"{b.seed}\n")


STAGE = Derivation({"name": "x"}, match_latest(), write)


@pytest.fixture
def folder(store):
    for _ in range(MANY):
        ps.realize(STAGE, force_rebuild=True)
    return store.parts.layout.attempts(STAGE.dref)


@pytest.fixture
def reads(monkeypatch):
    """The names of the records that were read."""
    found = []
    real = attempts.read_records

    def noting(folder, names):
        found.extend(names := list(names))
        return real(folder, names)

    monkeypatch.setattr(attempts, "read_records", noting)
    return found


def metrics(store):
    return sorted(c.attempts[-1].metrics["x.txt"] for c in store.all_candidates(STAGE.dref))


def test_each_record_is_read_once(store, folder, reads):
    store.all_candidates(STAGE.dref)
    reads.clear()
    ps.realize(STAGE, force_rebuild=True)
    store.all_candidates(STAGE.dref)
    assert len(reads) == 1


def test_RF1_a_derivation_that_was_removed_and_built_again_is_read_again(store, folder):
    before = metrics(store)
    home = store.parts.layout.derivation(STAGE.dref)
    tree.remove(home)
    clock = store.parts.clock
    for _ in range(MANY):
        ps.realize(STAGE, force_rebuild=True)
    assert store.parts.clock is clock
    starts = [a.start for c in store.all_candidates(STAGE.dref) for a in c.attempts]
    assert metrics(store) == before  # the same seeds
    assert sorted(starts) == [a.start for a in store.attempts(STAGE.dref)]


def test_RF2_numbers_that_were_taken_away_and_given_again_are_read_again(store, folder):
    store.all_candidates(STAGE.dref)
    context = next(n for n in os.listdir(folder) if n.endswith(".json"))[:32]
    for number in range(MANY - 3, MANY):
        for kind in ("begin", "json"):
            os.unlink(f"{folder}/{context}.{number}.{kind}")
    other = ps.Store(store.root, durable=False)
    known = dict(records._known)
    records._known.clear()  # as in another process
    for _ in range(3):
        ps.realize(STAGE, store=other, force_rebuild=True)
    records._known.clear()
    records._known.update(known)
    starts = [a.start for c in store.all_candidates(STAGE.dref) for a in c.attempts]
    assert sorted(starts) == [a.start for a in store.attempts(STAGE.dref)]


def test_a_damaged_record_among_many_is_told_each_time(store, folder):
    name = sorted(n for n in os.listdir(folder) if n.endswith(".json"))[3]
    os.chmod(f"{folder}/{name}", 0o644)
    Path(folder, name).write_bytes(b"{garbled")
    records._known.clear()
    for _ in range(2):
        with pytest.warns(PystoreWarning, match="it is left out"):
            assert len(store.all_candidates(STAGE.dref)) == MANY - 1


def test_what_a_person_rejects_among_many_is_offered_no_more(store, folder):
    rref = ps.realize(STAGE)
    ps.reject(rref, "a leak")
    assert rref not in {c.rref for c in store.all_candidates(STAGE.dref)}


FOREIGN = [
    "notes.json", "README", "x.scratch", "x.y.z.begin", "a.b.json", ".json", ".begin", "my.diff",
    "draft.rejected", "old.damaged", "t.trace", "{context}.json", "{context}.00.json",
    "{context}.01.begin", "{context}.٣.begin", "{context}.x.begin", "{context}.1.2.json",
    "{context}.7.begin~", "{context}.7.json.swp", "{context}.9.BEGIN", "\udcff.json",
    "a\n{context}.99.begin",
]  # fmt: skip


@pytest.mark.parametrize("count", [1, MANY])
def test_names_that_are_not_ours_are_ignored(store, count):
    for _ in range(count):
        ps.realize(STAGE, force_rebuild=True)
    folder = store.parts.layout.attempts(STAGE.dref)
    context = next(n for n in os.listdir(folder) if n.endswith(".json"))[:32]
    for name in FOREIGN:
        Path(folder, name.format(context=context)).write_text("not ours")
    rref = ps.realize(STAGE)
    assert len(ps.attempts(STAGE.dref)) == count
    again = ps.realize(STAGE, force_rebuild=True)
    assert [a.number for a in ps.attempts(STAGE.dref)] == list(range(count + 1))
    assert {rref, again} <= {c.rref for c in store.all_candidates(STAGE.dref)}
    assert ps.rejected(STAGE.dref) == {}
    assert str(ps.verify()).endswith("sound")
    assert ps.gc([rref], dry_run=False).removed
    with ps.debug(STAGE) as build:
        assert ps.build_scratch(build).is_dir()
