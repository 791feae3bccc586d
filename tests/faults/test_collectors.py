"""Several collectors beside removals and builds that fail: none stumbles over another (S3, S9)."""

import random
import time
from pathlib import Path

import builders
import oracle
import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import BuildError, InUse, NotInStore

pytestmark = pytest.mark.alone

SECONDS = 8.0


def fill(b: ps.Build) -> None:
    for number in range(10):
        (b.outpath / f"{number}.txt").write_text(f"{b.seed}\n")


def stumble(b: ps.Build) -> None:
    if b.seed % 2:
        (b.outpath / "part.txt").write_text("half a result")
    raise ValueError("it went wrong")


def build(store: ps.Store, rng: random.Random) -> None:
    one = Derivation({"name": "one", "i": rng.randrange(5)}, match_latest(), fill)
    ps.realize(one, store=store, force_rebuild=True)


def fail(store: ps.Store, rng: random.Random) -> None:
    with pytest.raises(BuildError):
        ps.realize(Derivation({"name": "bad"}, match_latest(), stumble), store=store)


def remove(store: ps.Store, rng: random.Random) -> None:
    found = [r for dref in store.drefs() for r in store.realizations(dref)]
    if found:
        try:
            ps.rmref(rng.choice(found), store=store)
        except (NotInStore, InUse):
            pass  # another was quicker, or uses it


def collect(store: ps.Store, rng: random.Random) -> None:
    ps.gc((), dry_run=False, store=store)


ROLES = [build, build, fail, fail, remove, remove, collect, collect]


def test_S9_collectors_beside_failures_and_removals(tmp_path: Path):
    root, log = tmp_path / "store", tmp_path / "log"
    log.mkdir()
    ps.Store(root, durable=False)
    end = time.monotonic() + SECONDS

    def work(index: int) -> None:
        rng = random.Random(index)
        while time.monotonic() < end:
            ROLES[index](ps.Store(root, durable=False), rng)
            builders.note(log, ROLES[index].__name__)

    codes = builders.in_processes(len(ROLES), work)
    assert codes == [0] * len(ROLES)
    ps.gc((), dry_run=False, store=ps.Store(root))
    assert oracle.unsound(root) + oracle.litter(root) == []
    done = builders.builds(log)
    figure(
        "collectors beside failing builds and removals",
        "no process stumbles",
        f"{done['collect']} collections, {done['remove']} calls of rmref, {done['fail']} failures",
    )
