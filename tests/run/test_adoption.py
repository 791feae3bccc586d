"""Early cutoff: results reached from the same bytes are taken over, not built again."""

import errno
import os

import pytest

import pystore as ps
from pystore import Derivation, events, match_latest, match_some
from pystore.errors import NotInStore
from pystore.run.acceptance import accept
from pystore.run.inspection.attempts import as_run
from pystore.store import attempts as records


def project(version, text="same", matcher=None):
    """`prepare` in some version of its code, and `train`, which reads what it writes."""
    runs = []

    def prepare(b):
        runs.append("prepare")
        (b.outpath / "d").mkdir()
        (b.outpath / "d" / "data.txt").write_text(text)

    def train(b):
        runs.append("train")
        (b.outpath / "model.txt").write_text(str(b.seed))
        (b.outpath / "latest").symlink_to("model.txt")

    prepared = Derivation({"name": "prepare", "code": version}, match_latest(), prepare)
    config = {"name": "train", "data": [prepared, "d", "data.txt"]}
    return Derivation(config, matcher or match_latest(), train), runs


def test_equal_bytes_of_an_edited_input_retrain_nothing(store):
    old, _ = project("v1")
    first = ps.realize(old)
    new, runs = project("v2")
    seen = []
    second = ps.realize(new, listener=seen.append)
    assert runs == ["prepare"]
    assert first != second
    assert ps.catref(first, "model.txt") == ps.catref(second, "latest")
    (adopted,) = [event for event in seen if isinstance(event, events.Adopted)]
    assert (adopted.rrefs, adopted.attempts) == ((second,), 1)
    (attempt,) = ps.attempts(second)
    assert (attempt.seed, attempt.notes["adopted"]) == (ps.attempts(first)[0].seed, first)
    assert os.stat(ps.rref2path(first) / "model.txt").st_nlink == 2
    assert ps.verify().sound


def test_O3_a_run_is_adopted_once_however_often_the_input_changes(store):
    for n, version in enumerate(["v1", "v2", "v1", "v2", "v3", "v1"], start=1):
        target, _ = project(version)
        ps.realize(target, attempts=n)
        made = ps.attempts(target.dref)
        assert len(made) == len({attempt.run for attempt in made}) == n
        assert [attempt.number for attempt in made] == list(range(n))


def test_O3_what_was_rejected_is_not_adopted_again(store):
    ps.realize(project("v1")[0])
    target, runs = project("v2")
    rref = ps.realize(target)
    ps.reject(rref, "bad luck")
    assert ps.realize(target) != rref
    assert runs == ["prepare", "train"]
    assert len(ps.attempts(target.dref)) == 2


def test_S6_an_adoption_that_a_full_disk_ends_leaves_no_attempts(store, monkeypatch):
    ps.realize(project("v1")[0], attempts=3)
    new, _ = project("v2")
    record, written = records.record, []

    def full(folder, attempt, **options):
        if attempt.dref == new.dref and written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(attempt.dref == new.dref)
        record(folder, attempt, **options)

    monkeypatch.setattr(records, "record", full)
    with pytest.raises(OSError, match="No space"):
        ps.realize(new)
    assert {attempt.outcome for attempt in ps.attempts(new.dref)} <= {"succeeded"}


def test_other_bytes_retrain(store):
    ps.realize(project("v1")[0])
    new, runs = project("v2", text="other")
    ps.realize(new)
    assert runs == ["prepare", "train"]


def test_all_attempts_are_taken_over(store):
    ps.realize_many(project("v1", matcher=match_some(3))[0])
    new, runs = project("v2", matcher=match_some(3))
    assert len(ps.realize_many(new)) == 3
    assert runs == ["prepare"]
    assert [a.number for a in ps.attempts(new.dref)] == [0, 1, 2]


def test_a_forced_build_adopts_nothing(store):
    ps.realize(project("v1")[0])
    new, runs = project("v2")
    ps.realize(new, force_rebuild=True)
    assert runs == ["prepare", "train"]


@pytest.mark.parametrize("how", ["damaged", "rejected", "removed"])
def test_O1_what_is_damaged_rejected_or_gone_is_not_adopted(store, how):
    rref = ps.realize(project("v1")[0])
    if how == "damaged":
        file = ps.rref2path(rref) / "model.txt"
        file.chmod(0o644)
        file.write_text("0")
    elif how == "rejected":
        ps.reject(rref, "label leak")
    else:
        ps.rmref(rref)
    new, runs = project("v2")
    second = ps.realize(new)
    assert runs == ["prepare", "train"]
    assert ps.attempts(second)[0].notes == {}


def test_O2_the_index_may_be_lost(store):
    first = ps.realize(project("v1")[0])
    for folder in store.layout.resolved.iterdir():
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
    new, runs = project("v2")
    assert ps.realize(new) != first
    assert runs == ["prepare", "train"]
    assert ps.realize(project("v3")[0])


def test_what_was_adopted_stays_when_the_original_goes(store):
    first = ps.realize(project("v1")[0])
    second = ps.realize(project("v2")[0])
    ps.rmref(first)
    ps.gc(keep=[second], dry_run=False)
    assert ps.verify().sound
    assert ps.catref(second, "latest")


def test_two_that_adopted_of_each_other_have_the_log_of_the_one_that_ran(store):
    old, new = project("v1")[0], project("v2")[0]
    first = ps.realize(old)
    second = ps.realize(new)
    ps.rmref(first)
    assert ps.realize(old) == first
    for rref in (first, second):
        (ran,) = {as_run(attempt, store).id for attempt in ps.attempts(rref)}
        assert ran == ps.attempts(first)[0].id


def test_accept_makes_old_attempts_count_by_a_users_word(store):
    old, _ = project("v1", text="old")
    first = ps.realize(old)
    new, runs = project("v2", text="new")
    accepted = accept(first, new)
    assert runs == ["prepare"]
    assert ps.realize(new) == accepted
    assert runs == ["prepare"]
    (attempt,) = ps.attempts(accepted)
    assert attempt.notes == {"adopted": first, "accepted": f"by user {os.geteuid()}"}
    ps.rmref(first)
    with pytest.raises(NotInStore):
        accept(first, new)


def test_a_lost_result_that_is_adopted_again_is_not_built_again(store):
    ps.realize(project("v1")[0])
    lost = ps.realize(project("v2")[0])
    ps.rmref(lost)
    more, runs = project("v2", matcher=match_latest(2))
    assert lost in ps.realize_many(more)
    assert runs == ["train"]
