"""Chooses the best among many realizations, in a fresh process: `choose_best.py STORE NUMBER`."""

import sys

import telling

from pystore import (
    Build,
    Derivation,
    Store,
    build_outpath,
    build_seed,
    build_wrapper,
    match_best,
    mkconfig,
    realize,
    realize_many,
)

METRIC = "accuracy.txt"


def build(b: Build) -> None:
    """Writes a number that differs every time."""
    (build_outpath(b) / METRIC).write_text(f"{build_seed(b) / 2**32}\n")


store, number = Store(sys.argv[1], durable=False), int(sys.argv[2])
many = Derivation(mkconfig({"name": "many"}), match_best(METRIC, n=number), build_wrapper(build))
if many.dref not in store.drefs():
    store.record([many.config])
    realize_many(many, store=store, max_attempts=number)
telling.tell(best=realize(many.replace(matcher=match_best(METRIC)), store=store))
