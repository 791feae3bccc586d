"""A follower with nothing to do: `idle_follower.py STORE DERIVATIONS LOOKS EVERY`.

Tells the median CPU time of a look [ms], and how many files were opened meanwhile.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import telling

from pystore import Store, follow, match_latest, output, realize, stage

opened: list[Any] = []


@stage
def small(number: int, out: Path = output("out.txt")) -> None:
    """A file."""
    out.write_text(f"{number}\n")


store, looks, every = Store(sys.argv[1], durable=False), int(sys.argv[3]), float(sys.argv[4])
realize([small(number) for number in range(int(sys.argv[2]))], store=store, progress=False)
with follow(small, match_latest(), store=store) as follower:
    for _ in range(4):  # what was written a moment ago is read again until its tick is over
        first = follower.look()
        time.sleep(every)
    sys.addaudithook(lambda name, what: opened.append(what) if name == "open" else None)
    took = []
    for _ in range(looks):
        time.sleep(every)
        start = time.process_time()
        assert follower.look() == first
        took.append(time.process_time() - start)
    telling.tell(each=1e3 * statistics.median(took), opened=len(opened))
