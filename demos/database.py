"""MNIST in a database: rows of pictures, a network that learns from them, and its predictions.

    make database
    make database DATABASE="--steps 60 --folder ./database-demo"
    DATABASE_URL=postgresql://user@host/name make database

docs/mnist-in-a-database.md explains each step.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pystore import PystoreError, Store, match_best, realize, reject, results
from pystore.app import TorchModel
from pystore.db import connect, image
from pystore.stages import mnist

METRIC = "my_valid/acc"


# --- the network, as one writes it without pystore ---------------------------------------


class LeNet5(torch.nn.Module):
    """LeNet-5, which tells ten digits apart."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        nn = torch.nn
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU()),
            *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A number for each digit; the largest one tells the digit."""
        return self.head(self.features(x))  # type: ignore[no-any-return]  # modules return Any


def preprocess(img: Any) -> torch.Tensor:
    """A picture of Pillow as the network sees it, [1, 32, 32]; the same at training and later."""
    grey = np.asarray(img.convert("L").resize((32, 32)), np.float32) / 255
    return torch.from_numpy((grey[None] - 0.1307) / 0.3081)


def postprocess(output: torch.Tensor) -> int:
    """The output for one row as the value that is kept beside the row."""
    return int(output.argmax())


def accuracy(predicted: list[int], true: list[int]) -> float:
    """The share of digits that are read right."""
    return sum(p == t for p, t in zip(predicted, true, strict=True)) / len(true)


net = TorchModel(
    LeNet5,
    name="lenet5",
    preprocess=preprocess,
    postprocess=postprocess,
    objective=cross_entropy,
    metrics={"acc": accuracy},
)


# --- the steps ---------------------------------------------------------------------------


def steps(options: argparse.Namespace, url: str) -> None:
    """Each step, said and then done."""
    say(f"a collection, in {url.split('@')[-1]}")
    db = connect(url)
    digits = db.collection("mnist", {"img": image(), "class": int, "update": bool})
    data = mnist.rows(1000, mnist_or_digits(options))
    if "mnist" not in db.collections():  # the second time, the rows are there
        digits.insert(data[:900])
    print(f"{len(digits)} rows; one is {digits.find_one()}")

    say("a network: before any training, it guesses")
    print("it guesses", net.predict_one(data[0]["img"]), "for a", data[0]["class"])

    say("snapshots: rows to train on and rows to judge by, named by what they hold")
    first = digits.snapshot(x="img", y="class", fold="train", name="first")
    gold = digits.snapshot(x="img", y="class", fold="valid", name="gold")
    print(first.dref, gold.dref, sep="\n")

    say("three attempts at a training, each with a seed of its own")
    training = net(
        first, valid={"my_valid": gold}, batch_size=10, steps=options.steps, validate_every=5
    )
    realize(training, attempts=3)
    print(results(training, metrics=[METRIC]).summary())
    plot(training, options.folder / "traces.png")

    say("a listener: each row has a prediction by the best attempt, and each new row gets one")
    listener = digits.listen(net, match_best(METRIC), on="img", batch=100)
    digits.wait()
    print(digits.find_one(fold="valid"))
    print(db.show())

    say("the other 100 rows")
    if digits.count(update=True) == 0:
        digits.insert([{**row, "update": True} for row in data[900:]])
    digits.wait()
    new = digits.find_one(update=True)
    print(new)

    say("where this prediction comes from")
    print(digits.lineage(new["id"], "lenet5"))

    say("more attempts: a better one takes over when it has predicted each row")
    before = listener.rref
    realize(training, attempts=6)
    digits.wait()
    print("the same is the best" if listener.rref == before else f"now {listener.rref}")

    say("rejected: the next best takes over; where it was shown before, it is not asked again")
    calls, best = listener.calls, listener.rref
    reject(best, "only to show the way back")
    digits.wait()
    print(f"now {listener.rref}\nafter {listener.calls - calls} rows that were asked about")

    say("removed: triggers, views and queue; the rows stay as they are")
    listener.remove()


def mnist_or_digits(options: argparse.Namespace) -> Any:
    """MNIST from the place that is named; None: that of Keras, else scikit-learn's digits."""
    return None if options.url is None else mnist.dataset(options.url, options.sha256)


def plot(training: Any, file: Path) -> None:
    """The accuracy on the validation rows over the steps, a line for each attempt, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    results(training).plot(traces=METRIC).figure.savefig(file)
    print("the plot is in", file)


def say(text: str) -> None:
    """The heading of a step."""
    print(f"\n--- {text}", flush=True)


# --- the command -------------------------------------------------------------------------


def main() -> int:
    """Runs the steps; a user's mistake ends in a message."""
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    url = os.environ.get("DATABASE_URL", f"sqlite:///{options.folder / 'mnist.db'}")
    torch.set_num_threads(1)  # threads of so small a network only wait for each other
    try:
        with Store(options.folder / "store").use():
            steps(options, url)
    except PystoreError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what was trained is kept", file=sys.stderr)
        return 130
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="MNIST in a database, step by step.")
    parser.add_argument(
        "--folder", type=Path, default=Path("database-demo"), help="for all it makes"
    )
    parser.add_argument("--steps", type=int, default=60, help="of each training; default: 60")
    parser.add_argument("--url", help="where to download mnist.npz")
    parser.add_argument("--sha256", default=mnist.SHA256, help="its hash")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
