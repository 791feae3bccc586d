"""The chain with doit: `chain_doit.py FOLDER STAGES`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import telling
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain

folder, length = Path(sys.argv[1]), int(sys.argv[2])


def write(number: int) -> None:
    """One stage."""
    (folder / f"{number}.txt").write_text(str(number))


def task_chain() -> Iterator[dict[str, Any]]:
    """The tasks."""
    for number in range(length):
        yield {
            "name": str(number),
            "actions": [(write, [number])],
            "targets": [str(folder / f"{number}.txt")],
            "file_dep": [str(folder / f"{number - 1}.txt")] if number else [],
            "uptodate": [True],
        }


folder.mkdir(exist_ok=True)
settings = {"dep_file": str(folder / "doit.db"), "outfile": os.devnull, "verbosity": 0}
assert DoitMain(ModuleTaskLoader({"task_chain": task_chain, "DOIT_CONFIG": settings})).run([]) == 0
telling.tell(peak=telling.peak())
