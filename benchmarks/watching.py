"""Watching: what it costs a call that has nothing to build, and a realizer that tells a lot."""

import os
from collections.abc import Iterator
from pathlib import Path

from measure import Row, Sizes, code, rounds, told

CALLS = 100_000
WARM = """
import json, sys, time
from pystore import Store, build_wrapper, instantiate, match_latest, mkdrv, realize, watching

def chain(m):
    last = None
    for number in range({n}):
        config = {{"name": "link", "number": number, "last": last}}
        last = mkdrv(m, config, match_latest(), build_wrapper(lambda b: None))
    return last

def least(mode):
    took = []
    for _ in range(9):
        start = time.process_time()
        with watching(mode):
            realize(closure, store=store)
        took.append(time.process_time() - start)
    return min(took)

store = Store({root!r}, durable=False)
closure = instantiate(chain, store=store)
realize(closure, store=store, progress=False)
print(json.dumps({{"above": 1e3 * (least("bars") - least("none")), "rich": "rich" in sys.modules}}))
"""
TELLING = """
import json, time
from pystore import Store, build_progress, build_wrapper, match_latest, mkdrv, realize, watching

def tell(b):
    start = time.process_time()
    for number in range({calls}):
        build_progress(b, number, {calls}, "steps")
    print(json.dumps({{"each": 1e6 * (time.process_time() - start) / {calls}}}))

def model(m):
    return mkdrv(m, {{"name": "model"}}, match_latest(), build_wrapper(tell))

with watching("lines", open("/dev/null", "w")):
    realize(model, store=Store({root!r}, durable=False))
"""


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures."""
    n = sizes.stages
    warm = WARM.format(n=n, root=str(area / "watching"))
    (costs,) = rounds(sizes.runs, lambda: code(warm))
    above = told(costs, "above")
    silent = not any(cost.told["rich"] for cost in costs)
    yield Row(
        f"watching a chain of {n:,} with nothing to do: CPU ms above not watching",
        f"{above:.1f}",
        "",
        "<= 5, and no rich",
        above <= 5 and silent,
    )

    def telling() -> str:
        root = area / f"telling-{os.urandom(4).hex()}"
        return TELLING.format(calls=CALLS, root=str(root))

    (costs,) = rounds(sizes.runs, lambda: code(telling()))
    each = told(costs, "each")
    yield Row("build_progress: CPU µs a call", f"{each:.2f}", "", "<= 10", each <= 10)
