"""Bit rot: every flipped bit and every structural damage is found, and nothing else (VE1)."""

import random
from pathlib import Path

from figures import figure

import pystore as ps
from pystore import Derivation, match_latest


def write(b):
    rng = random.Random(b.seed)
    for i in range(3):
        (b.outpath / f"d{i}").mkdir()
        (b.outpath / f"d{i}" / "x.bin").write_bytes(rng.randbytes(200))
    (b.outpath / "accuracy.txt").write_text("0.5\n")


def test_VE1_a_thousand_flipped_bits(store):
    inner = Derivation({"name": "inner"}, match_latest(), write)
    ps.realize(Derivation({"name": "outer", "inner": inner}, match_latest(), write))
    files = [p for p in store.parts.layout.drv.rglob("*") if p.is_file() and p.suffix != ".begin"]
    rng = random.Random(1)
    found = alarms = 0
    for _ in range(1000):
        file = rng.choice(files)
        before, mode = file.read_bytes(), file.stat().st_mode
        content = bytearray(before)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        _write(file, bytes(content), mode)
        found += not ps.verify().sound
        _write(file, before, mode)
        alarms += not ps.verify().sound
    assert (found, alarms) == (1000, 0)
    figure("verify: random single-bit flips", "1,000 of 1,000, 0 false alarms",
           f"{found} of 1000, {alarms} false alarms")  # fmt: skip


def _write(file: Path, content: bytes, mode: int) -> None:
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(mode)
