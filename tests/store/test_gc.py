"""Collecting garbage: what goes, what stays, and what a crash or a reader does to it."""

import os
import subprocess
import sys
import textwrap

import pytest

import pystore as ps
from pystore import Config, Derivation, GcPolicy, events, keep_best, keep_latest, match_latest
from pystore.core.attempt import AttemptReport
from pystore.errors import BadName, BadRef, BadStage, Corrupted, InUse, NotInStore


def write(b):
    (b.outpath / "out.txt").write_text(f"{b.seed / 2**32}\n")


def chain():
    a = Derivation({"name": "a"}, match_latest(), write)
    b = Derivation({"name": "b", "a": a}, match_latest(), write)
    return a, b, Derivation({"name": "c", "b": b}, match_latest(), write)


def test_gc_is_dry_unless_told(store):
    rref = ps.realize(chain()[0])
    garbage = ps.gc(())
    assert (list(garbage.realizations), garbage.removed) == ([rref], False)
    assert garbage.size == (ps.rref2path(rref) / "out.txt").stat().st_size
    assert str(garbage).startswith("would remove 1 realization,")
    assert ps.lsref(rref.dref) == [rref]


def test_GC1_GC3_bytes_go_and_history_stays(store):
    rref = ps.realize(chain()[0])
    assert ps.gc((), dry_run=False).removed
    assert ps.lsref(rref.dref) == []
    assert ps.config_of(rref)["name"] == "a"
    (attempt,) = ps.attempts(rref.dref)
    assert attempt.metrics["out.txt"] < 1
    assert store.all_candidates(rref.dref)[0].gone
    assert ps.realize(chain()[0]) == rref


def test_GC1_what_is_kept_never_loses_a_dependency(store):
    a, b, c = chain()
    lone = ps.realize(a)
    target = ps.realize(c)
    other = ps.realize(b, force_rebuild=True)
    garbage = ps.gc(keep=[target], dry_run=False)
    assert list(garbage.realizations) == [other]
    assert ps.lsref(a.dref) == [lone]
    assert ps.verify().sound


def test_GC1_a_collection_says_why_each_realization_stays(store):
    a, b, c = chain()
    inner, middle = ps.realize(a), ps.realize(b)
    other = ps.realize(b, force_rebuild=True)
    outer = ps.realize(c)
    ps.pin(middle, "kept")
    assert ps.gc(()).kept == {middle: "pinned", inner: "input"}
    assert ps.gc([outer]).kept == {
        middle: "pinned", other: "input", outer: "asked for", inner: "input"
    }  # fmt: skip
    kept = ps.gc().kept
    assert (kept[middle], kept[inner], kept[outer]) == ("pinned", "chosen", "chosen")


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the system is told to rename, to remove and to sync: the call, and the whole path.

    Only below the folder of the test: a finalizer may remove what another store has left.
    """
    told = []

    def watched(name, really):
        def call(target, *args, dir_fd=None, **more):
            path = os.fsdecode(target) if not isinstance(target, int) else ""
            base = target if isinstance(target, int) else dir_fd
            if base is not None:
                path = os.path.join(os.readlink(f"/proc/self/fd/{base}"), path).rstrip("/")
            if path.startswith(str(tmp_path)):
                told.append((name, path))
            return really(
                target, *args, **({"dir_fd": dir_fd} if dir_fd is not None else {}), **more
            )

        return call

    for name in ("rename", "unlink", "rmdir", "fsync"):
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    return told


def test_GC4_S3_what_goes_is_renamed_and_synced_before_anything_is_deleted(tmp_path, calls):
    store = ps.Store(tmp_path / "durable")
    rref = ps.realize(chain()[0], store=store)
    home = store.path(rref).parent
    calls.clear()
    ps.gc((), dry_run=False, store=store)
    assert [path for call, path in calls if call == "rename"] == [str(home)]
    away = calls.index(("rename", str(home)))
    synced = calls.index(("fsync", str(home.parent)))
    deleted = [i for i, (call, _) in enumerate(calls) if call in ("unlink", "rmdir")]
    assert away < synced < min(deleted)
    trash, tmp = str(store.root / "trash"), str(store.root / "tmp")
    assert all(calls[i][1].startswith((trash, tmp)) for i in deleted)


def test_S3_building_again_and_adopting_remove_nothing_of_what_is_there(store, calls):
    ps.realize(chain()[2])
    ps.realize(chain()[2], force_rebuild=True)
    ps.realize(Derivation({"name": "d"}, match_latest(), write))
    removed = [path for call, path in calls if call in ("unlink", "rmdir")]
    assert removed
    assert not [path for path in removed if path.startswith(str(store.root / "drv"))]


def test_S2_the_loss_of_what_a_context_names_is_recorded(store):
    a, b, _ = chain()
    rref = ps.realize(b)
    (inner,) = ps.deps_of(rref)
    ps.rmref(inner, force=True)
    assert dict(ps.context_of(rref)) == {a.dref: (inner,)}
    (attempt,) = store.attempts(a.dref)
    assert attempt.rref == inner
    assert [candidate.gone for candidate in store.all_candidates(a.dref)] == [True]
    assert ps.verify().sound


@pytest.mark.parametrize("how", ["pin", "link", "folder", "path"])
def test_roots_are_pins_links_folders_of_links_and_paths(store, tmp_path, how):
    rref = ps.realize(chain()[0])
    keep = []
    if how == "pin":
        ps.pin(rref, "best")
    elif how == "link":
        (tmp_path / "best").symlink_to(ps.rref2path(rref))
        keep = [tmp_path / "best"]
    elif how == "folder":
        (tmp_path / "roots").mkdir()
        (tmp_path / "roots" / "x").symlink_to(ps.rref2path(rref) / "out.txt")
        keep = [str(tmp_path / "roots")]
    else:
        keep = ps.rref2path(rref)
    assert ps.gc(keep, dry_run=False).realizations == {}
    assert ps.lsref(rref.dref) == [rref]


def test_pins_move_and_end(store):
    first = ps.realize(chain()[0])
    second = ps.realize(chain()[0], force_rebuild=True)
    ps.pin(first, "best")
    ps.pin(second, "best")
    assert ps.pins() == {"best": second}
    assert list(ps.gc((), dry_run=False).realizations) == [first]
    ps.unpin("best")
    assert list(ps.gc((), dry_run=False).realizations) == [second]
    with pytest.raises(BadName, match="no such pin"):
        ps.unpin("best")
    with pytest.raises(NotInStore):
        ps.pin(second, "best")
    with pytest.raises(BadName):
        ps.pin(first, "../x")


def test_policies_choose_in_each_derivation(store):
    a, b, _ = chain()
    made = {d: [ps.realize(d, force_rebuild=True) for _ in range(4)] for d in (a, b)}
    scores = {r: float(ps.catref(r, "out.txt")[0]) for rrefs in made.values() for r in rrefs}
    best = {d: max(rrefs, key=scores.get) for d, rrefs in made.items()}
    kept = set(scores) - set(ps.gc(keep=[keep_best("out.txt")]).realizations)
    assert kept == {best[a], best[b], *ps.deps_of(best[b])}
    kept = set(scores) - set(ps.gc(keep=[keep_latest(2)]).realizations)
    assert kept == {*made[a][2:], *made[b][2:], *ps.deps_of(made[b][3])}
    assert ps.gc(keep=keep_latest(4)).realizations == {}
    assert isinstance(keep_latest(2), GcPolicy)


def test_a_best_result_that_is_gone_still_counts_in_its_metrics(store):
    a, _, _ = chain()
    for _ in range(3):
        ps.realize(a, force_rebuild=True)
    ps.gc(keep=[keep_latest(1)], dry_run=False)
    metrics = [attempt.metrics["out.txt"] for attempt in ps.attempts(a.dref)]
    assert len(metrics) == 3
    assert len(ps.lsref(a.dref)) == 1


@pytest.mark.parametrize("keep", ["dref:x", "rref:x", "/nonexistent", "."])
def test_a_bad_root_is_an_error_and_nothing_goes(store, keep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rref = ps.realize(chain()[0])
    with pytest.raises((BadRef, NotInStore)):
        ps.gc(keep, dry_run=False)
    assert ps.lsref(rref.dref) == [rref]


def test_S6_litter_is_removed_and_what_is_in_use_is_not(store):
    failed = store.begin(Config({"name": "f"}), ps.Context())
    (failed.out / "half").write_text("x")
    store.fail(failed, AttemptReport(), ValueError())
    died = store.begin(Config({"name": "d"}), ps.Context())
    died.close()
    building = store.begin(Config({"name": "b"}), ps.Context())
    (store.parts.layout.trash / "rest").mkdir()
    garbage = ps.gc((), dry_run=False)
    assert set(garbage.litter) == {failed.path.name, died.path.name, "rest"}
    assert building.out.is_dir()
    assert os.listdir(store.parts.layout.trash) == []
    assert [a.outcome for a in ps.attempts(Config({"name": "d"}).dref)] == ["died"]
    building.discard()


READER = """
    import sys, pystore as ps
    ps.store_initialize(sys.argv[1])
    path = ps.rref2path(sys.argv[2])
    print(path, flush=True)
    sys.stdin.readline()
    print(len((path / "out.txt").read_text()), flush=True)
"""


def test_S9_GC2_what_another_process_uses_is_not_removed(store):
    rref = ps.realize(chain()[1])
    command = [sys.executable, "-c", textwrap.dedent(READER), str(store.root), rref]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    reader.stdout.readline()
    reader.stdout.readline()
    assert ps.gc((), dry_run=False).realizations == {}
    with pytest.raises(InUse, match="used by processes"):
        ps.rmref(rref)
    reader.communicate("go\n")
    assert reader.returncode == 0
    assert len(ps.gc((), dry_run=False).realizations) == 2


def test_S9_the_inputs_of_a_running_build_are_not_removed(store):
    a, b, _ = chain()

    def collects(build):
        assert ps.gc((), dry_run=False).realizations == {}
        write(build)

    rref = ps.realize(Derivation({"a": a, "b": b}, match_latest(), collects))
    assert len(ps.deps_of(rref)) == 2
    assert ps.verify().sound


def test_S9_a_forked_child_notes_for_itself(store):
    rref = ps.realize(chain()[0])
    read, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        held = store.hold((rref,)) and bool(list(store.parts.tmp.glob("live-*")))
        os.write(written, bytes([held]))
        os._exit(0)
    assert os.read(read, 1) == b"\x01"
    os.waitpid(pid, 0)
    assert store.parts.session.holds([rref])


def test_a_choice_that_gc_takes_in_between_is_made_again(store, monkeypatch):
    a, _, _ = chain()
    first = ps.realize(a)
    really = store.hold

    def too_late(rrefs):
        monkeypatch.setattr(store, "hold", really)
        store.remove(first)
        return really(rrefs)

    monkeypatch.setattr(store, "hold", too_late)
    assert ps.realize(a) == first
    assert len(ps.attempts(a.dref)) == 2


# --- rmref and reject ------------------------------------------------------------------


def test_rmref_refuses_what_others_need(store):
    a, _, c = chain()
    target = ps.realize(c)
    inner = ps.deps_of(target)[0]
    for ref in (inner, inner.dref):
        with pytest.raises(InUse, match=target):
            ps.rmref(ref)
    ps.pin(target, "thesis")
    with pytest.raises(InUse, match="thesis"):
        ps.rmref(target)
    ps.unpin("thesis")
    ps.rmref(target)
    ps.rmref(inner)
    with pytest.raises(InUse, match=c.dref):
        ps.rmref(inner.dref)
    ps.rmref(c.dref)
    ps.rmref(inner.dref)
    assert store.drefs() == [a.dref]


def test_rmref_with_force(store):
    _, _, c = chain()
    target = ps.realize(c)
    inner = ps.deps_of(target)[0]
    ps.rmref(inner, force=True)
    assert ps.verify().sound  # its loss is recorded: the attempt is there
    with pytest.raises(NotInStore):
        ps.rmref(inner)


def test_a_rejected_realization_is_out_of_matching_and_keeps_its_reason(store):
    a, _, _ = chain()
    first = ps.realize(a)
    ps.reject(first, "label leak")
    second = ps.realize(a)
    assert second != first
    assert ps.rejected(a.dref) == {first: "label leak"}
    assert ps.rref2path(first).is_dir()
    with pytest.raises(BadStage, match="reason"):
        ps.reject(second, " ")
    ps.rmref(first)
    assert ps.realize(a) == second
    with pytest.raises(NotInStore):
        ps.reject("rref:" + "0" * 32 + first[37:], "x")


def test_commit_of_a_mended_staging(store):
    def stray(b):
        write(b)
        (b.outpath / "stray").symlink_to("/etc/hostname")

    seen = []
    derivation = Derivation({}, match_latest(), stray)
    with pytest.raises(ps.errors.UnkeepableOutput) as caught:
        ps.realize(derivation, listener=seen.append)
    assert isinstance(seen[-1], events.AttemptFailed)
    with pytest.raises(ps.errors.UnkeepableOutput):
        ps.commit(caught.value.staging)
    (caught.value.staging / "out" / "stray").unlink()
    rref = ps.commit(caught.value.staging)
    assert ps.realize(derivation) == rref


def test_destroyed_and_damaged_stores_say_so(store):
    rref = ps.realize(chain()[0])
    context = store.path(rref).parent / "context.json"
    context.chmod(0o644)
    context.write_text("{}")
    with pytest.raises(Corrupted, match=rref):
        ps.context_of(rref)
    ps.gc(keep=[rref], dry_run=False)
    assert ps.lsref(rref.dref) == [rref]
