"""A disk that is full when the training is over: nothing of it is lost (S6)."""

import errno
import subprocess
from pathlib import Path

import oracle
import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store.gc import collect


@pytest.fixture
def small(tmp_path: Path):
    """A file system of one mebibyte."""
    mount = tmp_path / "mount"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is refused")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)  # its session is open still


def fill(b: ps.Build) -> None:
    """Leaves not a byte for the commit."""
    (b.outpath / "weights.bin").write_bytes(b"w" * 100_000)
    with (b.outpath.parents[3] / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while ballast.write(b"b" * size):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def test_S6_a_commit_refused_by_a_full_disk_can_be_tried_again(small):
    store = ps.Store(small / "store")
    target = Derivation({"name": "long"}, match_latest(), fill)
    with pytest.raises(OSError) as caught:
        ps.realize(target, store=store)
    assert caught.value.errno == errno.ENOSPC
    (note,) = [n for n in caught.value.__notes__ if "is kept in" in n]
    (small / "ballast").unlink()
    rref = ps.commit(note.rpartition(" ")[2], store=store)
    assert (store.path(rref) / "weights.bin").stat().st_size == 100_000
    assert ps.realize(target, store=store) == rref
    collect(store, [rref], dry_run=False)
    assert oracle.unsound(small / "store") == []
    figure("disk full at the commit, then freed", "commit(staging) loses nothing", "committed")
