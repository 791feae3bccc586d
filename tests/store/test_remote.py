"""Remotes: what goes there comes back the same, and only what is missing moves."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

import pystore as ps
from pystore import Derivation, Store, events, match_latest, match_some
from pystore.core.same_run import distinct
from pystore.errors import (
    BadPlace,
    Corrupted,
    FormatTooNew,
    NotAStore,
    NotInStore,
    UnkeepableOutput,
)
from pystore.run import provenance
from pystore.store.remote import object_parts
from pystore.store.remote.receive import is_here
from pystore.store.remote.url_place import UrlPlace


def project(attempts=1):
    """A tree with everything that trees have, and what was made from it."""

    def prepare(b):
        out = b.outpath
        (out / "d" / "deep").mkdir(parents=True)
        (out / "d" / "deep" / "data.bin").write_bytes(bytes(range(256)) * 40)
        (out / "run").write_text("#!/bin/sh\n")
        (out / "run").chmod(0o755)
        (out / "empty").mkdir()
        (out / "nothing").touch()
        (out / "50% \udcff").write_text("a name that is no UTF-8")
        (out / "link").symlink_to("d/deep")

    def train(b):
        (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")
        b.metric("loss", 0.5, 1)

    prepared = Derivation({"name": "prepare"}, match_latest(), prepare)
    return Derivation({"name": "train", "data": prepared}, match_some(attempts), train)


@pytest.fixture(params=["folder", "file", "memory"])
def place(request, tmp_path):
    """The URL of an empty place of each kind."""
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://lab/results"
    folder = tmp_path / "remote"
    return f"file://{folder}" if request.param == "file" else folder


@pytest.fixture
def other(tmp_path):
    """A colleague's store."""
    return Store(tmp_path / "other", durable=False)


def tree_of(store, rref):
    """A realization's files, with their bytes and modes."""
    home = store.path(rref).parent
    found = {}
    for folder, names, files in os.walk(home):
        for path in (Path(folder, name) for name in [*names, *files]):
            content = (
                os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
            )
            found[os.fsencode(path.relative_to(home))] = (path.lstat().st_mode, content)
    return found


def test_what_was_pushed_comes_back_the_same(store, other, place):
    rref = ps.realize(project())
    sent = ps.push(rref, place)
    assert (sent.rrefs, len(sent.fresh), sent.attempts) == ((rref,), 2, 2)
    came = ps.pull(rref, place, store=other)
    assert came == sent
    for made in came.fresh:
        assert tree_of(other, made) == tree_of(store, made)
    assert ps.verify(other).sound
    assert ps.realize(project(), store=other, build=False) == rref


def test_RV1_a_second_time_nothing_moves(store, other, place):
    rref = ps.realize(project())
    ps.push(rref, place)
    ps.pull(rref, place, store=other)
    for again in (ps.push(rref, place), ps.pull(rref, place, store=other)):
        assert (again.fresh, again.attempts, again.size) == ((), 0, 0)
        assert str(again) == "nothing to move: all of it is there already"
    assert ps.pull([rref, rref], place, store=other).rrefs == (rref,)


def test_HI1_attempts_keep_what_they_are_and_get_numbers_of_their_own(store, other, place):
    ps.realize_many(project(3), store=store)
    here = ps.realize_many(project(2), store=other)
    train = project().dref
    ps.push(train, place)
    ps.pull(train, place, store=other)
    theirs = {a.id: a for a in other.attempts(train)}
    assert len(theirs) == 5
    for attempt in store.attempts(train):
        copy = theirs[attempt.id]
        assert copy._replace(number=attempt.number) == attempt
        assert other.trace(copy) == store.trace(attempt) == [(1, "loss", 0.5)]
    assert sorted(a.number for a in theirs.values()) == list(range(5))
    # Equal seeds gave equal bytes: three distinct trainings, whoever ran them.
    assert len(distinct(theirs.values())) == 3
    assert set(here) <= set(other.realizations(train))
    assert ps.verify(other).sound


def test_S7_no_seed_that_came_is_trained_again(store, other, tmp_path):
    stage = project(3)
    ps.realize_many(stage)
    train = stage.dref
    lost = next(a for a in store.attempts(train) if a.number == 1)
    for file in (store.root / "drv" / train[5:] / "attempts").glob(f"{lost.context}.1.*"):
        file.unlink()  # as if it had died, so that the copies have other numbers
    ps.push(train, tmp_path / "remote")
    ps.pull(train, tmp_path / "remote", store=other)
    upper = Store(tmp_path / "upper", durable=False, below=other.root)
    for one in (upper, other):
        ps.realize_many(project(5), store=one)
        assert sorted(a.number for a in one.attempts(train)) == [0, 1, 3, 4, 5]
        assert len({a.seed for a in one.attempts(train)}) == 5


def test_S2_RV2_at_each_moment_of_a_pull_what_is_there_has_its_inputs(store, other, tmp_path):
    ps.realize_many(project(3))
    train, seen = project().dref, []
    ps.push(train, tmp_path / "remote")

    def look(event):
        for dref in other.drefs():
            for rref in other.realizations(dref):
                needs = [need for needs in other.context(rref).values() for need in needs]
                assert all(is_here(other, need) for need in needs)
                assert any(a.rref == rref for a in other.attempts(dref))
                seen.append(rref)

    ps.pull(train, tmp_path / "remote", store=other, listener=look)
    assert len(set(seen)) == 4


def test_pushes_of_two_people_merge(store, other, place):
    ps.realize(project(), store=store)
    ps.realize(project(), store=other)
    train = project().dref
    ps.push(train, place)
    ps.push(train, place, store=other)
    ps.pull(train, place)
    assert len(store.attempts(train)) == 2
    assert ps.pull(train, place).attempts == 0


def test_failed_attempts_travel_too(store, other, place):
    broken = [True]

    def sometimes(b):
        (b.outpath / "x").write_text("1")
        if broken.pop():
            raise ValueError("no")

    flaky = Derivation({"name": "flaky"}, match_latest(), sometimes)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(flaky)
    broken.append(False)
    rref = ps.realize(flaky)
    ps.push(rref, place)
    ps.pull(rref, place, store=other)
    assert [a.outcome for a in other.attempts(flaky.dref)] == ["failed", "succeeded"]


def test_a_closure_means_all_realizations_of_its_targets(store, other, place):
    closure = ps.instantiate(project(2))
    chosen = ps.realize_many(closure)
    assert set(ps.push(closure, place).rrefs) == set(chosen)
    assert set(ps.pull(closure, place, store=other).rrefs) == set(chosen)


def test_PA2_large_files_are_cut_and_small_ones_lie_together(store, other, place, in_parts):
    rref = ps.realize(in_parts)
    told = []
    ps.push(rref, place, listener=told.append)
    done = [event.done for event in told if isinstance(event, events.Progress)]
    assert len(done) == 3 + 4
    assert done == sorted(done)
    assert done[-1] == 6500
    ps.pull(rref, place, store=other)
    assert tree_of(other, rref) == tree_of(store, rref)


def test_a_listener_hears_what_moves(store, other, place):
    rref = ps.realize(project())
    told = []
    ps.push(rref, place, listener=told.append)
    ps.pull(rref, place, listener=told.append, store=other)
    sent = [event.rrefs for event in told if isinstance(event, events.Sent)]
    came = [event.rrefs for event in told if isinstance(event, events.Fetched)]
    assert sent == came
    assert sent[-1] == (rref,)


def test_PA3_equal_large_files_are_there_once(store, tmp_path):
    def fill(b):
        (b.outpath / "weights").write_bytes(bytes(5 << 20))
        (b.outpath / "name").write_text(b.config["name"])

    for name in ("one", "two"):
        ps.push(ps.realize(Derivation({"name": name}, match_latest(), fill)), tmp_path / "remote")
    sizes = [p.stat().st_size for p in (tmp_path / "remote" / "parts").rglob("*") if p.is_file()]
    assert sum(sizes) == (5 << 20) + len("onetwo")


def test_what_a_store_below_has_is_sent_too_and_not_fetched(store, other, tmp_path):
    rref = ps.realize(project())
    upper = Store(tmp_path / "upper", durable=False, below=store.root)
    assert ps.push(rref, tmp_path / "remote", store=upper).attempts == 2
    assert ps.pull(rref, tmp_path / "remote", store=upper).fresh == ()
    assert ps.pull(rref, tmp_path / "remote", store=other).attempts == 2


# --- what is not there, not whole, or not to be sent ------------------------------------


def test_PA3_what_breaks_off_goes_on_where_it_was(store, other, tmp_path, monkeypatch):
    monkeypatch.setattr(object_parts, "SIZE", 1000)
    monkeypatch.setattr(object_parts, "LARGE", 500)

    def fill(b):
        (b.outpath / "large").write_bytes(os.urandom(9500))

    rref = ps.realize(Derivation({"name": "large"}, match_latest(), fill))
    place = tmp_path / "remote"
    ps.push(rref, place)
    *_, last = sorted(
        (p for p in (place / "parts").rglob("*") if p.is_file()), key=lambda p: p.name
    )
    hidden = last.read_bytes()
    last.unlink()
    with pytest.raises(NotInStore, match="not all of this"):
        ps.pull(rref, place, store=other)
    assert other.drefs() == []
    again = ps.push(rref, place, repair=True)
    assert last.read_bytes() == hidden
    assert again.size == 9500
    came = ps.pull(rref, place, store=other)
    assert 0 < came.size < 9500
    assert ps.verify(other).sound
    assert ps.gc(keep=[rref], store=other, dry_run=True).litter == ()


def test_what_is_not_at_the_remote_is_said(store, other, place):
    rref = ps.realize(project())
    with pytest.raises(NotInStore, match="no remote is here"):
        ps.pull(rref, place)
    ps.push(ps.deps_of(rref), place)
    for ref in (rref, rref.dref):
        with pytest.raises(NotInStore, match="does not hold this"):
            ps.pull(ref, place, store=other)
    assert other.drefs() == []


def test_AR1_a_realization_without_a_record_is_not_there(store, other, tmp_path):
    rref = ps.realize(project())
    ps.push(rref, tmp_path / "remote")
    home = tmp_path / "remote" / "drv" / rref.dref[5:]
    for record in home.glob("*.*.json"):
        record.unlink()
    with pytest.raises(NotInStore, match="does not hold this"):
        ps.pull(rref, tmp_path / "remote", store=other)


def test_what_should_not_be_sent_is_refused_before_any_work(store, tmp_path):
    place = tmp_path / "remote"
    rref = ps.realize(project())
    ps.reject(rref, "label leak")
    with pytest.raises(BadPlace, match="label leak"):
        ps.push(rref, place)
    outside = Derivation(
        {"name": "outside"},
        match_latest(),
        lambda b: ps.build_link(b, "passwd", Path("/etc/passwd")),
    )
    with pytest.raises(UnkeepableOutput, match="outside of the store"):
        ps.push(ps.realize(outside), place)
    damaged = ps.realize(
        Derivation({"name": "x"}, match_latest(), lambda b: (b.outpath / "x").write_text("1"))
    )
    file = ps.rref2path(damaged) / "x"
    file.chmod(0o644)
    file.write_text("2")
    with pytest.raises(Corrupted, match="should be sent is damaged"):
        ps.push(damaged, place)
    assert not list(place.rglob("drv/*"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1/x", "nothing can be pushed over HTTP"),
        ("nonsense://x/y", "no place that pystore can use"),
        ("/proc/nowhere", "cannot be used|no permission|not there"),
    ],
)
def test_a_place_that_cannot_be_used_is_said_before_any_work(store, url, message):
    rref = ps.realize(project())
    with pytest.raises(ps.PystoreError, match=message):
        ps.push(rref, url)


def test_a_place_that_holds_other_things_is_left_alone(store, other, tmp_path):
    rref = ps.realize(project())
    with pytest.raises(BadPlace, match="is a store, no remote"):
        ps.push(rref, other.root)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(BadPlace, match=r"thesis\.tex"):
        ps.push(rref, tmp_path / "mine")


def test_a_remote_of_a_later_version_is_left_alone(store, tmp_path):
    rref = ps.realize(project())
    ps.push(rref, tmp_path / "remote")
    mark = tmp_path / "remote" / "pystore-remote.json"
    mark.chmod(0o644)
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "format": 2}))
    for move in (ps.push, ps.pull):
        with pytest.raises(FormatTooNew):
            move(rref, tmp_path / "remote")


def test_a_missing_extra_says_how_to_install_it(store, monkeypatch):
    import fsspec.core

    def missing(*args, **kwargs):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(BadPlace, match="pip install s3fs"):
        ps.push(ps.realize(project()), "s3://lab/x")


def test_a_password_in_a_url_is_not_shown(monkeypatch):
    monkeypatch.setattr(UrlPlace, "_connect", lambda *a: (fsspec.filesystem("memory"), "/x"))
    assert UrlPlace("sftp://me:secret@lab/x", {}).url == "sftp://me:…@lab/x"


def test_gc_beside_a_pull_takes_nothing_that_came(store, other, tmp_path):
    rref = ps.realize(project())
    ps.push(rref, tmp_path / "remote")

    def collect(event):
        if isinstance(event, events.Fetched):
            with other.building():
                ps.gc((), dry_run=False, store=other)

    ps.pull(rref, tmp_path / "remote", store=other, listener=collect)
    assert ps.verify(other).sound
    assert other.path(rref)


def test_a_remote_can_be_copied_with_any_tool(store, other, tmp_path):
    rref = ps.realize(project())
    ps.push(rref, tmp_path / "remote")
    shutil.copytree(tmp_path / "remote", tmp_path / "moved")
    ps.pull(rref, tmp_path / "moved", store=other)
    assert ps.verify(other).sound


def test_of_a_derivation_only_what_has_a_record_is_there(store, other, tmp_path):
    chosen = ps.realize_many(project(3))
    ps.push(project().dref, tmp_path / "remote")
    (attempt,) = ps.attempts(chosen[0])
    for record in (tmp_path / "remote").rglob(f"*.{attempt.id}.json"):
        record.unlink()  # as if somebody were still pushing it
    assert set(ps.pull(project().dref, tmp_path / "remote", store=other).rrefs) == set(chosen[1:])


def test_HI1_several_that_pull_at_once_record_each_attempt_once(store, other, tmp_path):
    rref = ps.realize(project())
    ps.realize_many(project(5))
    ps.push(rref.dref, tmp_path / "remote")
    with ThreadPoolExecutor(4) as pool:
        pulls = [pool.submit(ps.pull, rref.dref, tmp_path / "remote", store=other) for _ in "1234"]
        assert {len(pull.result(60).rrefs) for pull in pulls} == {5}
    assert sorted(a.number for a in other.attempts(rref.dref)) == [0, 1, 2, 3, 4]
    assert ps.verify(other).sound


# --- between two stores of this machine -------------------------------------------------


def test_a_copy_is_the_same_and_shares_no_file(store, other):
    rref = ps.realize(project())
    copied = ps.copy(rref, store, other)
    assert (copied.rrefs, len(copied.fresh), copied.attempts) == ((rref,), 2, 2)
    for made in copied.fresh:
        assert tree_of(other, made) == tree_of(store, made)
    file = ps.rref2path(ps.deps_of(rref)[0], store=other) / "run"
    assert file.stat().st_nlink == 1
    assert ps.verify(other).sound
    assert ps.copy(rref, store.root, other.root).fresh == ()


def test_RV1_a_copy_merges_attempts_and_takes_only_what_is_missing(store, other):
    ps.realize_many(project(3))
    ps.realize(project(), store=other)
    train = project().dref
    copied = ps.copy(train, store, other)
    assert len(copied.fresh) == 2
    assert len(other.attempts(train)) == 4
    assert ps.copy(train, store, other).attempts == 0


def test_a_damaged_original_is_not_copied(store, other):
    rref = ps.realize(project())
    file = ps.rref2path(rref) / "accuracy.txt"
    file.chmod(0o644)
    file.write_text("1.0\n")
    with pytest.raises(Corrupted, match="what should be sent is damaged") as told:
        ps.copy(rref, store, other)
    assert told.value.store == store.root  # not the other side's fault
    assert not is_here(other, rref)
    assert other.attempts(rref.dref) == []


def test_copies_need_two_stores(store, tmp_path):
    rref = ps.realize(project())
    with pytest.raises(BadPlace, match="both are one store"):
        ps.copy(rref, store, Store(store.root))
    with pytest.raises(NotAStore, match="no store is here"):
        ps.copy(rref, tmp_path / "nowhere", store)
    assert ps.copy(rref, store, tmp_path / "new").fresh


def test_a_plain_copy_of_a_store_is_another_store(store, tmp_path):
    ps.realize(project())
    shutil.copytree(store.root, tmp_path / "same", symlinks=True)
    ps.realize(project(), force_rebuild=True)
    assert len(ps.copy(project().dref, store, tmp_path / "same").fresh) == 1
    assert ps.verify(Store(tmp_path / "same")).sound


def test_what_lies_below_is_not_recorded_again_above(store, tmp_path):
    rref = ps.realize_many(project(3))[0]
    upper = Store(tmp_path / "upper", durable=False, below=store.root)
    moved = ps.copy(rref, store, upper)
    assert (moved.fresh, moved.attempts, upper.own.drefs()) == ((), 0, [])


@pytest.fixture
def dirty(tmp_path, monkeypatch):
    """A checkout with a secret that is not committed, in which a stage was run."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com"]
    (folder / "settings.py").write_text("TOKEN = None\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *words], check=True)
    (folder / "settings.py").write_text("TOKEN = 'secret'\n")
    provenance._seen.clear()
    store = Store(tmp_path / "store", durable=False)
    yield store, ps.realize(project(), store=store)
    provenance._seen.clear()


def told(folder: Path) -> bool:
    return any(b"secret" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_uncommitted_changes_go_along_unless_they_are_kept_back(dirty, tmp_path, monkeypatch):
    store, rref = dirty
    (attempt,) = ps.attempts(rref.dref, store=store)
    assert b"secret" in store.diff(attempt)
    assert ps.push(rref, tmp_path / "all", store=store).attempts == 2
    assert told(tmp_path / "all")
    assert ps.push(rref, tmp_path / "less", diffs=False, store=store).attempts == 2
    assert not told(tmp_path / "less")
    monkeypatch.setenv("PYSTORE_DIFFS", "no")
    ps.push(rref, tmp_path / "set", store=store)
    assert not told(tmp_path / "set")
    mate = Store(tmp_path / "mate", durable=False)
    ps.pull(rref, tmp_path / "set", store=mate)
    (known,) = ps.attempts(rref.dref, store=mate)
    assert known.id == attempt.id
    assert mate.diff(known) == b""


def test_uncommitted_changes_can_be_kept_out_of_an_archive(dirty, tmp_path):
    store, rref = dirty
    (attempt,) = ps.attempts(rref.dref, store=store)
    for diffs, wanted in ((True, store.diff(attempt)), (False, b"")):
        ps.export_archive(rref, tmp_path / f"{diffs}.tar.zst", diffs=diffs, store=store)
        mate = Store(tmp_path / f"mate {diffs}", durable=False)
        ps.import_archive(tmp_path / f"{diffs}.tar.zst", store=mate)
        assert mate.diff(ps.attempts(rref.dref, store=mate)[0]) == wanted
