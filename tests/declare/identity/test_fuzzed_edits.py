"""Edits of generated programs: which give a stage another name, and which keep it.

A program is a way in which code or a value reaches a stage, held two deep by what may hold it (see
`fuzzing`). `PYSTORE_TEST_LONG=1` tries many more, as `make faults-long` does.
`PYSTORE_TEST_PYTHONS=PATH:PATH` lets other Pythons name the programs too. The table, way by way:
`python -m fuzzing`, in this folder.
"""

import os
from collections import Counter, defaultdict
from random import Random

import pytest
from fuzzing import plants
from fuzzing.program import Program
from fuzzing.table import figures, table
from fuzzing.trial import (
    CARRIERS,
    LEAVES,
    Extent,
    Servers,
    Trial,
    Verdict,
    fuzz,
    is_there,
    judge,
    plan,
    programs,
)

LONG = bool(os.environ.get("PYSTORE_TEST_LONG"))
SEED = int(os.environ.get("PYSTORE_TEST_SEED", "1"))
PYTHONS = [p for p in os.environ.get("PYSTORE_TEST_PYTHONS", "").split(os.pathsep) if p]
PROGRAMS = 2200 if LONG else 150
BUILT = 60 if LONG else 12
PLANTED = 24 if LONG else 12

pytestmark = pytest.mark.timeout(3600 if LONG else 600)


def trials(count: int, extent: Extent, seed: int = SEED) -> list[Trial]:
    random = Random(seed)
    return [plan(p, n, random, extent) for n, p in enumerate(programs(count, random))]


def of_plant(name: str) -> list[Trial]:
    """The trials that must find a fault on purpose."""
    if name not in plants.LEAF:
        return trials(PLANTED, Extent(idle=3, plant=name), seed=3)
    extent = Extent(idle=0, plant=name)
    leaves = [leaf for leaf in LEAVES if leaf.name == plants.LEAF[name]]
    return [plan(Program(leaf, (), leaf.values[0]), 0, Random(SEED), extent) for leaf in leaves]


def assert_none(verdicts: list[Verdict], kind: str) -> None:
    """Fails if there are verdicts of this kind, and tells a few of them whole."""
    found = [v for v in verdicts if v.kind == kind]
    few = "\n\n".join(f"{v.kind} by {v.edit!r}: {v.text}" for v in found[:5])
    assert not found, f"{len(found)} {kind}\n{few}\n{table(found)}"


@pytest.fixture(scope="module")
def verdicts():
    """What became of the edits of all programs."""
    extent = Extent(idle=1, servers=2 + len(PYTHONS))
    built = trials(BUILT, Extent(idle=0, build=True), seed=SEED + 1)
    return fuzz([*trials(PROGRAMS, extent), *built], PYTHONS)


@pytest.fixture(scope="module")
def planted():
    """What became of the edits with a fault in what names a stage, by the fault."""
    chosen = [(name, trial) for name in plants.PLANTS for trial in of_plant(name)]
    found = defaultdict(set)
    Servers().run([trial for _, trial in chosen])
    for name, trial in chosen:
        found[name] |= {verdict.kind for verdict in judge(trial)}
    return found


def test_there_are_ways_enough():
    assert len(LEAVES) >= 40
    assert len(CARRIERS) >= 40
    assert len({way.name for way in (*LEAVES, *CARRIERS)}) == len(LEAVES) + len(CARRIERS)  # type: ignore[attr-defined]  # a leaf or a carrier


def test_an_edit_that_changes_what_is_written_changes_the_name(verdicts):
    assert_none(verdicts, "stale")
    assert figures(verdicts)["edits"] >= PROGRAMS


def test_an_edit_without_a_meaning_keeps_the_name(verdicts):
    assert_none(verdicts, "rebuilt")
    assert figures(verdicts)["idle"] >= PROGRAMS * 2 // 3


def test_a_warning_tells_what_counts_by_its_expression_and_where(verdicts):
    assert_none(verdicts, "unwarned")


def test_nothing_else_is_warned_of(verdicts):
    assert_none(verdicts, "overwarned")


def test_no_program_is_too_odd_to_be_named(verdicts):
    assert_none(verdicts, "failed")


def test_each_way_whose_package_is_there_is_tried():
    if not LONG:
        pytest.skip("runs with PYSTORE_TEST_LONG=1")
    tried = {way.name for p in programs(PROGRAMS, Random(SEED)) for way in p.ways}
    assert tried >= {way.name for way in (*LEAVES, *CARRIERS) if is_there(way)}  # type: ignore[arg-type, attr-defined]  # a leaf or a carrier


def test_a_store_says_after_each_edit_what_a_fresh_one_says(verdicts):
    built = [verdict for verdict in verdicts if verdict.edit.startswith("built")]
    assert_none(built, "stale")
    assert len(built) > BUILT


@pytest.mark.skipif(not PYTHONS, reason="runs with PYSTORE_TEST_PYTHONS=python3.12:python3.13")
def test_the_other_pythons_have_tried_programs(verdicts):
    left_out = Counter(v.kind for v in verdicts if not v.meaningful)["left out"]
    assert left_out < figures(verdicts)["idle"] // 2


@pytest.mark.parametrize("plant", plants.PLANTS)
def test_the_fuzzer_finds(plant, planted):
    assert plants.FOUND_AS[plant] in planted[plant]
