"""A store with a long history, written file by file: `make_history.py STORE DERIVATIONS EACH`.

What each attempt leaves is what `realize` leaves, without its locks and its syncs.
"""

import random
import sys
from pathlib import Path

import telling
from written import realization

from pystore import Attempt, Context, Store
from pystore.core.attempt import attempt_text
from pystore.core.config import Config
from pystore.core.digest import seed_of
from pystore.core.refs import selfref
from pystore.store.layout import Layout

START, SECOND = 1_700_000_000_000_000_000, 10**9
VERSIONS = {
    "pystore": "0.1.0", "python": "3.12.3", "system": "Linux x86_64", "numpy": "2.1.0",
    "torch": "2.5.1", "git": "a" * 40, "device": "cpu",
}  # fmt: skip
random.seed(1)


def config(rate: int) -> Config:
    """The config of a stage, as `@stage` makes it."""
    return Config(
        {
            "name": "train", "code": "c" * 32, "rate": rate / 1000, "epochs": 3,
            "accuracy": [selfref, "accuracy.txt"],
        }
    )  # fmt: skip


def attempt(layout: Layout, one: Config, number: int, start: int) -> None:
    """The files of one attempt that succeeded."""
    score = random.random()
    texts = {"accuracy.txt": f"{score:.6f}\n".encode(), "weights.bin": random.randbytes(64)}
    if number % 50 == 0 and one["rate"] < 0.1:
        texts["model.h5"] = random.randbytes(64)
    context = Context()
    rref, tree = realization(layout, one, context, texts)
    seed = seed_of(one.dref, context.digest, number)
    begin = (
        f'{{"host": "gpu1", "inputs": {{}}, "number": {number}, "pid": 4711, "seed": {seed}, '
        f'"staging": "{random.randbytes(16).hex()}-x", "start": {start}}}'
    )
    record = Attempt(
        id=random.randbytes(16).hex(), dref=one.dref, context=context.digest, number=number,
        outcome="succeeded", rref=rref, error=None, seed=seed, start=start,
        stop=start + 30 * SECOND, host="gpu1", pid=4711, realizer="train", source="5" * 32,
        versions=VERSIONS, metrics={"accuracy.txt": score},
        notes={"code": {"train.train": "1" * 16, "train.layers": "2" * 16}},
        tree=tree, reads={},
    )  # fmt: skip
    beside = f"{layout.attempts(one.dref)}/{context.digest}.{number}"
    Path(f"{beside}.begin").write_text(begin)
    Path(f"{beside}.json").write_bytes(attempt_text(record))


store, derivations, each = Store(sys.argv[1], durable=False), int(sys.argv[2]), int(sys.argv[3])
for rate in range(derivations):
    made = config(rate)
    store.record([made])
    for number in range(each):
        attempt(store.parts.layout, made, number, START + (rate * each + number) * SECOND * 60)
telling.tell(attempts=derivations * each)
