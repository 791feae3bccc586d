"""Builders, readers and gc together (S9): nothing that lives is removed, and no read fails."""

import itertools
import multiprocessing
import os
import random
import time

import pytest
from extent import LONG
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store.current import current_store

SECONDS = float(os.environ.get("PYSTORE_TEST_SECONDS", "60" if LONG else "30"))

pytestmark = pytest.mark.alone


def write(b):
    (b.outpath / "x.txt").write_text(f"{b.seed}\n" * 100)


def work(role: str, root: str, seed: int, until: float) -> tuple[str, int, list[str]]:
    """One short-lived process: what it uses is in use until it ends. Says what went wrong."""
    rng, errors, done = random.Random(seed), [], 0
    with ps.Store(root, durable=False).use():
        for _ in range(20 if role != "collect" else 1):
            try:
                done += STEP[role](rng)
            except Exception as error:
                errors.append(f"{role}: {type(error).__name__}: {error}")
            if time.monotonic() > until:
                break
    return role, done, errors


def build(rng: random.Random) -> int:
    inner = Derivation({"name": "inner", "i": rng.randrange(8)}, match_latest(), write)
    outer = Derivation({"name": "outer", "inner": inner}, match_latest(), write)
    rref = ps.realize(outer, force_rebuild=rng.random() < 0.3)
    for made in (rref, *ps.deps_of(rref)):
        lines = (ps.rref2path(made) / "x.txt").read_text().splitlines()
        if len(lines) != 100:
            raise AssertionError(f"{made} was read torn")
    return 1


def read(rng: random.Random) -> int:
    """Uses what is there, if it can be held: from then on it must stay."""
    store = current_store()
    count = 0
    for dref in store.drefs():
        for rref in store.realizations(dref):
            if store.hold((rref,)):
                folder = store.path(rref)
                for _ in range(3):
                    (folder / "x.txt").read_text()
                    (folder.parent / "manifest.json").read_text()
                count += 1
    return count


def collect(rng: random.Random) -> int:
    return len(ps.gc((), dry_run=False).realizations)


STEP = {"build": build, "read": read, "collect": collect}


def test_S9_builders_readers_and_gc_together(tmp_path):
    root = tmp_path / "store"
    ps.Store(root, durable=False)
    until = time.monotonic() + SECONDS
    roles = ["build", "build", "build", "read", "read", "collect", "collect"]
    reports = []
    with multiprocessing.get_context("fork").Pool(len(roles), maxtasksperchild=1) as pool:
        for seed in itertools.count():
            if time.monotonic() > until:
                break
            waves = [(role, str(root), seed * 10 + i, until) for i, role in enumerate(roles)]
            reports += pool.starmap(work, waves, chunksize=1)
    errors = [error for _, _, found in reports for error in found]
    assert errors == []
    done = {role: sum(n for r, n, _ in reports if r == role) for role in STEP}
    assert all(done.values()), done
    with ps.Store(root, durable=False).use():
        assert ps.verify().sound
        ps.gc((), dry_run=False)
    assert os.listdir(root / "tmp") == []
    figure(
        f"{SECONDS:.0f} s of builders, readers and gc together",
        "0 live paths removed, 0 read errors",
        f"{done['build']} builds, {done['read']} reads, {done['collect']} collected: 0, 0",
    )
