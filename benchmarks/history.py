"""A long history: what commands cost at 100,000 attempts with the index, and to make it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from measure import Cost, Row, Sizes, code, command, cpu, program, told

_DERIVATIONS = 1000
_CPU, _MEMORY = 0.3, 60.0  # [s], [MB] that a command may take
_TELLING = """
import json, os
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
{what}
memory = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
os.write(out, json.dumps({{"memory": int(memory.split()[1]) / 1024}}).encode())
"""
_BEST = """
import pystore
pystore.best("train", "accuracy.txt", store=pystore.Store({root!r}, durable=False))
"""
_RUN = """
from pystore.ui.cli.main import run
assert run(["--store", {root!r}, *{line!r}.split()]) == 0
"""
_LINES = ("log", "metrics train", "find --name model.h5", "ls")


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    root, derivations = str(area / "store"), min(_DERIVATIONS, sizes.realizations)
    os.environ["XDG_CACHE_HOME"] = str(area / "cache")
    (area / "cache").mkdir()
    program("make_history", root, derivations, sizes.equals)
    yield _within("index from nothing", [command("--store", root, "log")], 15.0,
                  f"{derivations * sizes.equals:,} attempts, ")  # fmt: skip
    runs = {f"pystore {line}": _RUN.format(root=root, line=line) for line in _LINES}
    runs["best()"] = _BEST.format(root=root)
    for text in runs.values():
        _measured(text)  # the first time, `find` reads all manifests
    for new in (False, True):
        for name, text in runs.items():
            costs = list(_costs(sizes.runs, text, root, new=new))
            yield _row(f"  {name}, {'one new attempt' if new else 'nothing new'}", costs)
    yield _within("  pystore gc (dry)", [command("--store", root, "gc")], 2.0)
    shutil.rmtree(area / "cache")
    (area / "cache").write_text("no folder: so there is no index")
    without = _measured(runs["pystore metrics train"])
    yield Row("  pystore metrics train without an index: CPU s", f"{without.cpu:.2f}")


def _costs(count: int, text: str, root: str, *, new: bool) -> Iterator[Cost]:
    for _ in range(count):
        if new:
            program("add_attempt", root)
        yield _measured(text)


def _measured(text: str) -> Cost:
    return code(_TELLING.format(what=text))


def _row(name: str, costs: list[Cost]) -> Row:
    used, memory = cpu(costs), told(costs, "memory")
    return Row(
        f"{name}: CPU s, MB",
        f"{used:.3f}, {memory:.0f}",
        "",
        f"<= {_CPU}, {_MEMORY:.0f}",
        used <= _CPU and memory <= _MEMORY,
    )


def _within(name: str, costs: list[Cost], most: float, before: str = "") -> Row:
    used = cpu(costs)
    return Row(f"{before}{name}: CPU s", f"{used:.2f}", "", f"<= {most:.0f}", used <= most)
