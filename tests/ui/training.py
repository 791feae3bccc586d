"""An attempt that trains in a thread of the test, and waits for the word of the test."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pystore as ps
from pystore import Derivation, Store, match_latest


class Training:
    """Tells what `tells` says, then waits until it may go on or is stopped."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.go = threading.Event()
        self.derivation = Derivation({"name": "train", "width": 32}, match_latest(), self.run)

    def run(self, b: ps.Build) -> None:
        """The realizer."""
        for step, loss in enumerate([0.5, 0.25]):
            ps.build_metric(b, "loss", loss, step=step)
        ps.build_metric(b, "diverged", float("nan"), step=0)
        ps.build_metric(b, "accuracy", 0.75)
        self.told.set()
        while not self.go.wait(0.01):
            continue
        ps.build_metric(b, "loss", 0.125, step=2)
        (b.outpath / "model").write_text("1")


@contextmanager
def training(store: Store) -> Iterator[tuple[Training, Future[ps.RRef]]]:
    """A training that runs, and its result."""
    one = Training()
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(ps.realize, one.derivation, store=store, executor=pool)
        assert one.told.wait(60)
        try:
            yield one, made
        finally:
            one.go.set()
