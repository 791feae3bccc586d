"""Trees of many files get onto the disk by one call, or by an fsync of each."""

import errno
import os

import pytest

from pystore import Config, Context, Store
from pystore.store import disk, mounts, syncing
from pystore.store.descriptors import open_folder

CONFIG, NOWHERE = Config({"name": "many"}), Context({})
FILES = 5


@pytest.fixture
def durable_store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What is synced: names for an fsync, `all` for a syncfs, `far` for one that has no path.

    Only below the folder of the test: other threads may sync files of their own.
    """
    made = []
    fsync = os.fsync

    def noted(descriptor):
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            path = f"{tmp_path}/far"
        if path.startswith(str(tmp_path)):
            made.append(os.path.basename(path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(syncing, "_called", lambda call, descriptor: made.append("all"))
    monkeypatch.setattr(syncing, "MANY", FILES)
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "ext4")
    monkeypatch.setattr(syncing, "_dirty", lambda: 0)
    monkeypatch.setattr(syncing._Saved, "size", 0)
    return made


def commit(store, files=FILES, old=()):
    staging = store.begin(CONFIG, NOWHERE)
    (staging.out / "deep").mkdir()
    for number in range(files):
        (staging.out / "deep" / f"{number}.txt").write_text(str(number))
    for name in old:
        (staging.out / name).write_text("x")
        os.utime(staging.out / name, (0, 0))
    store.commit(staging)


def of_tree(calls):
    return {name for name in calls if name.endswith(".txt") or name in ("deep", "out", "all")}


EVERY = {*(f"{number}.txt" for number in range(FILES)), "deep", "out"}


def test_YN2_one_syncfs_takes_the_place_of_many_fsyncs(durable_store, calls):
    commit(durable_store)
    assert of_tree(calls) == {"all"}
    assert calls.index("all") < len(calls) - 1  # the record comes after it


FEW = EVERY - {f"{FILES - 1}.txt"}


def test_YN1_YN4_a_small_tree_is_synced_with_its_record_by_one_syncfs(durable_store, calls):
    commit(durable_store, FILES - 1)
    assert of_tree(calls) == {"all"}
    assert calls[calls.index("all") + 1] == "attempts"
    assert calls.count("all") == 1


def test_YN1_few_files_have_an_fsync_each_where_syncfs_may_hide_errors(
    durable_store, calls, monkeypatch
):
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "nfs4")
    commit(durable_store, FILES - 1)
    assert of_tree(calls) == FEW


def test_YN4_a_long_attempt_gets_fsyncs(durable_store, calls, monkeypatch):
    monkeypatch.setattr(syncing, "_SHORT", 0)
    commit(durable_store, FILES - 1)
    assert of_tree(calls) == FEW


def test_YN3_an_older_and_a_shared_file_of_a_small_tree_get_an_fsync(durable_store, calls):
    for name in ("one", "two"):
        staging = durable_store.begin(Config({"name": name}), NOWHERE)
        (staging.out / "large.txt").write_bytes(bytes(5000))
        (staging.out / "old.txt").write_text("x")
        os.utime(staging.out / "old.txt", (0, 0))
        calls.clear()
        durable_store.commit(staging)
        shared = {"large.txt"} if name == "two" else set()
        assert of_tree(calls) == {"all", "old.txt", *shared}


def test_YN2_an_error_of_the_one_syncfs_ends_the_commit(durable_store, calls, monkeypatch):
    def fails(call, descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(syncing, "_called", fails)
    with pytest.raises(OSError, match="Input/output error"):
        commit(durable_store, FILES - 1)
    assert durable_store.realizations(CONFIG.dref) == []
    assert durable_store.attempts(CONFIG.dref)[-1].outcome != "succeeded"


@pytest.mark.parametrize("kind", ["nfs4", "overlay", "tmpfs", "ext5", ""])
def test_YN2_a_file_system_that_may_hide_errors_gets_fsyncs(
    durable_store, calls, kind, monkeypatch
):
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: kind)
    commit(durable_store)
    assert of_tree(calls) == EVERY


@pytest.mark.parametrize(("release", "tells"), [("5.16.20", False),
    ("5.17.0-1-amd64", True), ("6.1", True), ("4.19.0", False), ("unknown", False)])  # fmt: skip
def test_YN2_an_older_kernel_gets_fsyncs(durable_store, calls, release, tells, monkeypatch):
    name = os.uname()
    older = os.uname_result((name[0], name[1], release, name[3], name[4]))
    with monkeypatch.context() as patch:
        patch.setattr(os, "uname", lambda: older)
        commit(durable_store)
    assert of_tree(calls) == ({"all"} if tells else EVERY)


def test_YN2_a_record_on_another_file_system_gets_an_fsync(durable_store, calls, monkeypatch):
    staging = durable_store.begin(CONFIG, NOWHERE)
    (staging.out / "0.txt").write_text("0")
    lstat = os.lstat

    def elsewhere(path, **options):
        status = lstat(path, **options)
        moved = [*status]
        moved[2] += os.path.dirname(path) == str(durable_store.parts.tmp)
        return os.stat_result(moved)

    monkeypatch.setattr(os, "lstat", elsewhere)
    calls.clear()
    durable_store.commit(staging)
    assert of_tree(calls) == {"0.txt", "out"}


def test_YN2_a_folder_that_was_opened_again_gets_fsyncs(durable_store, calls):
    staging = durable_store.begin(CONFIG, NOWHERE)
    (staging.out / "deep").mkdir()
    for number in range(FILES):
        (staging.out / "deep" / f"{number}.txt").write_text(str(number))
    os.close(staging.witness.number)  # as a realizer closes all descriptors
    durable_store.commit(staging)
    assert of_tree(calls) == EVERY


def test_YN3_a_file_that_may_be_older_gets_an_fsync_of_its_own(durable_store, calls):
    commit(durable_store, old=["old.txt"])
    assert of_tree(calls) == {"all", "old.txt"}
    assert calls.index("all") < calls.index("old.txt")


def test_YN3_a_shared_file_gets_an_fsync_of_its_own(durable_store, calls):
    for name in ("one", "two"):
        staging = durable_store.begin(Config({"name": name}), NOWHERE)
        for number in range(FILES):
            (staging.out / f"{number}.txt").write_text(str(number))
        (staging.out / "large.txt").write_bytes(bytes(5000))
        calls.clear()
        durable_store.commit(staging)
    assert of_tree(calls) == {"all", "large.txt"}


@pytest.mark.parametrize("kind", ["nfs4", "ext4"])
def test_YN1_paths_that_are_too_long_for_the_system_are_synced(
    durable_store, calls, kind, monkeypatch
):
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: kind)
    staging = durable_store.begin(CONFIG, NOWHERE)
    for number in range(FILES):
        (staging.out / f"{number}.txt").write_text(str(number))
    (staging.out / "old.txt").write_text("x")
    os.utime(staging.out / "old.txt", (0, 0))
    folder = os.open(staging.out, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    with open(os.open("far.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder), "w") as file:  # noqa: PTH123  # beyond all paths
        file.write("far")
    os.utime("far.txt", (0, 0), dir_fd=folder)
    os.close(folder)
    calls.clear()
    durable_store.commit(staging)
    assert calls.count("far") > 1  # the file, and folders
    assert ("all" in calls) == (kind == "ext4")


def test_where_much_else_is_dirty_nobody_waits_for_it(durable_store, calls, monkeypatch):
    monkeypatch.setattr(syncing, "_dirty", lambda: FILES * (1 << 16) + (1 << 20))
    commit(durable_store)
    assert of_tree(calls) == EVERY


def test_after_many_fsyncs_a_commit_waits_once_for_what_else_is_dirty(
    durable_store, calls, monkeypatch
):
    others = 3 * FILES * (1 << 16) - 1
    dirty = {"all": others}
    monkeypatch.setattr(syncing, "_dirty", lambda: dirty["all"])
    made = []
    for _ in range(5):
        calls.clear()
        commit(durable_store)
        made.append("all" in calls)
        if made[-1]:
            dirty["all"] = 0  # it has written that of others, too
    assert made == [False, False, True, True, True]
    dirty["all"] = others  # and it is to be saved again
    calls.clear()
    commit(durable_store)
    assert of_tree(calls) == EVERY


def test_nobody_waits_for_very_much_of_others(durable_store, calls, monkeypatch):
    monkeypatch.setattr(syncing, "_MOST_SAVED", FILES << 17)
    monkeypatch.setattr(syncing, "_dirty", lambda: (FILES << 17) + (1 << 16))
    for _ in range(6):
        calls.clear()
        commit(durable_store)
        assert of_tree(calls) == EVERY


def test_the_kernel_says_how_much_is_dirty():
    assert syncing._dirty() >= 0
    assert b"Dirty:" in disk.read_kernel("/proc/meminfo")


def test_YN1_an_error_of_syncfs_is_raised():
    def refuses(descriptor):
        import ctypes

        ctypes.set_errno(errno.EIO)
        return -1

    with pytest.raises(OSError, match="Input/output error") as raised:
        syncing._called(refuses, 0)
    assert raised.value.errno == errno.EIO


def test_YN1_an_error_of_one_fsync_among_many_is_raised(durable_store, calls, monkeypatch):
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "")
    fsync = os.fsync

    def fails(descriptor):
        fsync(descriptor)
        if calls[-1] == "3.txt":
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    monkeypatch.setattr(syncing, "THREADS", 1)
    with pytest.raises(OSError, match="Input/output error"):
        commit(durable_store)


def test_the_call_of_the_system_succeeds(tmp_path):
    with open_folder(tmp_path) as folder:
        call = syncing._syncfs(folder)
        assert call is not None
        call()


def folders_of(calls):
    return [name for name in calls if name in ("all", "config.json")]


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_YN5_many_new_derivations_are_synced_together(durable_store, calls, kind, monkeypatch):
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: kind)
    configs = [Config({"name": "some", "n": n}) for n in range(100)]
    durable_store.record(configs)
    every = ["all"] if kind == "ext4" else ["config.json"] * len(configs)
    assert folders_of(calls) == every
    assert calls[-1] == "drv"
    assert all(durable_store.config(one.dref) == one for one in configs)
    calls.clear()
    durable_store.record([Config({"name": "alone"})])
    assert folders_of(calls) == ["config.json"]


def test_YN4_small_files_are_synced_with_the_record_and_a_large_one_at_once(
    durable_store, calls, monkeypatch, tmp_path
):
    order = []
    rename, fsync = os.rename, os.fsync

    def noted(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path.startswith(str(tmp_path)):
            order.append(os.path.basename(path))
        fsync(descriptor)

    def renamed(old, new):
        if str(new).startswith(str(tmp_path)):
            order.append(f"rename {os.path.basename(new)[-5:]}")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "nfs4")
    staging = durable_store.begin(CONFIG, NOWHERE)
    (staging.out / "large.bin").write_bytes(bytes(syncing._SIZE + 1))
    (staging.out / "small.txt").write_text("1")
    order.clear()
    durable_store.commit(staging)
    left = ["small.txt", "out", "manifest.json", "context.json", staging.path.name]
    assert order[0] == "large.bin"
    assert {*order[1:7]} > {*left}  # and the record
    assert order[7:9] == ["rename .json", "attempts"]


def test_YN4_of_a_tree_of_some_files_only_some_are_left(tmp_path):
    left = syncing.Small(tmp_path, None)
    for number in range(syncing._LEFT + 3):
        path = tmp_path / f"{number}"
        path.touch()
        with open_folder(tmp_path) as folder:
            left.file(folder, b"%d" % number, path.stat())
    assert left.left.young == tuple(f"{tmp_path}/{number}" for number in range(syncing._LEFT))
