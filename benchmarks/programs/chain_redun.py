"""The chain with redun: `chain_redun.py FOLDER STAGES`."""

import logging
import sys
from pathlib import Path
from typing import Any

import telling
from redun import Scheduler, task
from redun.config import Config


@task(namespace="chain")  # type: ignore[untyped-decorator]  # redun's own types do not say
def link(number: int, before: int) -> int:
    """One stage."""
    return number


sys.setrecursionlimit(100_000)  # it goes through the chain by recursion
logging.getLogger("redun").setLevel(logging.ERROR)
Path(sys.argv[1]).mkdir(exist_ok=True)
database = f"sqlite:///{sys.argv[1]}/redun.db"
scheduler = Scheduler(config=Config({"backend": {"db_uri": database}}))
scheduler.load()
value: Any = -1
for number in range(int(sys.argv[2])):
    value = link(number, value)
scheduler.run(value)
telling.tell(peak=telling.peak())
