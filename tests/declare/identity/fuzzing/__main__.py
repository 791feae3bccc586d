"""Prints, way by way, what edits do to the name of a stage.

From the folder above this one: `python -m fuzzing [--programs 200] [--seed 1] [--idle 1]`;
`--stories` tells each failure whole, `--alone` takes each way by itself.
"""

import argparse
import os
import sys
from pathlib import Path
from random import Random

from .table import table
from .trial import CARRIERS, LEAVES, PROJECT, Extent, alone, fuzz, missing, plan, programs


def main() -> int:
    """Runs the fuzzer; returns 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--idle", type=int, default=2, help="edits without a meaning, of each")
    parser.add_argument("--plant", default="", help="a fault on purpose")
    parser.add_argument("--project", type=Path, default=PROJECT, help="whose pystore is tested")
    parser.add_argument("--alone", action="store_true", help="each way by itself")
    parser.add_argument("--stories", action="store_true", help="tell each failure whole")
    given = parser.parse_args()
    random = Random(given.seed)
    chosen = alone() if given.alone else programs(given.programs, random)
    pythons = [p for p in os.environ.get("PYSTORE_TEST_PYTHONS", "").split(os.pathsep) if p]
    extent = Extent(given.idle, 2 + len(pythons), given.plant)
    trials = [plan(program, number, random, extent) for number, program in enumerate(chosen)]
    print(f"{len(LEAVES)} leaves, {len(CARRIERS)} carriers; missing: {dict(missing())}")
    verdicts = fuzz(trials, pythons, given.project.resolve())
    wrong = [verdict for verdict in verdicts if verdict.kind not in ("ok", "left out")]
    if given.stories:
        for verdict in wrong:
            print(f"\n===== {verdict.kind} by {verdict.edit!r}: {verdict.text}")
    print(table(verdicts))
    return bool(wrong)


sys.exit(main())
