"""Candidates are those of the disk, whatever was there in an earlier call of the process."""

import os
import random
import time
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_best, match_latest
from pystore.store import candidates, records, tree, verdicts

MANY = 40
READS = [(), ("x.txt",), ("x.txt", "y.txt")]
DAY = 24 * 3600 * 10**9  # [ns]


def write(b):
    value = b.seed % 50
    (b.outpath / "x.txt").write_text(f"{value}\n" if value % 5 else f"not {value}\n")
    if value % 2:
        (b.outpath / "y.txt").write_text(f"{-value}\n")


STAGE = Derivation({"name": "x"}, match_latest(), write)


def build(store, rng):
    ps.realize(STAGE, store=store, force_rebuild=True)


def rewrite(store, rng):
    """Another text in a file whose number no record has: it is read each time."""
    texts = [
        Path(store.path(one.rref)) / "x.txt"
        for one in store.all_candidates(STAGE.dref)
        if not one.gone and "x.txt" not in one.latest.metrics
    ]
    path = rng.choice(texts)
    path.chmod(0o644)
    path.write_text(f"{rng.random()}\n")


def reject(store, rng):
    ps.reject(some(store, rng), "a leak", store=store)


def let_in(store, rng):
    for rref in sorted(store.rejected(STAGE.dref))[:1]:
        verdicts.lift(store.parts.layout.attempts(STAGE.dref), rref, "rejected")


def remove(store, rng):
    tree.remove(Path(store.parts.layout.realization(some(store, rng))))


def hide(store, rng):
    """A link to the realization in its own place, which is not one."""
    home = Path(store.parts.layout.realization(some(store, rng)))
    aside = home.with_name("aside" + home.name)
    home.rename(aside)
    home.symlink_to(aside)


def mark(store, rng):
    facts = {"what": ["its bytes have changed"], "at": 0}
    folder, tmp = store.parts.layout.attempts(STAGE.dref), store.parts.tmp
    verdicts.put(folder, some(store, rng), "damaged", facts, tmp)


def forget(store, rng):
    """A record goes away."""
    folder = store.parts.layout.attempts(STAGE.dref)
    loose = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    if loose:
        os.unlink(f"{folder}/{rng.choice(loose)}")


def compact(store, rng):
    ps.compact(ps.Store(store.root, durable=False, clock=lambda: time.time_ns() + 2 * DAY))


STEPS = [build, rewrite, reject, let_in, remove, hide, mark, forget, compact]


def some(store, rng):
    here = [one.rref for one in store.all_candidates(STAGE.dref) if not one.gone]
    return rng.choice(sorted(here))


def forget_all():
    """As in a fresh process."""
    candidates._known.clear()
    records._known.clear()


def offered(store, reads):
    found = store.all_candidates(STAGE.dref, reads)
    assert len({one.rref for one in found}) == len(found)
    return {one.rref: one for one in found}


@pytest.fixture
def filled(store):
    for _ in range(MANY):
        build(store, None)
    assert len(offered(store, ())) >= 20
    return store


@pytest.mark.parametrize("seed", range(6))
def test_CD1_candidates_are_those_that_a_fresh_process_finds(filled, seed, monkeypatch):
    monkeypatch.setattr(candidates, "_MANY", 4)
    rng = random.Random(seed)
    steps = rng.choices(STEPS, k=12) + rng.sample(STEPS, k=len(STEPS))
    best = match_best("x.txt", 3, rng.choice(["min", "max"]))
    for step in steps:
        step(filled, rng)
        found = [offered(filled, reads) for reads in READS]
        chosen = best.select(found[1].values())
        forget_all()
        assert found == [offered(filled, reads) for reads in READS]
        assert chosen == best.select(offered(filled, best.reads).values())


def test_CD1_what_is_asked_a_second_time_is_not_made_again(filled, monkeypatch):
    monkeypatch.setattr(candidates, "_MANY", 4)
    first, second = (offered(filled, ("x.txt",)) for _ in range(2))
    assert first == second
    same = [rref for rref, one in first.items() if second[rref] is one]
    assert same == [rref for rref, one in first.items() if "x.txt" in one.latest.metrics]


def test_CD1_candidates_of_few_derivations_are_kept(store, monkeypatch):
    monkeypatch.setattr(candidates, "_MANY", 1)
    candidates._known.clear()
    for number in range(2 * candidates._MOST):
        stage = Derivation({"name": f"x{number}"}, match_latest(), write)
        ps.realize(stage)
        assert len(store.all_candidates(stage.dref)) == 1
    assert len(candidates._known) == candidates._MOST
