"""A graph whose stages are all built, written file by file: `make_graph.py STORE WIDE DEEP`."""

import sys
from pathlib import Path

import telling
from graph import graph
from written import realization

from pystore import Attempt, Context, Derivation, DRef, RRef, Store, instantiate
from pystore.core.attempt import attempt_text
from pystore.core.digest import seed_of
from pystore.declare.identity.by_hand import source_digest
from pystore.store.layout import Layout

START, SECOND = 1_700_000_000_000_000_000, 10**9


def made(layout: Layout, one: Derivation, context: Context, start: int) -> RRef:
    """A realization of a stage, with the record of its attempt."""
    text = str(one.config.value["place"]).encode()
    rref, tree = realization(layout, one.config, context, {"place.txt": text})
    record = Attempt(
        id=f"{start:032x}", dref=one.dref, context=context.digest, number=0,
        outcome="succeeded", rref=rref, error=None, seed=seed_of(one.dref, context.digest, 0, ""),
        start=start, stop=start + SECOND, host="gpu1", pid=4711, realizer=one.realizer.name,
        source=source_digest(one.realizer), versions={"pystore": "0.1.0"}, metrics={}, notes={},
        tree=tree, reads={},
    )  # fmt: skip
    path = f"{layout.attempts(one.dref)}/{context.digest}.0.json"
    Path(path).write_bytes(attempt_text(record))
    return rref


store = Store(sys.argv[1], durable=False)
closure = instantiate(graph, int(sys.argv[2]), int(sys.argv[3]), store=store)
chosen: dict[DRef, tuple[RRef, ...]] = {}
for number, (dref, one) in enumerate(closure.by_dref.items()):
    context = Context({need: chosen[need] for need in one.config.inputs})
    chosen[dref] = (made(store.parts.layout, one, context, START + number * SECOND),)
telling.tell(stages=len(chosen))
