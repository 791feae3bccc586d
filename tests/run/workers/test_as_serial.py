"""Results, their order, their seeds and their references are those of a serial run."""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import deeds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pystore import (
    Derivation,
    Store,
    Workers,
    build_outpath,
    match_best,
    match_latest,
    match_some,
    realize_many,
)

MATCHERS = (match_latest(), match_some(2), match_best("n.txt", of=3))


@dataclass(frozen=True)
class Node:
    """A stage of a graph: which earlier ones it needs, and its matcher."""

    inputs: frozenset[int]
    matcher: int


@st.composite
def graphs(draw) -> list[Node]:
    count = draw(st.integers(1, 6))
    matcher = st.integers(0, len(MATCHERS) - 1)
    return [
        Node(draw(st.frozensets(st.integers(0, n - 1), max_size=2)) if n else frozenset(), m)
        for n, m in enumerate(draw(st.lists(matcher, min_size=count, max_size=count)))
    ]


def declared(graph: list[Node]) -> list[Derivation]:
    made: list[Derivation] = []
    for n, node in enumerate(graph):
        config = {"name": f"stage-{n}", "inputs": [[made[i], "n.txt"] for i in sorted(node.inputs)]}
        made.append(Derivation(config, MATCHERS[node.matcher], deeds.seeded))
    return made


@pytest.fixture(scope="module")
def executors():
    with Workers(2) as ours, ProcessPoolExecutor(2, get_context("spawn")) as theirs:
        yield [ours, theirs]


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(1, 3))
def test_a_graph_comes_out_as_it_does_one_at_a_time(executors, graph, count):
    outcomes = []
    for options in [{}, *({"executor": executor} for executor in executors)]:
        with TemporaryDirectory() as folder:
            store = Store(Path(folder) / "store", durable=False)
            targets = declared(graph)
            chosen = realize_many(targets, attempts=count, store=store, **options)
            told = {
                target.dref: [(a.number, a.seed, a.rref, a.outcome) for a in found]
                for target in targets
                if (found := store.attempts(target.dref))
            }
            outcomes.append((chosen, told))
            store.destroy()
    assert outcomes[0] == outcomes[1] == outcomes[2]


@dataclass(frozen=True)
class Says:
    """A realizer that is equal to others that write something else."""

    what: object

    def __call__(self, b) -> None:
        (build_outpath(b) / "said").write_text(repr(self.what))


ALIKE = (1, 1.0, True, 0.0, -0.0)


def all_said(store, targets) -> list[str]:
    found = realize_many(targets, store=store, workers=1)
    return [(store.path(rref) / "said").read_text() for (rref,) in found]


def test_realizers_that_are_equal_and_not_the_same_are_told_apart(store):
    made = [
        Derivation({"name": f"says-{n}"}, match_latest(), Says(value))
        for n, value in enumerate(ALIKE)
    ]
    assert all_said(store, made) == [repr(value) for value in ALIKE]


def test_ignored_parameters_that_are_equal_and_not_the_same_are_told_apart(store):
    made = [deeds.says(n, how=value) for n, value in enumerate(ALIKE)]
    assert all_said(store, made) == [repr(value) for value in ALIKE]


FLAGS = """
import sys
from pystore import Store, output, realize, stage

@stage
def flags(said=output("said")):
    said.write_text(repr((__debug__, sys.flags, sys.warnoptions, sys._xoptions)))

store = Store(sys.argv[1], durable=False)
for options in ({}, {"workers": 1}):
    print((store.path(realize(flags(), store=store, **options)) / "said").read_text())
    store.remove(realize(flags(), store=store, build=False))
"""


def test_a_worker_is_started_with_the_flags_of_its_interpreter(tmp_path):
    given = ["-P", "-O", "-W", "error::UnicodeWarning", "-X", "utf8"]
    command = [sys.executable, *given, "-c", FLAGS, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here, there = done.stdout.splitlines()
    assert "optimize=1" in here
    assert here == there
