"""What workers can be sent: functions of scripts, of modules beside them, and of notebooks."""

import hashlib
import json
import linecache
import multiprocessing
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from project import importing

from pystore import Store, attempts, realize
from pystore.errors import BadStage
from pystore.stages import fetchlocal, mkfile, unpack

BESIDE = """
from pystore import stage, output

@stage
def prepared(n: int, out=output("n.txt")):
    out.write_text(str(n))
"""

SCRIPT = """
import functools, json, sys
from dataclasses import dataclass

import beside
from pystore import *
from pystore.stages import mkfile

print("loaded", file=sys.stderr)
SCALE = 3

@dataclass
class Scaler:
    by: int
    def __call__(self, n):
        return n * self.by

def helper(n):
    return Scaler(SCALE)(n)

@stage
def scaled(data=beside.prepared(2), out=output("n.txt")):
    out.write_text(str(helper(int(data.path.joinpath("n.txt").read_text()))))

class Trainer:
    def train(self, b):
        (build_outpath(b) / "n.txt").write_text(str(helper(1)))

def several(power, b):
    (build_outpath(b) / "n.txt").write_text(str(helper(2) ** power))

def targets(m):
    by_hand = [build_wrapper(lambda b: (build_outpath(b) / "n.txt").write_text("λ")),
               build_wrapper(Trainer().train), build_wrapper(functools.partial(several, 2))]
    made = [mkdrv(m, mkconfig({"name": f"hand-{n}"}), match_latest(), f)
            for n, f in enumerate(by_hand)]
    return [*made, m.add(scaled()), mkfile(m, name="text", contents="hello")]

options = json.loads(sys.argv[2])
with Store(sys.argv[1], durable=False).use() as store:
    found = realize(instantiate(targets), **options)
    told = [[r, a.source, a.notes, a.realizer] for r in found for a in attempts(r.dref)]
    print(json.dumps(told, sort_keys=True))
"""


def test_a_script_needs_no_guard_and_gives_what_it_gives_alone(tmp_path):
    """It is not imported again: what it defines travels, what lies beside it is imported."""
    (tmp_path / "beside.py").write_text(BESIDE)
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "elsewhere").mkdir()
    outputs = []
    for name, options in [("serial", {}), ("workers", {"workers": 2})]:
        command = [sys.executable, "../script.py", f"../{name}", json.dumps(options)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "elsewhere")
        assert done.stderr == "loaded\n"
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert any("code" in notes for _, _, notes, _ in outputs[0])


NAMED = """
import multiprocessing, pickle, sys
from pystore import Store, output, realize, stage

class Kept:
    number = 7

kept = Kept()

def square(n):
    return n * n

@stage
def pools(out=output("o")):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        out.write_text(str(pool.map(square, [1, 2, 3])))

@stage
def keeps(n, out=output("o")):
    out.write_bytes(pickle.dumps(kept))

@stage
def again(kept=keeps(1), out=output("o")):
    out.write_text(str(pickle.loads((kept.path / "o").read_bytes()).number + Kept.number))

targets = [pools(), keeps(2), again()]
if __name__ == "__main__":
    with Store(sys.argv[1], durable=False).use() as store:
        realize(targets, workers=1)
"""


@pytest.mark.parametrize("how", ["python", "pystore run"])
def test_what_a_script_defines_can_be_pickled_by_its_name(tmp_path, how):
    """By the pools of multiprocessing, too."""
    (tmp_path / "script.py").write_text(NAMED)
    store = tmp_path / "store"
    command = [sys.executable, "script.py", str(store)]
    if how != "python":
        Store(store, durable=False)
        run = ["-m", "pystore", "--store", str(store), "run", "-j", "1", "script.py:targets"]
        command = [sys.executable, *run]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.read_bytes()[:10] for path in store.glob("drv/*/*/out/o")} >= {
        b"[1, 4, 9]",
        b"14",
    }


POOLS = """
import functools, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from pystore import output, realize, stage, Store

OFFSET = 1

@functools.lru_cache
def factorial(n):
    return n * factorial(n - 1) if n else 1

class Box:
    def __init__(self, content):
        self.content = content

    @functools.cached_property
    def doubled(self):
        return 2 * self.content

def boxed(n):
    return Box(factorial(n) + OFFSET)

@stage
def pooled(how: str, out=output("o")):
    context = multiprocessing.get_context(how)
    with context.Pool(1) as pool, ProcessPoolExecutor(1, mp_context=context) as executor:
        found = [*pool.map(boxed, [2, 3]), *executor.map(boxed, [4])]
    assert all(type(box) is Box for box in found)
    out.write_text(str([box.doubled for box in found]))

if __name__ == "__main__":
    with Store(sys.argv[1], durable=False).use() as store:
        for how in ("spawn", "forkserver"):
            print((store.path(realize(pooled(how), workers=1, timeout=60)) / "o").read_text())
"""


def test_pools_that_start_anew_in_a_worker_get_what_the_script_defines(tmp_path):
    """Functions, classes and caches go there, and instances come back as what they were."""
    (tmp_path / "script.py").write_text(POOLS)
    command = [sys.executable, "script.py", str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=100)
    assert done.stdout.splitlines() == ["[6, 14, 50]"] * 2, done.stderr


def test_pools_in_a_worker_of_the_command_line_get_what_the_file_defines(tmp_path):
    (tmp_path / "script.py").write_text(POOLS)
    Store(tmp_path / "store", durable=False)
    run = ["-m", "pystore", "--store", str(tmp_path / "store"), "run", "-j1"]
    command = [sys.executable, *run, "script.py:pooled", "-p", "how=spawn"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=100)
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "store").glob("drv/*/*/out/o")
    assert made.read_text() == "[6, 14, 50]"


def test_cells_of_a_notebook_are_sent_with_what_they_use(store):
    names: dict = {"__name__": "__main__"}

    def cell(number, text):
        file = f"<ipython-input-{number}-{number:012x}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)

    cell(1, "from pystore import stage, output\nFACTOR = 2\n")
    cell(2, "def helper(n):\n    return n * FACTOR\n")
    cell(3, "@stage\ndef scaled(n, out=output('o')):\n    out.write_text(str(helper(n)))\n")
    first = realize(names["scaled"](4), workers=1)
    assert (store.path(first) / "o").read_text() == "8"
    (attempt,) = attempts(first.dref)
    assert attempt.notes["code"] == dict(names["scaled"].parts)
    assert set(attempt.notes["code"]) >= {"scaled", "helper", "FACTOR"}
    cell(4, "FACTOR = 5\n")
    second = realize(names["scaled"](4), workers=1)
    assert second.dref != first.dref
    assert (store.path(second) / "o").read_text() == "20"


UNGUARDED = """
from pystore import realize, stage, output

@stage
def one(out=output("o")):
    out.write_text("1")

realize(one(), workers=1)
"""


def test_a_module_that_realizes_while_it_is_imported_is_an_error_and_no_deadlock(
    store, tmp_path, monkeypatch
):
    (tmp_path / "unguarded.py").write_text(UNGUARDED)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadStage, match="import of a realizer's module"):
        import unguarded  # type: ignore[import-not-found]  # noqa: F401  # what it does on import is the test


CHILDREN = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from pystore import output, realize, stage

def double(n):
    return 2 * n

@stage
def pooled(kind: str, how: str, out=output("o")):
    context = multiprocessing.get_context(how)
    if kind == "pool":
        with context.Pool(1) as pool:
            found = pool.map(double, [1])
    else:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found = list(pool.map(double, [1]))
    out.write_text(str(found))

def main():
    made = pooled(*sys.argv[1:3])
    print(made.run(progress=False).out.read_text())
"""
GUARD = 'if __name__ == "__main__":\n    main()\n'


def _script(folder, text, *arguments):
    (folder / "script.py").write_text(text)
    return subprocess.run(
        [sys.executable, "script.py", *arguments],
        env={**importing(), "PYSTORE_ROOT": str(folder / "store")},
        capture_output=True, text=True, cwd=folder, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["pool", "executor"])
@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_a_pool_that_would_run_the_script_again_and_again_is_refused_at_once(tmp_path, kind, how):
    done = _script(tmp_path, f"{CHILDREN}\nmain()\n", kind, how)
    assert done.returncode != 0
    assert "the processes of this pool would run the whole script again" in done.stderr
    assert 'under if __name__ == "__main__":' in done.stderr


def test_a_pool_of_a_script_with_a_main_guard_works(tmp_path):
    done = _script(tmp_path, CHILDREN + GUARD, "pool", "spawn")
    assert done.stdout == "[2]\n", done.stderr


def test_a_child_that_imports_the_script_of_its_parent_does_not_realize(store, monkeypatch):
    """It would wait for its parent, which waits for the child."""
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(BadStage, match="while a process of multiprocessing imports the script"):
        realize(mkfile("text", "hello"))


def test_ready_made_stages_are_sent(store, tmp_path):
    (tmp_path / "a.txt").write_text("one")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.txt", "a.txt")
    packed = fetchlocal(path=str(tmp_path / "a.tar"), sha256=sha256(tmp_path / "a.tar"))
    unpacked = unpack([packed, "a.tar"])
    one, two = realize([unpacked, mkfile(name="b", contents="two")], workers=2)
    assert (store.path(one) / "a.txt").read_text() == "one"
    assert (store.path(two) / "b").read_text() == "two"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
