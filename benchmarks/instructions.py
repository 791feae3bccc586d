"""Instructions of small programs, beside those of the last commit: `make bench-check`.

Callgrind counts the instructions of a whole process, which depend on Python and on the code, and
hardly on the machine or on its load. What bare Python takes depends on what is installed beside it,
so it is taken off before numbers are compared. The numbers are in `instructions.json`. A change
that is worth its cost changes them in the same commit, and says why:
`make bench-check WRITE=1 WHY="…"`.
"""

import argparse
import fcntl
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KNOWN = HERE / "instructions.json"
SLACK = 0.02  # of the known number
BARE = "bare Python"
_TICK = 0.5  # [s] after which no choice is taken for one of the same tick of the disk's clock
_BEFORE = 2  # runs that note what was chosen, after one that builds
AREA = Path(tempfile.gettempdir(), f"pystore-instructions-{os.getuid()}")  # paths of one length


@dataclass(frozen=True)
class Program:
    """A small program: the arguments of Python."""

    arguments: tuple[str, ...]
    prepared: bool = True  # whether it is run before, which makes its files
    runs: int = 1  # of which the median counts
    environment: tuple[tuple[str, str], ...] = ()


def _ours(name: str, *arguments: object, **options: Any) -> Program:
    path = str(HERE / "programs" / f"{name}.py")
    return Program((path, *map(str, arguments)), **options)


def _command(*arguments: str, **environment: str) -> Program:
    return Program(("-m", "pystore", *arguments), environment=tuple(environment.items()))


PROGRAMS: dict[str, Program] = {
    BARE: Program(("-c", "pass")),
    "import pystore": Program(("-c", "import pystore")),
    "from pystore import realize, stage": Program(("-c", "from pystore import realize, stage")),
    "pystore --help": _command("--help"),
    "pystore ls of a chain of 20": _command("--store", "chain-of-20", "ls"),
    "completion of a command": _command(
        _PYSTORE_COMPLETE="bash_complete", COMP_LINE="pystore l", COMP_WORD="l"
    ),
    "declare 200 stages": _ours("declare", 200),
    "chain of 200 stages, nothing to do": _ours("chain", "chain-of-200", 200, "sloppy"),
    "plan of 200 stages, nothing to do": _ours("graph", "graph-of-200", 20, 10, "plan"),
    "chain of 20 stages, built (not durable)": _ours(
        "chain", "chain-that-is-built", 20, "sloppy", prepared=False, runs=3
    ),
    "match_best among 100": _ours("choose_best", "best-of-100", 100),
    "digest of code with 200 helpers": _ours("digest_once", "helpers", 200),
    "digest of code with 200 helpers, new": _ours(
        "digest_once", "helpers", 200, environment=(("XDG_CACHE_HOME", os.devnull),)
    ),
    "verify of 100 realizations": _ours("verify_all", "many-of-100"),
}


def main() -> int:
    """Prints the table; 1 when a program takes more or fewer instructions than is known."""
    options = _options()
    if shutil.which("valgrind") is None:
        print("valgrind is not here: no instructions are counted (on Debian: apt-get install it)")
        return 0
    known = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    if not options.write and known.get("python") != here():
        print(f"the numbers are those of {known.get('python')}, and this is {here()}: not compared")
        return 0
    counted = count_all([BARE, *options.program] if options.program else list(PROGRAMS))
    before = known.get("instructions", {}) if known.get("python") == here() else {}
    strange = [name for name in counted if name != BARE and _differs(name, before, counted)]
    print(table(counted, before, strange))
    if options.write:
        return _write(known, before, counted, strange, options.why)
    for name in strange:
        print(f"{name}: more or fewer than {SLACK:.0%} around {before.get(name)} M", end=". ")
        print('If the change is worth it: make bench-check WRITE=1 WHY="…"')
    return int(bool(strange))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", nargs="*", choices=[*PROGRAMS, []], help="only these")
    parser.add_argument("--write", action="store_true", help="writes the numbers into the file")
    parser.add_argument("--why", default="", help="why they changed, in one line")
    return parser.parse_args()


def here() -> str:
    """The Python whose instructions are counted."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"


def count_all(names: list[str]) -> dict[str, float]:
    """The instructions of these programs, in millions. Waits while another process counts."""
    with Path(f"{AREA}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _count_all(names)


def _count_all(names: list[str]) -> dict[str, float]:
    _empty(AREA)
    try:
        graph = _ours("graph", "graph-of-200", 20, 10, "realize")
        for program in (_ours("chain", "chain-of-20", 20, "sloppy"), graph):
            _run(program)
        _run(_ours("many", "many-of-100", 100))
        time.sleep(_TICK)
        _run(graph)  # notes what was chosen
        return {name: _median(PROGRAMS[name]) for name in names}
    finally:
        _empty(AREA)
        AREA.rmdir()


def _median(program: Program) -> float:
    found = []
    for _ in range(program.runs):
        if program.prepared:
            _run(program)
            time.sleep(_TICK)
            for _ in range(_BEFORE):
                _run(program)
        else:
            _empty(AREA / program.arguments[1])
            (AREA / program.arguments[1]).rmdir()
        found.append(_counted(program))
    return round(statistics.median(found) / 1e6, 1)


def _counted(program: Program) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    told = _run(program, *valgrind).stderr
    found = re.search(r"Collected : ([0-9]+)", told)
    if found is None:
        raise SystemExit(f"callgrind has not told what it counted:\n{told}")
    return int(found[1])


def _run(program: Program, *before: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(AREA),
        "XDG_CACHE_HOME": str(AREA / "cache"),
        "PYSTORE_SETTINGS": os.devnull,
        "PYTHONPATH": str(HERE.parent),
        "PYTHONHASHSEED": "0",
        **dict(program.environment),
    }
    command = [*before, sys.executable, *program.arguments]
    return subprocess.run(
        command, env=environment, cwd=AREA, check=True, capture_output=True, text=True
    )


def _empty(folder: Path) -> None:
    """Makes sure that there is a folder, and nothing in it. Sealed folders can be removed, too."""
    if folder.exists():
        for path, _, _ in os.walk(folder):
            os.chmod(path, 0o700)  # as os.walk gives it
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)


def _differs(name: str, before: dict[str, float], counted: dict[str, float]) -> bool:
    """Whether a program takes more or fewer instructions above bare Python than is known."""
    if name not in before or BARE not in before:
        return True
    was, now = before[name] - before[BARE], counted[name] - counted[BARE]
    return abs(now - was) > SLACK * before[name]


def table(counted: dict[str, float], before: dict[str, float], strange: list[str]) -> str:
    """The numbers as aligned text, in millions and beside bare Python."""
    bare = counted[BARE]
    lines = [f"{'millions of instructions':42}{'now':>9}{'known':>9}{'change':>9}{'/ bare':>8}"]
    for name, now in counted.items():
        was = before.get(name)
        change = "new" if was is None else f"{now / was - 1:+.1%}"
        beside = f"{now / bare:.1f}"
        mark = "  <--" if name in strange else ""
        lines.append(f"{name:42}{now:9.1f}{was or 0:9.1f}{change:>9}{beside:>8}{mark}")
    return "\n".join(lines)


def _write(
    known: dict[str, Any],
    before: dict[str, float],
    counted: dict[str, float],
    strange: list[str],
    why: str,
) -> int:
    if strange and not why:
        print('say why they changed: make bench-check WRITE=1 WHY="…"')
        return 1
    # What changed too little to tell stays as it is, so that small steps add up.
    bare = before.get(BARE, counted[BARE])
    changed = {name: round(counted[name] + bare - counted[BARE], 1) for name in strange}
    reasons = {**known.get("why", {}), **dict.fromkeys(strange, why)}
    value = {"python": here(), "instructions": {BARE: bare, **before, **changed}, "why": reasons}
    KNOWN.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
