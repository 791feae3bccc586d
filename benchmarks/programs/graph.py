"""The graph: `graph.py STORE WIDE DEEP realize|plan`. A stage needs two of the layer before."""

import sys
import time

import telling

from pystore import (
    Build,
    DRef,
    Registry,
    Store,
    build_config,
    build_outpath,
    build_wrapper,
    instantiate,
    match_latest,
    mkconfig,
    mkdrv,
    plan,
    realize_many,
)


def build(b: Build) -> None:
    """Writes where the stage stands."""
    (build_outpath(b) / "place.txt").write_text(str(build_config(b)["place"]))


def graph(m: Registry, wide: int, deep: int) -> list[DRef]:
    """The last of `deep` layers with `wide` stages each."""
    realizer, matcher = build_wrapper(build), match_latest()
    layer: list[DRef] = []
    for depth in range(deep):
        pairs = zip(layer, [*layer[1:], *layer[:1]], strict=True) if layer else [()] * wide
        configs = [
            {"name": "node", "place": [depth, number], "inputs": list(pair)}
            for number, pair in enumerate(pairs)
        ]
        layer = [mkdrv(m, mkconfig(config), matcher, realizer) for config in configs]
    return layer


if __name__ == "__main__":
    root, wide, deep, verb = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    store = Store(root, durable=False)
    closure = instantiate(graph, wide, deep, store=store)
    start = time.process_time()
    if verb == "realize":
        realize_many(closure, store=store)
    else:
        assert not plan(closure, store=store).builds
    telling.tell(seconds=time.process_time() - start, peak=telling.peak())
