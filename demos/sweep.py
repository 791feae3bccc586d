"""A sweep: learning rate and width of a small network, five trainings each, table and plot.

    python demos/sweep.py                       the tour, in a temporary store
    python demos/sweep.py --once                the experiment alone, in the current store
    python demos/sweep.py --plot sweep.png      and a plot

The tour runs a copy of this very file: once, again, with an edited function, killed and run
again, and as it was. Needs scikit-learn; the plot needs matplotlib.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    Store,
    build_seed,
    events,
    explain,
    match_best,
    output,
    realize,
    results,
    stage,
    sweep,
)

# Threads cost more than they bring with matrices this small; read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TRAIN = 1200  # of the 1,797 digits


# --- the experiment --------------------------------------------------------------------


def scaled(images: Any) -> Any:
    """Grey values from 0 to 1."""
    return images / 16


@stage
def digits(file: Any = output("digits.npz")) -> None:
    """The digits that come with scikit-learn."""
    import numpy as np
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    np.savez(file, x=x, y=y)


@stage(matcher=match_best("accuracy.txt"))
def train(
    build: Build,
    data: Any = digits,
    learning_rate: float = 0.01,
    width: int = 32,
    accuracy: Any = output("accuracy.txt"),
) -> None:
    """One training, as good as its seed."""
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    with np.load(data.file) as file:
        x, y = scaled(file["x"]), file["y"]
    seed = build_seed(build)
    network = MLPClassifier(
        (width,), learning_rate_init=learning_rate, max_iter=10, random_state=seed
    )
    with warnings.catch_warnings(action="ignore"):  # that 10 epochs are few
        network.fit(x[:TRAIN], y[:TRAIN])
    accuracy.write_text(f"{network.score(x[TRAIN:], y[TRAIN:]):.4f}\n")


RUNS = sweep(train, learning_rate=[0.003, 0.01, 0.1], width=[16, 64])


def experiment(plot: Path | None) -> None:
    """Trains what is missing, and shows the table."""
    trained = []
    start = time.perf_counter()
    best = realize(RUNS, attempts=5, listener=trained.append)
    seconds = time.perf_counter() - start
    count = sum(isinstance(e, events.Succeeded) and e.dref.name == "train" for e in trained)
    print(f"{count} trainings in {seconds:.1f} s; there are {len(best)} configs with 5 each\n")
    found = results(list(RUNS.values()), metrics=["accuracy.txt"])
    print(found.summary())
    if plot is not None:
        found.plot().figure.savefig(plot)
        print(f"\nThe plot is in {plot}")


# --- the tour --------------------------------------------------------------------------


def tour(folder: Path, plot: Path | None) -> None:
    """The same file, run as its author would."""
    copy, root = folder / "experiment.py", folder / "store"
    text = Path(__file__).read_text()
    copy.write_text(text)
    step("six configs, five trainings each")
    run(copy, root, *(["--plot", str(plot)] if plot else []))
    step("again: everything is there")
    run(copy, root)
    step("edit a function that the training uses")
    edited = text.replace("return images / 16", "return images / 16 - 0.5")
    assert edited != text
    copy.write_text(edited)
    print("-    return images / 16\n+    return images / 16 - 0.5\n")
    run(copy, root, "--why")
    step("run it, and kill -9 after some trainings")
    kill_half_way(copy, root)
    step("run it again: it trains those that are missing")
    run(copy, root)
    step("edit it back: the old results are there")
    copy.write_text(text)
    run(copy, root)


def step(title: str) -> None:
    """A line that says what comes."""
    print(f"\n--- {title} ---\n", flush=True)


def run(copy: Path, root: Path, *options: str) -> None:
    """The experiment in a process of its own."""
    subprocess.run(command(copy, *options), env=environment(root), check=True)


def kill_half_way(copy: Path, root: Path) -> None:
    """Starts the experiment, and kills it when some of its trainings are done."""
    store = Store(root)
    before = len(results("train", code="any", store=store))
    child = subprocess.Popen(
        command(copy), env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while child.poll() is None and len(results("train", code="any", store=store)) < before + 12:
        time.sleep(0.02)
    child.kill()
    child.wait()
    print(f"{len(results('train', code='any', store=store)) - before} trainings had begun")


def command(copy: Path, *options: str) -> list[str]:
    """How to run the copy."""
    return [sys.executable, str(copy), "--once", *options]


def environment(root: Path) -> dict[str, str]:
    """With the store of the tour."""
    return {**os.environ, "PYSTORE_ROOT": str(root)}


def main() -> None:
    """Runs the tour, or the experiment alone."""
    parser = argparse.ArgumentParser(description="Sweep over learning rate and width.")
    parser.add_argument("--once", action="store_true", help="the experiment alone")
    parser.add_argument("--why", action="store_true", help="say why it would train")
    parser.add_argument("--plot", type=Path, help="where to save a plot: sweep.png")
    options = parser.parse_args()
    if options.why:
        print(explain(next(iter(RUNS.values()))))
        return
    if options.once:
        experiment(options.plot)
        return
    with tempfile.TemporaryDirectory(prefix="pystore-sweep-") as folder:
        try:
            tour(Path(folder), options.plot)
        finally:
            if Path(folder, "store").exists():
                Store(Path(folder, "store")).destroy()


if __name__ == "__main__":
    main()
