"""Reads that give less than they were asked for, and those that end too early (S1, V1)."""

import os
import random

import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import UnkeepableOutput
from pystore.store import disk

SIZES = (0, 1, 1000, 65_535, 65_536, 65_537, 300_000, 1 << 21)


def fill(b):
    for size in SIZES:
        (b.outpath / f"{size}.bin").write_bytes(random.Random(size).randbytes(size))
    (b.outpath / "metrics.json").write_text('{"loss": 0.5}')


STAGE = Derivation({"name": "x"}, match_latest(), fill)


class Reads:
    """Reads of artifacts by this process, which a test makes shorter."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.most = 1 << 30  # [bytes] that one read gives
        self.end = -1  # the number of the read that gives nothing
        self.count = 0
        self._read, self._readv = os.read, os.readv
        patched.setattr(os, "read", self.read)
        patched.setattr(os, "readv", self.readv)

    def _most(self, file: int) -> int:
        if "/out/" not in os.readlink(f"/proc/self/fd/{file}"):
            return 1 << 30
        self.count += 1
        return 0 if self.count - 1 == self.end else self.most

    def read(self, file: int, size: int) -> bytes:
        return self._read(file, min(size, self._most(file)))

    def readv(self, file: int, buffers: list[memoryview]) -> int:
        most = self._most(file)
        return self._readv(file, [buffers[0][:most]]) if most else 0


@pytest.mark.parametrize("most", [7, 1000, 65_535])
def test_S1_short_reads_are_no_ends(store, monkeypatch, most):
    whole = ps.realize(STAGE)
    if most < 1000:
        monkeypatch.setattr("test_short_reads.SIZES", SIZES[:4])
        whole = ps.realize(STAGE, force_rebuild=True)
    with monkeypatch.context() as patched:
        reads = Reads(patched)
        reads.most = most
        again = ps.realize(STAGE, force_rebuild=True)
        assert ps.verify().sound
        assert ps.attempts(STAGE.dref)[-1].metrics["loss"] == 0.5
    assert again == whole
    assert ps.verify().sound
    figure(f"reads of {most} bytes at most", "the same realization", f"{reads.count} reads")


def test_S1_a_file_that_seems_to_end_too_early_is_not_sealed_as_a_whole_one(store, monkeypatch):
    whole, tried, refused = ps.realize(STAGE), 0, 0
    while True:
        with monkeypatch.context() as patched:
            reads = Reads(patched)
            reads.end = tried
            try:
                assert ps.realize(STAGE, force_rebuild=True) == whole
            except (UnkeepableOutput, OSError) as error:
                assert "read" in str(error)
                refused += 1
            if reads.count <= tried:
                break  # no read was cut short any more
        tried += 1
    assert refused >= 5  # what is whole with the next read is read whole
    assert ps.lsref(STAGE.dref) == [whole]
    assert ps.verify().sound
    figure("a read that seems to be the end, at each", "refused, or the same", f"{tried} reads")


def test_S1_a_file_of_the_store_that_seems_to_end_too_early_is_an_error(store, monkeypatch):
    path = store.parts.layout.config(ps.realize(STAGE).dref)
    given = iter([b"{", b""])
    monkeypatch.setattr(os, "read", lambda file, size: next(given))
    with pytest.raises(OSError, match="1 bytes were read of"):
        disk.read(path)
