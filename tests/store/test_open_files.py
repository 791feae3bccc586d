"""Late writers are found by the file that they have open, not by its path (S4)."""

import mmap
import os
import shutil
import socket
import subprocess
import sys

import pytest

from pystore import Config, Context
from pystore.errors import UnkeepableOutput
from pystore.store import keepable, mounts, open_files, tree

CONFIG, NOWHERE = Config({"name": "late"}), Context({})


def refused(store, staging, match):
    with pytest.raises(UnkeepableOutput, match=match):
        store.commit(staging)


def test_S4_a_file_that_was_made_under_another_name_is_open_still(store, tmp_path):
    staging = store.begin(CONFIG, NOWHERE)
    with (tmp_path / "scratch").open("wb") as file:
        os.link(tmp_path / "scratch", staging.out / "late.bin")
        (tmp_path / "scratch").unlink()
        refused(store, staging, r"late\.bin' \(open in process")
        file.write(b"x")
    assert store.commit(staging).fresh


def test_S4_a_file_that_never_had_another_name_is_open_still(store):
    staging = store.begin(CONFIG, NOWHERE)
    file = os.open(staging.path, os.O_TMPFILE | os.O_RDWR)
    # With a folder, Python uses the call that follows links.
    os.link(f"/proc/self/fd/{file}", staging.out / "late.bin", src_dir_fd=file)
    refused(store, staging, r"late\.bin' \(open in process")
    os.close(file)
    assert store.commit(staging).fresh


def test_S4_a_mapping_of_a_renamed_file_is_found(store, tmp_path):
    staging = store.begin(CONFIG, NOWHERE)
    with (tmp_path / "scratch").open("w+b") as file:
        file.truncate(4096)
        mapped = mmap.mmap(file.fileno(), 4096)
    (tmp_path / "scratch").rename(staging.out / "late.bin")
    with mapped:
        refused(store, staging, r"late\.bin'")
    assert store.commit(staging).fresh


def test_S4_a_file_that_no_process_can_be_found_to_have_open_is_open_still(store):
    staging = store.begin(CONFIG, NOWHERE)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with (staging.out / "late.bin").open("wb") as file:
            socket.send_fds(ours, [b"!"], [file.fileno()])
        # The descriptor is on its way: in no process.
        refused(store, staging, r"late\.bin' \(in a process that we cannot see\)")
        _, numbers, _, _ = socket.recv_fds(theirs, 1, 1)
        os.close(numbers[0])
    assert store.commit(staging).fresh


def test_S4_a_kernel_that_says_so_of_any_file_is_not_believed_on_shared_disks(store, monkeypatch):
    staging = store.begin(CONFIG, NOWHERE)
    (staging.out / "x").touch()
    monkeypatch.setattr(open_files, "_is_open", lambda step: True)
    refused(store, staging, r"'x' \(in a process that we cannot see\)")
    monkeypatch.setattr(mounts, "mounted", lambda path: ("nfs4", "/home"))
    assert store.commit(staging).fresh


def test_S4_without_leases_the_family_is_asked(store, monkeypatch):
    monkeypatch.setattr(open_files, "_is_open", lambda step: None)
    staging = store.begin(CONFIG, NOWHERE)
    script = "import sys; f = open(sys.argv[1], 'w'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(staging.out / "late.txt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        refused(store, staging, rf"late\.txt' \(open in process {child.pid}\)")
        child.communicate()
    assert store.commit(staging).fresh


@pytest.fixture
def mount():
    """Mounts things, where we may, until the test ends."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount")
    mounted = []

    def mount(*arguments):
        done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr}")
        mounted.append(str(arguments[-1]))

    yield mount
    for place in reversed(mounted):
        subprocess.run(["umount", place], check=True)


def test_S4_another_device_below_the_output_is_refused_and_never_emptied(store, mount):
    staging = store.begin(CONFIG, NOWHERE)
    (staging.out / "m").mkdir()
    mount("-t", "tmpfs", "tmpfs", staging.out / "m")
    (staging.out / "m" / "theirs").touch()
    refused(store, staging, r"m: a mount")
    with pytest.raises(OSError, match="something is mounted there"):
        tree.remove(staging.path)
    assert (staging.out / "m" / "theirs").exists()


def test_S4_a_folder_of_the_same_device_that_is_mounted_below_the_output_is_refused(
    store, mount, tmp_path
):
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data" / "theirs").touch()
    staging = store.begin(CONFIG, NOWHERE)
    (staging.out / "a b").mkdir()
    mount("--bind", tmp_path / "my data", staging.out / "a b")
    refused(store, staging, r"a b: a mount")
    with pytest.raises(OSError, match="something is mounted there"):
        tree.remove(staging.path)
    assert (tmp_path / "my data" / "theirs").exists()


def test_S4_a_mount_is_found_where_the_store_is_known_by_a_link(mount, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "place" / "out" / "m").mkdir(parents=True)
    (tmp_path / "link").symlink_to("place")
    mount("--bind", tmp_path / "theirs", tmp_path / "place" / "out" / "m")
    with pytest.raises(UnkeepableOutput, match="m: a mount"):
        keepable.check(tmp_path / "link" / "out")


def test_S4_files_of_an_overlay_have_other_devices_than_its_folders_and_are_kept(mount, tmp_path):
    for name in ("lower", "merged", "top"):
        (tmp_path / name).mkdir()
    mount("-t", "tmpfs", "tmpfs", tmp_path / "top")  # layers on two devices
    for name in ("upper", "work"):
        (tmp_path / "top" / name).mkdir()
    top = tmp_path / "top"
    layers = f"lowerdir={tmp_path}/lower,upperdir={top}/upper,workdir={top}/work,xino=off"
    mount("-t", "overlay", "overlay", "-o", layers, tmp_path / "merged")
    out = tmp_path / "merged" / "out"
    out.mkdir()
    (out / "file").write_text("x")
    if (out / "file").stat().st_dev == out.stat().st_dev:
        pytest.skip("this system gives them one device")
    assert keepable.check(out) == ({}, 1)
