"""Where there can be no hard link, the file system shares the blocks of equal files."""

import errno
import os
import random
import subprocess
from pathlib import Path

import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store import in_use

LARGE = random.Random(1).randbytes(5_000_000)


@pytest.fixture
def xfs(tmp_path: Path, area: Path):
    """A file system with reflinks."""
    image, mount = area / "reflinks.img", tmp_path / "mount"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    mount.mkdir()
    try:
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        image.unlink()
        pytest.skip(f"no file system with reflinks can be mounted: {error}")
    yield mount
    for session in in_use.sessions():
        session.end()  # or it could not be unmounted
    subprocess.run(["umount", str(mount)], check=True)
    image.unlink()


def used(mount: Path) -> int:
    """The bytes that are taken."""
    os.sync()
    status = os.statvfs(mount)
    return (status.f_blocks - status.f_bfree) * status.f_bsize


def test_SF3_reflinks_serve_where_links_cannot_be(xfs, monkeypatch):
    link, sizes = os.link, []

    def refuse(source, target, **options):
        if "/links/" in os.fsdecode(source):
            raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", refuse)
    store = ps.Store(xfs / "store")
    for i in range(4):
        derivation = Derivation({"name": "d", "i": i}, match_latest(), _write)
        ps.realize(derivation, store=store)
        sizes.append(used(xfs))
    assert sizes[-1] - sizes[0] < len(LARGE)
    files = list(store.parts.layout.drv.rglob("data.bin"))
    assert {file.stat().st_nlink for file in files} <= {1, 2}
    assert ps.verify(store).sound
    figure("equal files where no more links can be, on xfs", "blocks are shared",
           f"4 files of 5 MB take {(sizes[-1] - sizes[0]) / 1e6:.1f} MB more than one")  # fmt: skip


def _write(b: ps.Build) -> None:
    (b.outpath / "data.bin").write_bytes(LARGE)
