"""A network that reads digits: train it, serve it, and draw one for it.

    make serve
    make serve SERVE="--epochs 5 --port 8001 --store ./serve-store"

The network is a Model: `pystore run demos/serve.py:reader_of_digits -p units=64` trains it, too.
docs/serving.md explains each part.
"""

import argparse
import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pystore import PystoreError, Store, View, match_best, realize
from pystore.app import Dataset, Model, digit
from pystore.errors import ChecksumMismatch, FetchError
from pystore.stages import mnist

if TYPE_CHECKING:
    from numpy.typing import NDArray

# TensorFlow reads these when the first training imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

EPOCHS, EPOCHS_OF_DIGITS = 3, 40  # scikit-learn's 1,797 digits go by quicker than MNIST's

dataset = Dataset("drawings", test_size=0.1)
reader_of_digits = Model("digit-reader", dataset=dataset)


@dataset.reader
def reader(pictures: View = mnist.dataset(), most: int = 20_000) -> "tuple[NDArray[Any], ...]":
    """The first pictures, uint8 [N, 28, 28, 1] with ink 255, and the digits that they show."""
    with np.load(pictures.path / mnist.FILE, allow_pickle=False) as found:
        return found["x_train"][:most, ..., None], found["y_train"][:most].astype(np.int64)


@dataset.feature_transformer
def between_0_and_1(pictures: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    """Grey values from 0 to 1."""
    return pictures.astype(np.float32) / 255


@dataset.feature_loader
def drawing(picture: np.ndarray) -> "NDArray[np.uint8] | None":  # type: ignore[type-arg]
    """A drawing as the network knows digits; None while there is no ink."""
    ink = digit(picture)
    return None if ink is None else ink[None, ..., None]


@reader_of_digits.init
def init(hyperparameters: dict[str, Any]) -> Any:
    """A small convolutional network."""
    import keras

    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(hyperparameters.get("units", 128), activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy")
    return network


@reader_of_digits.trainer
def trainer(network: Any, pictures: Any, digits: Any, *, epochs: int = EPOCHS) -> Any:
    """Fits the network."""
    network.fit(pictures, digits, batch_size=64, epochs=epochs, verbose=0)
    return network


@reader_of_digits.evaluator
def evaluator(network: Any, pictures: Any, digits: Any) -> float:
    """The share of digits that the network reads right."""
    told = network.predict(pictures, batch_size=256, verbose=0).argmax(axis=1)
    return float((told == digits).mean())


@reader_of_digits.predictor
def predictor(network: Any, pictures: Any) -> list[int]:
    """The digit that each picture shows."""
    return [int(one) for one in np.asarray(network(pictures)).argmax(axis=1)]


# --- the command -----------------------------------------------------------------------


def main() -> int:
    """Trains what is missing, and serves the best; a user's mistake ends in a message."""
    options = parse()
    try:
        with Store(options.store).use():
            serve(options)
    except PystoreError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def serve(options: argparse.Namespace) -> None:
    """Trains on MNIST, or on scikit-learn's digits where it cannot be had; then serves."""
    print("training a network to read digits; the second time, it is in the store already")
    pictures: Any = mnist.dataset(url=options.url, sha256=options.sha256)
    epochs = options.epochs or EPOCHS
    try:
        realize(pictures)
    except ChecksumMismatch:
        raise
    except FetchError as error:
        print(f"\nMNIST could not be downloaded, so the digits of scikit-learn serve:\n{error}\n")
        pictures, epochs = mnist.digits(), options.epochs or EPOCHS_OF_DIGITS
    run = reader_of_digits.train({"epochs": epochs}, pictures=pictures)
    print(f"trained: {run}")
    address = f"http://127.0.0.1:{options.port}/"
    if not options.no_browser:
        threading.Timer(1.0, webbrowser.open, [address]).start()
    print(f"draw a digit at {address}   (Ctrl-C ends it)")
    reader_of_digits.serve(match_best("test"), port=options.port)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Train a network on digits, and serve it.")
    parser.add_argument("--url", default=mnist.URL, help="where to download mnist.npz")
    parser.add_argument("--sha256", default=mnist.SHA256, help="its hash")
    parser.add_argument("--epochs", type=int, help=f"{EPOCHS}; {EPOCHS_OF_DIGITS} without MNIST")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument("--store", type=Path, default=Path("serve-store"), help="serve-store")
    parser.add_argument("--no-browser", action="store_true", help="open no page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
