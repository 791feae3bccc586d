"""The chain with mandala: `chain_mandala.py FOLDER STAGES`."""

import sys
from pathlib import Path
from typing import Any

import telling
from mandala.imports import Storage, op


@op
def link(number: int, before: int) -> int:
    """One stage."""
    return number


Path(sys.argv[1]).mkdir(exist_ok=True)
value: Any = -1
with Storage(db_path=f"{sys.argv[1]}/mandala.db"):
    for number in range(int(sys.argv[2])):
        value = link(number, value)
telling.tell(peak=telling.peak())
