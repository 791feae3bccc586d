"""A store below one's own: seen, never written."""

import os
import subprocess
from pathlib import Path

import pytest

import pystore as ps
from pystore import Context, Derivation, Store, match_all, match_latest
from pystore.errors import NotAStore, NotInStore

NOWHERE = Context()


def write(b):
    (b.outpath / "seed.txt").write_text(f"{b.seed}\n" * 1000)


A = Derivation({"name": "a"}, match_latest(), write)


def user(b):
    (b.outpath / "n.txt").write_text(ps.build_path(b, [A.dref, "seed.txt"]).read_text()[:5])


B = Derivation({"name": "b", "of": A}, match_latest(), user)


def look(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything that a write below would change."""
    found: dict[str, tuple[int, ...]] = {}
    for path in [root, *root.rglob("*")]:
        s = path.lstat()
        times = (s.st_mtime_ns, s.st_ctime_ns)
        found[str(path)] = (s.st_ino, s.st_mode, s.st_nlink, s.st_size, *times)
    return found


@pytest.fixture
def lab(tmp_path):
    """A laboratory's store, which must be at the end as it was when the test began."""
    lab = Store(tmp_path / "lab", durable=False)
    with lab.use():
        ps.realize(A)
    before = look(lab.root)
    yield lab
    if lab.root.exists():
        assert look(lab.root) == before


@pytest.fixture
def mine(lab, tmp_path):
    return Store(tmp_path / "mine", durable=False, below=lab.root)


def test_BE1_what_is_below_is_used_and_nothing_is_written_there(lab, mine):
    with mine.use():
        below = ps.realize(A)
        assert lab.realizations(A.dref) == [below]
        top = ps.realize(B)
        assert dict(ps.context_of(top)) == {A.dref: (below,)}
        assert ps.rref2path(below).is_relative_to(lab.root)
        assert ps.rref2path(top).is_relative_to(mine.root)
        assert mine.own.drefs() == [B.dref]
        assert ps.verify().sound


def test_BE1_it_may_be_a_read_only_file_system(tmp_path):
    lab = Store(tmp_path / "lab", durable=False)
    ps.realize(A, store=lab)
    mount = tmp_path / "mount"
    mount.mkdir()
    bind = ["mount", "--bind", "-o", "ro", str(lab.root), str(mount)]
    if subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("mounting is refused")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(mount)], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (mount / "x").touch()
        mine = Store(tmp_path / "mine", durable=False, below=mount)
        top = ps.realize(B, store=mine)
        ps.realize(A, force_rebuild=True, store=mine)
        assert ps.realize(B, store=mine) != top
        ps.gc((), dry_run=False, store=mine)
        assert ps.verify(mine).sound
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_BE2_a_new_attempt_has_the_next_number_and_another_seed(lab, mine):
    (old,) = lab.attempts(A.dref)
    with mine.use():
        new = ps.realize(A, force_rebuild=True)
        assert [a.number for a in ps.attempts(A.dref)] == [0, 1]
        assert len({a.seed for a in ps.attempts(A.dref)}) == 2
        assert ps.attempts(A.dref)[1].start > old.start
        assert ps.realize(A) == new
        assert ps.lsref(A.dref) == sorted([old.rref, new])


def test_a_matcher_chooses_among_both(lab, mine):
    with mine.use():
        ps.realize(A, force_rebuild=True)
        every = ps.realize_many(Derivation({"name": "a"}, match_all(), write))
    assert len(every) == 2


def test_BE2_equal_results_of_both_count_once(lab, tmp_path):
    mine = Store(tmp_path / "mine", durable=False)
    with mine.use():
        first = ps.realize(A)
    both = Store(mine.root, durable=False, below=lab.root)
    (candidate,) = both.candidates(A.dref, NOWHERE)
    assert candidate.rref == first
    assert len(candidate.attempts) == len(both.attempts(A.dref)) == 1
    assert both.path(first).is_relative_to(mine.root)


def test_gc_verify_and_rmref_act_on_ones_own(lab, mine):
    with mine.use():
        below, top = ps.realize(A), ps.realize(B)
        with pytest.raises(NotInStore):
            ps.rmref(below)
        with pytest.raises(NotInStore):
            ps.pin(below, "mine")
        assert ps.verify().realizations == 1
        garbage = ps.gc((), dry_run=False)
        assert list(garbage.realizations) == [top]
        assert ps.lsref(A.dref) == [below]


def test_gc_keeps_what_is_built_on_what_is_below(lab, mine):
    with mine.use():
        top = ps.realize(B)
        assert not ps.gc(keep=[top], dry_run=False).realizations
        assert ps.verify().sound


def test_BE3_without_what_was_below_it_is_built_again(lab, mine):
    with mine.use():
        below, top = ps.realize(A), ps.realize(B)
        lab.destroy()
        with pytest.raises(NotInStore, match="lab"):
            ps.rref2path(below)
        assert ps.realize(B) == top
        assert ps.rref2path(below).is_relative_to(mine.root)
        with pytest.raises(NotAStore, match="no store below"):
            Store(mine.root, below=lab.root)


def test_what_is_rejected_above_or_below_is_chosen_nowhere(lab, mine):
    with mine.use():
        below = ps.realize(A)
        ps.reject(below, "the labels were wrong")
        assert ps.rejected(A.dref) == {below: "the labels were wrong"}
        assert mine.candidates(A.dref, NOWHERE) == []
    assert len(lab.candidates(A.dref, NOWHERE)) == 1


def test_results_from_equal_bytes_below_are_adopted_by_copy(tmp_path):
    lab = Store(tmp_path / "lab", durable=False)

    def same(b):
        (b.outpath / "x").write_text("x" * 5000)

    def train(b):
        (b.outpath / "m").write_text("m" * 5000)

    old, new = (Derivation({"name": "s", "v": v}, match_latest(), same) for v in (1, 2))
    ps.realize(Derivation({"name": "t", "of": old}, match_latest(), train), store=lab)
    before = look(lab.root)
    mine = Store(tmp_path / "mine", durable=False, below=lab.root)
    target = Derivation({"name": "t", "of": new}, match_latest(), train)
    rref = ps.realize(target, store=mine)
    (attempt,) = mine.attempts(target.dref)
    assert "adopted" in attempt.notes
    assert (mine.path(rref) / "m").stat().st_uid == os.geteuid()
    assert look(lab.root) == before


def test_metrics_traces_and_what_is_listed_come_from_both(tmp_path):
    def told(b):
        ps.build_metric(b, "loss", 0.5, step=1)
        (b.outpath / "x").write_text("1")

    lab = Store(tmp_path / "lab", durable=False)
    stage = Derivation({"name": "m"}, match_latest(), told)
    ps.realize(stage, store=lab)
    mine = Store(tmp_path / "mine", durable=False, below=lab.root)
    (attempt,) = mine.attempts(stage.dref)
    assert mine.trace(attempt) == [(1, "loss", 0.5)]
    assert mine.drefs() == [stage.dref]
    assert ps.dref2path(stage.dref, store=mine) == lab.root / "drv" / stage.dref[5:]
    assert [r.metrics["loss"] for r in ps.results(stage, store=mine)] == [0.5]
    assert ps.find_ref("m", store=mine) == stage.dref


def test_PYSTORE_BELOW_names_one_for_the_default_store(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("PYSTORE_BELOW", str(lab.root))
    mine = ps.store_initialize(tmp_path / "mine")
    assert mine.realizations(A.dref) == lab.realizations(A.dref)
    monkeypatch.setenv("PYSTORE_BELOW", str(mine.root))
    assert ps.store_initialize(tmp_path / "mine").parts.layout.below is None


def test_what_an_attempt_below_has_printed_can_be_read(tmp_path, monkeypatch, capfd):
    from pystore.ui.cli import main

    lab = Store(tmp_path / "lab", durable=False)
    rref = ps.realize(A, store=lab)
    lab.log_path(A.dref, NOWHERE.digest, 0).write_text("epoch 1\n")
    monkeypatch.setenv("PYSTORE_ROOT", str(Store(tmp_path / "mine", durable=False).root))
    monkeypatch.setenv("PYSTORE_BELOW", str(lab.root))
    assert main.run(["logs", str(rref)]) == 0
    assert capfd.readouterr().out == "epoch 1\n"
