"""A network that says of users of a website what they may like, and a listener that keeps it said.

python train.py                         # trains, on the workers of SCHEDULER if it is named
pystore listen train.py:listener        # keeps predictions beside users, until it is stopped
"""

import os

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pystore import match_best, realize, results
from pystore.app import TorchModel
from pystore.db import connect, image, text, uri

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# The table of the website: it is read, and never altered. Nothing is connected to yet.
db = connect(os.environ["DATABASE_URL"])
users = db.attach(
    "users",
    img=uri(
        image(max_pixels=1e6),
        at="record.img",
        hosts=["127.0.0.1"],
        private=["127.0.0.0/8"],
        timeout=5,
    ),
    label=text(at="record.likes"),
)


class Network(torch.nn.Module):
    """LeNet-5 for grey pictures."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, len(NAMES))),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A number for each name."""
        return self.layers(x)  # type: ignore[no-any-return]  # modules return Any


def preprocess(img):  # type: ignore[no-untyped-def]  # a picture of Pillow
    """A picture as the network sees it, at training and for each new user."""
    grey = np.asarray(img.convert("L").resize((32, 32)), np.float32) / 255
    return torch.from_numpy((grey[None] - 0.1307) / 0.3081)


def augment(x: torch.Tensor, y: int) -> tuple[torch.Tensor, int]:
    """At training only: the picture moved by a pixel or two."""
    down, right = torch.randint(-2, 3, (2,)).tolist()
    return torch.roll(x, (down, right), (1, 2)), y


def postprocess(output: torch.Tensor) -> dict[str, object]:
    """The columns of the view, for one user."""
    p = output.softmax(-1)
    return {"label": NAMES[int(p.argmax())], "p": float(p.max())}


def accuracy(predicted: list[str], true: list[str]) -> float:
    """The share of users of whom it is right."""
    return sum(p == t for p, t in zip(predicted, true, strict=True)) / len(true)


net = TorchModel(
    Network,
    name="likes",
    preprocess=preprocess,
    augment=augment,
    postprocess=postprocess,
    objective=cross_entropy,
    metrics={"acc": accuracy},
    classes=NAMES,
    outputs={"label": str, "p": float},
)

# Users with a picture who say what they like. A snapshot with a name is taken once.
said = users.where(users["img"].exists & users["label"].is_in(NAMES))
gold = said.snapshot(x="img", y="label", fold="valid", name="gold")
first = said.snapshot(x="img", y="label", fold="train", name="first")
training = net(first, valid={"gold": gold}, batch_size=10, epochs=4)

listener = users.listener(net, match_best("gold/acc"), on="img", batch=64)


def train() -> None:
    """Three attempts, here or on the workers of Dask."""
    scheduler = os.environ.get("SCHEDULER")
    if scheduler is None:
        realize(training, attempts=3)
    else:
        from distributed import Client

        with Client(scheduler) as client:
            realize(training, attempts=3, executor=client.get_executor(), retries=2)
    print(results(training, metrics=["gold/acc"]).summary())


if __name__ == "__main__":
    train()
