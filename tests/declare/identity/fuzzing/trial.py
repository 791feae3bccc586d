"""Trials: a program is run before and after edits, in fork servers, and judged by its names."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from . import idle
from .carriers import CARRIERS
from .classes import CLASSES
from .containers import CONTAINERS, EXTENDED
from .functions import FUNCTIONS
from .modules import MODULES
from .packages import PACKAGES
from .plain import PLAIN
from .program import Program
from .way import Leaf, Way

LEAVES: tuple[Leaf, ...] = (
    *PLAIN, *CONTAINERS, *EXTENDED, *CLASSES, *FUNCTIONS, *PACKAGES, *MODULES
)  # fmt: skip
HERE = Path(__file__).parent
PROJECT = HERE.parents[3]


def is_there(way: Way) -> bool:
    """Whether the packages that a way needs are installed."""
    return all(find_spec(package) for package in way.needs)


def missing() -> Counter[str]:
    """How many ways are left out for want of a package."""
    ways = (*LEAVES, *CARRIERS)
    return Counter(p for way in ways for p in way.needs if not find_spec(p))  # type: ignore[attr-defined]  # a leaf or a carrier


# --- programs ------------------------------------------------------------------------------


def programs(count: int, random: Random) -> Iterator[Program]:
    """Programs: each way alone or in turn comes first, then more, nested up to two deep."""
    leaves = [leaf for leaf in LEAVES if is_there(leaf)]
    carriers = [carrier for carrier in CARRIERS if is_there(carrier)]
    made = 0
    while made < count:
        random.shuffle(leaves)
        random.shuffle(carriers)
        for index, leaf in enumerate(leaves[: count - made]):
            depth = random.choice((0, 1, 2, 2))
            outer = carriers[index % len(carriers)]
            around = (random.choice(carriers), outer)[2 - depth :]
            program = Program(leaf, around, random.choice(leaf.values))
            if program.sensible:
                yield program
                made += 1


def alone() -> Iterator[Program]:
    """Each leaf by itself, and each carrier with a number and with a function in it."""
    leaves = [leaf for leaf in LEAVES if is_there(leaf)]
    yield from (Program(leaf, (), leaf.values[0]) for leaf in leaves)
    plain = [leaf for leaf in LEAVES if leaf.name in ("number", "body")]
    for carrier, leaf in product([carrier for carrier in CARRIERS if is_there(carrier)], plain):
        yield Program(leaf, (carrier,), leaf.values[0])


# --- runs ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One run of one program: what is asked of a server, and what it tells."""

    server: int
    order: dict[str, Any]


@dataclass
class Trial:
    """A program, the runs of it, and what must hold between them."""

    program: Program
    edits: list[tuple[str, Run]] = field(default_factory=list)  # with a meaning
    idle: list[tuple[str, Run]] = field(default_factory=list)
    stored: list[tuple[str, Run]] = field(default_factory=list)  # built, or not, in one store
    base: Run | None = None
    told: dict[int, dict[str, Any]] = field(default_factory=dict)  # by the id of the run


@dataclass(frozen=True)
class Extent:
    """What is done with each program, beside the edits of its leaf."""

    idle: int = 2  # edits without a meaning
    servers: int = 2
    plant: str = ""  # a fault on purpose
    build: bool = False  # whether each edit is built in one store, too


def plan(program: Program, number: int, random: Random, extent: Extent) -> Trial:
    """A trial: the program, each edit of its leaf, and some edits without a meaning."""
    source = program.source()
    home = number % 2

    def run(files: dict[str, str], server: int, folder: str, **more: Any) -> Run:
        return Run(server, {"files": files, "environ": source.environ, "folder": folder,
                            "as": "main", "plant": extent.plant, **more})  # fmt: skip

    folder = f"project-{number}"
    trial = Trial(program)
    trial.base = run(source.files, home, folder)
    values = [v for v in program.leaf.values if v != program.value]
    for value in values:
        edited = Program(program.leaf, program.carriers, value).source()
        order = {"environ": edited.environ}
        trial.edits.append((value, run(edited.files, home, folder, **order)))
    names = idle.possible(program.reads)
    for name in random.sample(names, min(extent.idle, len(names))):
        files = idle.apply(name, source.files, random)
        how = {
            "as": random.choice(("main", "main", "renamed", "__main__")),
            "used": not program.worn and random.random() < 0.3,
        }
        other = random.randrange(2 if "python" in program.reads else extent.servers)
        place = random.choice((folder, f"möved {number}/deeper"))
        trial.idle.append((name, run(files, other, place, **how)))
    if extent.build:
        for value, made in [(program.value, trial.base), *trial.edits]:
            order: dict[str, object] = {**made.order, "realize": True}
            trial.stored.append((value, Run(home, order)))
    return trial


class Servers:
    """Fork servers, each with another seed of hashes, the last with other Pythons."""

    def __init__(self, pythons: Iterable[str] = (), project: Path = PROJECT) -> None:
        self.project = project
        self.commands = [(sys.executable, seed) for seed in ("1", "2")]
        self.commands += [(python, "3") for python in pythons]
        self.packages = sorted({p for way in (*LEAVES, *CARRIERS) for p in way.needs})  # type: ignore[attr-defined]  # a leaf or a carrier

    def run(self, trials: list[Trial]) -> None:
        """Has all runs done; what they tell is put into the trials."""
        queues: dict[int, list[tuple[Trial, Run]]] = {n: [] for n in range(len(self.commands))}
        for trial in trials:
            runs = [run for _, run in (*trial.edits, *trial.idle, *trial.stored)]
            for run in [trial.base, *runs]:
                queues[run.server].append((trial, run))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._serve, queues, queues.values()))

    def _serve(self, number: int, queue: list[tuple[Trial, Run]]) -> None:
        if not queue:
            return
        python, seed = self.commands[number]
        known = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
        places = os.pathsep.join([str(HERE.parent), str(self.project), *known])
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": places,
                   "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # fmt: skip
        orders = "".join(json.dumps(run.order) + "\n" for _, run in queue)
        command = [python, "-m", "fuzzing.server", *self.packages]
        done = subprocess.run(
            command, input=orders, env=environ, cwd=HERE.parent, capture_output=True, text=True
        )
        lines = done.stdout.splitlines()
        if len(lines) != len(queue):
            raise RuntimeError(f"the server of {python} ended early: {done.stderr[-3000:]}")
        for (trial, run), line in zip(queue, lines, strict=True):
            trial.told[id(run)] = json.loads(line)


# --- verdicts ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What one run says: `kind` is ok, stale, rebuilt, unwarned, overwarned, failed or left out."""

    kind: str
    program: Program
    edit: str
    meaningful: bool
    text: str = ""


def judge(trial: Trial) -> Iterator[Verdict]:
    """The verdict on each edit of a trial, and on the warning of its program."""
    base = trial.told[id(trial.base)]
    program = trial.program
    if "error" in base:
        yield Verdict("failed", program, "", False, _story(trial, trial.base, base, base))
        return
    yield Verdict(_warned(program, base["warned"]), program, "warning", False,
                  _story(trial, trial.base, base, base))  # fmt: skip
    for edit, run in trial.edits:
        told = trial.told[id(run)]
        if "error" in told:
            kind = "failed"
        elif told["output"] == base["output"]:
            kind = "failed"  # the way does not show its edit
        else:
            kind = "stale" if told["dref"] == base["dref"] else "ok"
        yield Verdict(kind, program, edit, True, _story(trial, run, base, told))
    plain_runs = [trial.base, *(run for _, run in trial.edits)]
    for (value, run), plain in zip(trial.stored, plain_runs, strict=False):
        told, truth = trial.told[id(run)], trial.told[id(plain)]
        kind = "ok" if told.get("stored", "") == truth["output"] else "stale"
        yield Verdict(kind, program, f"built: {value}", True, _story(trial, run, truth, told))
    for edit, run in trial.idle:
        told = trial.told[id(run)]
        if "error" in told:
            kind = "left out" if told.get("missing") else "failed"
        else:
            kind = "ok" if told["dref"] == base["dref"] else "rebuilt"
        yield Verdict(kind, program, edit, False, _story(trial, run, base, told))


def _warned(program: Program, warned: list[str]) -> str:
    """Whether a warning that is due came, and names a place in the program."""
    due = program.warns
    named = any(re.search(r"\w+\.py:\d+", text) for text in warned)
    if due:
        return "ok" if named else "unwarned"
    return "overwarned" if warned and due is False else "ok"


def _story(trial: Trial, run: Run, base: dict[str, Any], told: dict[str, Any]) -> str:
    """All that is needed to see what went wrong."""
    before, after = trial.base.order["files"], run.order["files"]
    texts = [f"# --- {name}\n{text}" for name, text in before.items()]
    if after != before:
        new = {name: text for name, text in after.items() if before.get(name) != text}
        texts += [f"# --- {name}, edited\n{text}" for name, text in new.items()]
    how = {k: v for k, v in run.order.items() if k not in ("files", "plant")}
    return "\n".join(
        [trial.program.name, *texts, f"how: {how}", f"before: {base}", f"after: {told}"]
    )


def fuzz(
    trials: list[Trial], pythons: Iterable[str] = (), project: Path = PROJECT
) -> list[Verdict]:
    """The verdicts on these trials of the pystore in a folder."""
    Servers(pythons, project).run(trials)
    return [verdict for trial in trials for verdict in judge(trial)]
