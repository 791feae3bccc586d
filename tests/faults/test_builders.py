"""Builders that want the same things at once: one builds, the others wait and reuse (S5)."""

import tempfile
from collections import Counter
from pathlib import Path

import builders
import pytest
from extent import LONG
from figures import figure

import pystore as ps

pytestmark = pytest.mark.alone

SEEDS = range(5)
TALLY: Counter[str] = Counter()


@pytest.fixture
def place(area: Path):
    """A folder with a store to be and a log."""
    folder = Path(tempfile.mkdtemp(dir=area))
    (folder / "log").mkdir()
    yield folder
    ps.Store(folder / "store").destroy()


def race(place: Path, number: int, count: int, seeds, mutant: str = ""):
    """Who was built how often, and what went wrong; each builder goes in the order of its seed."""
    root, log = place / "store", place / "log"

    def work(index: int) -> None:
        builders.build_all(root, log, count, seeds(index))

    codes = builders.in_processes(number, work, mutant)
    failed = [f"process {i} ended with {code}" for i, code in enumerate(codes) if code]
    return builders.builds(log), failed + builders.problems(root, log)


@pytest.mark.parametrize("seed", SEEDS)
def test_S5_each_of_50_derivations_is_built_once_by_32_processes(place, seed):
    made, problems = race(place, 32, 50, lambda index: 100 * seed + index)
    assert problems == []
    assert set(made.values()) == {1}
    assert len(made) == 50
    TALLY["once"] += 1
    if seed == SEEDS[-1]:
        figure("32 processes, 50 derivations, 5 seeds", "each built exactly once",
               f"{TALLY['once'] * 50} of {len(SEEDS) * 50} built once")  # fmt: skip


def test_S5_each_of_50_derivations_is_built_once_by_16_threads(place):
    root, log = place / "store", place / "log"
    assert builders.in_threads(16, lambda i: builders.build_all(root, log, 50, i)) == []
    assert builders.problems(root, log) == []
    assert set(builders.builds(log).values()) == {1}
    figure("16 threads, 50 derivations", "each built exactly once", "50 of 50 built once")


def rounds(place: Path, mutant: str):
    """Races with a planted bug, in one fresh store after the other: a race may be lost."""
    for number in range(10):
        folder = place / str(number)
        (folder / "log").mkdir(parents=True)
        yield race(folder, 32 if LONG else 16, 50, lambda index: 0, mutant)
        ps.Store(folder / "store").destroy()


def test_S5_without_locks_work_is_done_twice_and_nothing_is_corrupt(place):
    extra = 0
    for made, problems in rounds(place, "no lock"):
        assert problems == []
        extra += sum(made.values()) - len(made)
        if extra:
            break
    assert extra > 0  # or the test proves nothing
    figure("the same with locks disabled", "extra builds, 0 corrupt", f"{extra} extra, 0 corrupt")


def test_numbers_claimed_without_o_excl_are_found(place):
    found = (problems for _, problems in rounds(place, "numbers claimed without O_EXCL"))
    assert any("recorded" in text for problems in found for text in problems)
