"""Training until the mean is known: `match_until` at work.

    python demos/until.py                     to ± 0.008
    python demos/until.py --halfwidth 0.006

Trains one small network on the digits of scikit-learn, as often as it takes and no more.
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    Store,
    attempts,
    build_seed,
    events,
    match_best,
    match_until,
    output,
    realize,
    realize_many,
    results,
    stage,
)

# Threads cost more than they bring with matrices this small; read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TRAIN = 1200  # of the 1,797 digits


@stage
def train(
    build: Build, learning_rate: float = 0.01, accuracy: Any = output("accuracy.txt")
) -> None:
    """One training, as good as its seed."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    network = MLPClassifier(
        (16,), learning_rate_init=learning_rate, max_iter=10, random_state=build_seed(build)
    )
    with warnings.catch_warnings(action="ignore"):  # that 10 epochs are few
        network.fit(x[:TRAIN] / 16, y[:TRAIN])
    accuracy.write_text(f"{network.score(x[TRAIN:] / 16, y[TRAIN:]):.4f}\n")


def say(event: events.Event) -> None:
    """A line for each training."""
    if isinstance(event, events.Succeeded):
        made = next(a for a in attempts(event.rref) if a.number == event.number)
        print(f"training {event.number + 1}: accuracy {made.metrics['accuracy.txt']:.4f}")


def experiment(halfwidth: float) -> None:
    """Trains until the mean is known, and then uses what there is."""
    until = match_until("accuracy.txt", halfwidth=halfwidth, at_most=40)
    print(f"train until the mean accuracy is known to ± {halfwidth}:\n")
    rrefs = realize_many(train().replace(matcher=until), listener=say)
    print(f"\nThat is enough. {len(rrefs)} of the results are different.\n")
    print(results(train(), metrics=["accuracy.txt"]).summary())

    print("\nand again, which trains nothing; nor does it to take the best of them:")
    assert realize_many(train().replace(matcher=until), listener=say) == rrefs
    best = realize(train().replace(matcher=match_best("accuracy.txt")), listener=say)
    assert best in rrefs
    print(best)


def main() -> None:
    """Runs it in a temporary store."""
    parser = argparse.ArgumentParser(description="Train until the mean is known.")
    parser.add_argument("--halfwidth", type=float, default=0.008, help="in accuracy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pystore-until-") as folder:
        store = Store(Path(folder, "store"))
        try:
            with store.use():
                experiment(options.halfwidth)
        finally:
            store.destroy()


if __name__ == "__main__":
    main()
