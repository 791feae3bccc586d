"""A store with many realizations, a hundred a derivation: `many.py STORE NUMBER`."""

import sys

import telling

from pystore import Build, Derivation, Store, build_outpath, build_seed, match_some, realize_many

EACH = 100


def build(b: Build) -> None:
    """Writes a number that differs every time."""
    (build_outpath(b) / "accuracy.txt").write_text(f"{build_seed(b) / 2**32}\n")


store, number = Store(sys.argv[1], durable=False), int(sys.argv[2])
each = min(EACH, number)
family = [
    Derivation({"name": "many", "rate": i}, match_some(each), build) for i in range(number // each)
]
realize_many(family, store=store, max_attempts=number)
telling.tell(realizations=sum(len(store.realizations(one.dref)) for one in family))
