"""Stages: what a store holds of each."""

import subprocess
import sys
from pathlib import Path

import pytest
from project import importing

from pystore import Build, Derivation, Store, build_outpath, match_latest, pin, realize, rmref, tag
from pystore.ask.inspection.stages import list_stages
from pystore.errors import BadStage, BuildError


def _write(b: Build) -> None:
    (build_outpath(b) / "out.txt").write_text("12345")


def _fail(b: Build) -> None:
    raise ValueError


def stage(name: str, rate: int = 1) -> Derivation:
    config = {"name": name, "rate": rate}
    return Derivation(config, match_latest(), _fail if rate < 0 else _write)


@pytest.fixture
def filled(store: Store) -> Store:
    """Two stages; of the older one a realization is pinned, one is gone, and an attempt failed."""
    kept, gone = realize(stage("older")), realize(stage("older", 2))
    with pytest.raises(BuildError):
        realize(stage("older", -1))
    realize(stage("newer"))
    realize(stage("newer"), force_rebuild=True)
    pin(kept, "kept")
    tag(kept, "good")
    rmref(gone)
    return store


def test_each_stage_is_counted(filled: Store):
    older, newer = list_stages(filled)
    facts = (older.derivations, older.realizations, older.attempts, older.failed, older.size)
    assert facts == (3, 1, 3, 1, 5)
    assert (older.pins, older.tags) == (("kept",), ("good",))
    assert (newer.name, newer.attempts, newer.running) == ("newer", 2, 0)


def test_pinned_stages_come_first(filled: Store):
    assert [one.name for one in list_stages(filled)] == ["older", "newer"]


def test_with_conditions_what_fits_is_counted(filled: Store):
    (found,) = list_stages(filled, "rate=2")
    assert (found.name, found.derivations, found.attempts, found.realizations) == ("older", 1, 1, 0)
    assert list_stages(filled, "rate=9") == []
    with pytest.raises(BadStage):
        list_stages(filled, "depth=1")


def test_what_another_process_uses_comes_first_while_it_lives(store: Store, tmp_path: Path):
    realize(stage("older"))
    realize(stage("newer"))
    program = tmp_path / "program.py"
    program.write_text(HOLDING)
    holding = subprocess.Popen(
        [sys.executable, program, store.root, realize(stage("older"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=importing(),
    )
    assert holding.stdout is not None
    assert holding.stdout.readline() == "holding\n"
    first, second = list_stages(store)
    assert (first.name, second.used_by) == ("older", ())
    assert f"process {holding.pid}" in first.used_by[0]
    holding.communicate("\n")
    assert [(one.name, one.used_by) for one in list_stages(store)] == [("newer", ()), ("older", ())]


HOLDING = """
import sys
from pystore import Store, rref2path
store = Store(sys.argv[1], durable=False)
rref2path(sys.argv[2], store=store)
print("holding", flush=True)
sys.stdin.readline()
"""
