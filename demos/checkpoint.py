"""A training that is killed in epoch 7, and finishes from its checkpoint.

Usage: python demos/checkpoint.py [--epochs N] [--examples N]

Each epoch is saved to `build_scratch(b)`, a directory that survives kill -9. Whoever asks for the
same model again goes on with the same attempt: its number, its seed, its epochs.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    Store,
    View,
    attempts,
    build_note,
    build_scratch,
    build_seed,
    output,
    stage,
)
from pystore.stages import mnist

KILLED_IN = 7  # epochs are counted from 1


def killer() -> list[Any]:
    """A callback that kills this process in epoch 7; none where nobody asked for it."""
    if "PYSTORE_DEMO_KILL" not in os.environ:
        return []
    from keras.callbacks import LambdaCallback

    def kill(epoch: int, logs: object = None) -> None:
        if epoch + 1 == KILLED_IN:
            print(f"   … epoch {KILLED_IN} begins: kill -9", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    return [LambdaCallback(on_epoch_begin=kill)]


@stage(code="v1")
def train(
    build: Build,
    data: View = mnist.digits(),
    epochs: int = 10,
    examples: int = 400,
    accuracy: Path = output("accuracy.txt"),
) -> None:
    """Trains the network of the walkthrough, an epoch at a time."""
    from keras.callbacks import BackupAndRestore

    x, y, x_test, y_test = mnist.arrays(data.path / "mnist.npz", examples)
    model = mnist.network(build_seed(build))
    backup = BackupAndRestore(build_scratch(build) / "keras")
    trained = model.fit(x, y, epochs=epochs, verbose=0, callbacks=[backup, *killer()])
    build_note(build, "epochs trained in the last try", len(trained.epoch))
    accuracy.write_text(f"{model.evaluate(x_test, y_test, verbose=0)[-1]:.4f}\n")


def main() -> int:
    """Trains twice: in a process that is killed, and in this one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = train(epochs=options.epochs, examples=options.examples)
    if options.store:  # we are the process that is killed
        model.run(store=Store(options.store))
        return 1
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        with store.use():
            demonstrate(store, model, sys.argv[1:])
        store.destroy()
    return 0


def demonstrate(store: Store, model: Any, words: list[str]) -> None:
    """Shows what is left of the killed attempt, and how it goes on."""
    print(f"1. A process trains {model.dref} for {model.config['epochs']} epochs, and is killed.")
    command = [sys.executable, __file__, "--store", str(store.root), *words]
    subprocess.run(command, env={**os.environ, "PYSTORE_DEMO_KILL": "1"})
    (died,) = attempts(model.dref)
    print(f"2. Attempt {died.number} {died.outcome}; its seed was {died.seed}. We ask again.")
    run = model.run()
    (attempt,) = run.attempts
    trained = attempt.notes["epochs trained in the last try"]
    print(f"3. Attempt {attempt.number} {attempt.outcome} with seed {attempt.seed}: the last try")
    print(f"   trained {trained} epochs, from its checkpoint on.")
    print(f"   accuracy {run.accuracy.read_text().strip()}")


if __name__ == "__main__":
    sys.exit(main())
