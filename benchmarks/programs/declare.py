"""Declares a chain of stages with @stage, and builds nothing: `declare.py NUMBER`."""

import sys
from typing import Any

import telling

from pystore import output, stage


@stage
def link(number: int, before: Any = None, out: Any = output("number.txt")) -> None:
    """Writes the number of the stage."""
    out.write_text(str(number))


last = link(0)
for number in range(1, int(sys.argv[1])):
    last = link(number, before=last)
telling.tell(last=last.dref)
