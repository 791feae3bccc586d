"""Equal files are stored once, and damage stays where it is."""

import errno
import os
import shutil

import pytest

import pystore as ps
from pystore import Config, Context, Derivation, match_latest
from pystore.core.attempt import AttemptReport
from pystore.errors import UnkeepableOutput
from pystore.store.commit import seal
from pystore.store.pins import rref_at

LARGE = bytes(range(256)) * 64
NOWHERE = Context()


def build(store, name, content=LARGE, file="data.bin", mode=0o644):
    staging = store.begin(Config({"name": name}), NOWHERE)
    (staging.out / file).write_bytes(content)
    (staging.out / file).chmod(mode)
    return store.path(store.commit(staging).rref) / file


def entries(store):
    return sorted(os.listdir(store.parts.layout.links))


def damage(file, content):
    mode = file.stat().st_mode
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(mode)


def test_equal_large_files_of_several_realizations_are_one(store):
    first, second, third = (build(store, name) for name in "abc")
    assert first.samefile(second) and first.samefile(third)
    assert first.stat().st_nlink == 4  # three realizations, and the index
    assert ps.verify().sound


def test_small_files_and_files_of_another_mode_are_not_shared(store):
    assert not build(store, "a", b"x" * 4095).samefile(build(store, "b", b"x" * 4095))
    plain, script = build(store, "c"), build(store, "d", mode=0o755)
    assert not plain.samefile(script)
    assert script.samefile(build(store, "e", mode=0o755))
    assert [name[64:] for name in entries(store)] == ["", "x"]


def test_files_deep_in_a_tree_and_equal_within_it_are_shared(store):
    def write(b):
        for place in ("deep/er", "other"):
            (b.outpath / place).mkdir(parents=True)
            (b.outpath / place / "data.bin").write_bytes(LARGE)

    for i in range(2):
        ps.realize(Derivation({"name": "tree", "i": i}, match_latest(), write))
    files = sorted(store.parts.layout.drv.rglob("data.bin"))
    assert len(files) == 4
    assert len({file.stat().st_ino for file in files}) <= 2
    assert ps.verify().sound


@pytest.mark.parametrize("bad", [LARGE[:-1], LARGE[:-1] + b"x", LARGE + b"x", b""])
def test_SF1_damage_never_spreads(store, bad):
    first = build(store, "a")
    damage(first, bad)
    second = build(store, "b")
    assert second.read_bytes() == LARGE
    assert build(store, "c").samefile(second)
    assert {d.ref.dref.name for d in ps.verify().damages} == {"a"}


@pytest.mark.parametrize("strange", ["fifo", "folder", "link"])
def test_SF1_what_is_no_file_in_the_index_is_passed_over(store, tmp_path, strange):
    build(store, "a")
    (name,) = entries(store)
    (path := store.parts.layout.links / name).unlink()
    if strange == "fifo":
        os.mkfifo(path)
    elif strange == "folder":
        path.mkdir()
    else:
        (tmp_path / "outside").write_bytes(LARGE)
        path.symlink_to(tmp_path / "outside")
    file = build(store, "b")
    assert file.read_bytes() == LARGE and not file.is_symlink()
    assert ps.verify().sound


def test_SF1_what_can_be_written_is_not_shared(store):
    first = build(store, "a")
    first.chmod(0o666)
    second = build(store, "b")
    assert not second.samefile(first)
    assert second.stat().st_mode & 0o777 == 0o444


def test_SF1_a_damaged_shared_file_is_rebuilt_once_for_all_that_hold_it(store):
    derivations = [
        Derivation({"name": "d", "i": i}, match_latest(), lambda b: _write(b.outpath)) for i in "ab"
    ]
    rrefs = [ps.realize(d) for d in derivations]
    damage(ps.rref2path(rrefs[0]) / "data.bin", b"rot")
    assert {d.ref for d in ps.verify().damages} == set(rrefs)
    assert [ps.realize(d) for d in derivations] == rrefs
    files = [ps.rref2path(rref) / "data.bin" for rref in rrefs]
    assert files[0].samefile(files[1])
    assert ps.verify().sound


def _write(out):
    (out / "data.bin").write_bytes(LARGE)


def test_the_index_may_be_lost(store):
    first = build(store, "a")
    shutil.rmtree(store.parts.layout.links)
    again = ps.Store(store.root, durable=False)  # an older pystore's store has none either
    second = build(again, "b")
    assert not first.samefile(second)
    assert build(again, "c").samefile(second)
    assert ps.verify().sound


@pytest.mark.parametrize("error", [errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV])
def test_SF3_where_there_can_be_no_link_a_file_of_its_own_serves(store, monkeypatch, error):
    first, link = build(store, "a"), os.link

    def refuse(source, target, **options):
        if str(store.parts.layout.links) in os.fsdecode(source):
            raise OSError(error, os.strerror(error))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", refuse)
    second = build(store, "b")
    assert not first.samefile(second)
    assert second.read_bytes() == LARGE
    monkeypatch.undo()
    assert build(store, "c").samefile(second if error == errno.EMLINK else first)
    assert ps.verify().sound


def test_SF2_a_file_of_a_user_is_refused_as_ever(store, tmp_path):
    mine = tmp_path / "mine"
    mine.write_bytes(LARGE)
    staging = store.begin(Config({"name": "a"}), NOWHERE)
    os.link(mine, staging.out / "data.bin")
    with pytest.raises(UnkeepableOutput, match="hard link"):
        store.commit(staging)
    assert entries(store) == []
    assert mine.stat().st_mode & 0o222


def test_SF2_what_a_failed_commit_leaves_is_its_users_alone(store):
    first = build(store, "a")
    staging = store.begin(Config({"name": "b"}), NOWHERE)
    _write(staging.out)
    seal(store.parts, staging)
    assert (staging.out / "data.bin").samefile(first)
    store.fail(staging, AttemptReport(), OSError("the disk is full"))
    (staging.out / "data.bin").chmod(0o644)
    (staging.out / "data.bin").write_bytes(b"mended")
    assert first.read_bytes() == LARGE
    assert ps.rref2path(ps.commit(staging.path)).joinpath("data.bin").read_bytes() == b"mended"


def test_SF2_what_a_killed_commit_left_can_be_committed(store):
    first = build(store, "a")
    staging = store.begin(Config({"name": "b"}), NOWHERE)
    _write(staging.out)
    seal(store.parts, staging)
    staging.close()
    second = ps.rref2path(ps.commit(staging.path)) / "data.bin"
    assert second.samefile(first)
    assert ps.verify().sound


def test_gc_and_rmref_free_what_nothing_holds_any_more(store):
    first, second = build(store, "a"), build(store, "b")
    ps.rmref(rref_at(store, first))
    assert second.stat().st_nlink == 2
    assert len(entries(store)) == 1
    ps.gc((), dry_run=False)
    assert entries(store) == []


def test_gc_says_how_much_it_would_not_free(store):
    kept, *_ = [rref_at(store, build(store, name)) for name in "abc"]
    garbage = ps.gc(keep=[kept])
    assert (garbage.size, garbage.shared) == (2 * len(LARGE), 2 * len(LARGE))
    garbage = ps.gc(())
    assert (garbage.size, garbage.shared) == (3 * len(LARGE), 2 * len(LARGE))


def test_adopted_files_are_shared_with_all_others(store):
    source = Derivation({"name": "s"}, match_latest(), lambda b: _write(b.outpath))
    edited = Derivation({"name": "s", "v": 2}, match_latest(), lambda b: _write(b.outpath))
    train = [
        Derivation({"name": "t", "of": s}, match_latest(), lambda b: _write(b.outpath))
        for s in (source, edited)
    ]
    files = [ps.rref2path(ps.realize(t)) / "data.bin" for t in train]
    assert len(ps.attempts(train[1].dref)) == 1
    assert len({f.stat().st_ino for f in store.parts.layout.drv.rglob("data.bin")}) == 1
    assert files[0].samefile(files[1])
