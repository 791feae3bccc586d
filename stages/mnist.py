"""Handwritten digits: MNIST, a small stand-in for it, and a network to train on either.

Both data stages make one file, `mnist.npz`, with four arrays:
`x_train`, `x_test`: uint8  # [N, 28, 28], grey, 0 = paper
`y_train`, `y_test`: uint8  # [N], the digit

Keras, NumPy and scikit-learn are imported when a realizer needs them, not before.
"""

import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pystore import (
    Build,
    Derivation,
    DRef,
    Matcher,
    PystoreWarning,
    RefPath,
    build_cattrs,
    build_note,
    build_path,
    build_progress,
    build_seed,
    build_wrapper,
    match_latest,
    match_only,
    realize,
    rref2path,
    selfref,
    two_way,
)
from pystore.errors import BadStage, BuildError, ChecksumMismatch, FetchError

from .fetch import fetchurl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Source: https://keras.io/api/datasets/mnist (LeCun, Cortes, Burges; CC BY-SA 3.0)
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

FILE = "mnist.npz"
TEST_DIGITS = 360  # the last of scikit-learn's 1,797, by writers who wrote none of the others


@two_way
def dataset(url: str = URL, sha256: str = SHA256) -> Derivation:
    """MNIST: 60,000 digits to train on and 10,000 to test with, as Keras publishes them.

    Give `url` and `sha256` together to take another copy of it.
    """
    return fetchurl(url=url, sha256=sha256, name="mnist", filename=FILE, mode="as-is")


@two_way
def digits() -> Derivation:
    """The 1,797 digits that come with scikit-learn, scaled to stand in for MNIST.

    Needs no network. Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits,
    UCI, CC BY 4.0.
    """
    config = {"name": "digits", "side": 28, "data": [selfref, FILE]}
    return Derivation(config, match_only(), build_wrapper(_digits))


def _digits(b: Build) -> None:
    import numpy as np

    c = build_cattrs(b)
    images, labels = _bundled()
    x, y = _scaled(images.astype(np.int64), c.side), labels.astype(np.uint8)
    split = len(x) - TEST_DIGITS
    # savez dates its members 1980 and compresses nothing: the same bytes on every machine.
    np.savez(
        build_path(b, c.data),
        x_train=x[:split],
        y_train=y[:split],
        x_test=x[split:],
        y_test=y[split:],
    )


def _bundled() -> "tuple[NDArray[np.float64], NDArray[np.int64]]":
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise _absent("scikit-learn", "examples", error) from None
    bundled = load_digits()
    return bundled.images, bundled.target


def _scaled(images: "NDArray[np.int64]", side: int) -> "NDArray[np.uint8]":
    """Images of [N, 8, 8] in 0…16 as [N, side, side] in 0…255, by linear interpolation.

    In whole numbers, so that every machine computes the same bytes.
    """
    import numpy as np

    small = images.shape[1]
    # Pixel i of the large image lies at ((2i + 1) · small - side) / (2 · side) in the small one.
    place = np.clip((2 * np.arange(side) + 1) * small - side, 0, 2 * side * (small - 1))
    low, rest = np.divmod(place, 2 * side)
    weights = np.zeros((side, small), np.int64)
    weights[np.arange(side), low] += 2 * side - rest
    weights[np.arange(side), np.minimum(low + 1, small - 1)] += rest
    whole = 16 * (2 * side) ** 2
    large = weights @ images @ weights.T
    return ((large * 255 + whole // 2) // whole).astype(np.uint8)


def rows(count: int | None = None, data: Derivation | None = None) -> list[dict[str, Any]]:
    """The first `count` digits as rows, `{"img": <picture of Pillow>, "class": 5}`; else all.

    Those to train on come first. `data` is `dataset()`, `digits()`, or what makes the same file.
    Without it, the digits of scikit-learn are taken where MNIST cannot be had, with a warning.

    Raises BadStage when there are not so many, BuildError when Pillow is not installed.
    """
    import numpy as np

    try:
        from PIL import Image
    except ImportError as error:
        raise _absent("Pillow", "db", error) from None
    with np.load(_file(data), allow_pickle=False) as file:
        parts = [(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test")]
    there = sum(len(y) for _, y in parts)
    if count is not None and not 0 <= count <= there:
        raise BadStage(
            f"there are {there:,} digits", asked=count, remedy="ask for fewer, or leave out count"
        )
    pairs = ((x, y) for images, labels in parts for x, y in zip(images, labels, strict=True))
    firsts = islice(pairs, there if count is None else count)
    return [{"img": Image.fromarray(x), "class": int(y)} for x, y in firsts]


def _file(data: Derivation | None) -> Path:
    """The file of `data`; without it, of the first of MNIST and its stand-in that can be had."""
    if data is not None:
        return rref2path(realize(data)) / FILE
    try:
        return rref2path(realize(dataset())) / FILE
    except ChecksumMismatch:
        raise
    except FetchError as error:
        warnings.warn(
            f"MNIST cannot be had, so the digits of scikit-learn are taken: {error.what}",
            PystoreWarning,
            stacklevel=3,
        )
    return rref2path(realize(digits())) / FILE


@two_way
def train(
    data: Derivation | DRef | RefPath | Sequence[Any],
    examples: int = 20_000,
    batch_size: int = 64,
    epochs: int = 1,
    learning_rate: float = 1e-3,
    *,
    name: str = "mnist-cnn",
    matcher: Matcher | None = None,
) -> Derivation:
    """A convolutional network trained on the first `examples` digits of `data`.

    Makes `model.weights.h5` and `accuracy.txt`, the accuracy on the test digits. `data` is
    `dataset()`, `digits()`, or `[stage, "file"]`. The matcher is match_latest() by default.

    Raises BadStage when a number cannot be what it is for.
    """
    _check_counts(examples=examples, batch_size=batch_size, epochs=epochs)
    if not (isinstance(learning_rate, (int, float)) and learning_rate > 0):
        raise BadStage(
            "learning_rate is a number above 0",
            given=repr(learning_rate)[:200],
            remedy="learning_rate=0.001",
        )
    config = {
        "name": name,
        "data": [data, FILE] if isinstance(data, (Derivation, DRef)) else data,
        "examples": examples,
        "batch_size": batch_size,
        "epochs": epochs,
        "learning_rate": float(learning_rate),
        "weights": [selfref, "model.weights.h5"],
        "accuracy": [selfref, "accuracy.txt"],
    }
    return Derivation(config, matcher or match_latest(), build_wrapper(_train))


def _check_counts(**counts: object) -> None:
    for name, count in counts.items():
        if not (type(count) is int and count > 0):
            raise BadStage(
                f"{name} is a whole number of at least 1",
                given=repr(count)[:200],
                remedy=f"{name}=1",
            )


def _train(b: Build) -> None:
    c = build_cattrs(b)
    x, y, x_test, y_test = arrays(build_path(b, c.data), c.examples)
    build_note(b, "examples", len(x))
    model = network(build_seed(b), c.learning_rate)
    batches = c.epochs * -(-len(x) // c.batch_size)
    model.fit(
        x, y, batch_size=c.batch_size, epochs=c.epochs, verbose=0, callbacks=[reporter(b, batches)]
    )
    model.save_weights(build_path(b, c.weights))
    accuracy = model.evaluate(x_test, y_test, batch_size=256, verbose=0)[-1]
    build_path(b, c.accuracy).write_text(f"{accuracy:.4f}\n")


def arrays(
    path: Path, examples: int | None = None
) -> "tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]":
    """x_train, y_train, x_test, y_test of an npz file; the first `examples` to train on.

    x: [N, 28, 28, 1], 0 = paper, 1 = ink.
    """
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        x, y = file["x_train"][:examples], file["y_train"][:examples]
        x_test, y_test = file["x_test"], file["y_test"]
    return _ink(x), y, _ink(x_test), y_test


def _ink(x: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    import numpy as np

    return np.divide(x[..., None], 255, dtype=np.float32)


def network(seed: int, learning_rate: float = 1e-3) -> Any:
    """The untrained network, compiled: a keras.Sequential that tells digits apart.

    Starts a new Keras session, seeded for this process as a whole.

    Raises BuildError when Keras is not installed.
    """
    try:
        import keras
        from keras import layers
    except ImportError as error:
        raise _absent("Keras", "tensorflow", error) from None
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def reporter(b: Build, batches: int) -> Any:
    """A Keras callback that tells pystore's listeners how many of all `batches` are done."""
    import keras

    done = 0

    def report(batch: int, logs: object = None) -> None:
        nonlocal done
        done += 1
        build_progress(b, done, batches, "batches")

    return keras.callbacks.LambdaCallback(on_train_batch_end=report)


def _absent(what: str, extra: str, error: ImportError) -> BuildError:
    return BuildError(
        f"{what} is not installed",
        because=str(error),
        remedy=f"pip install 'pystore-stages[{extra}]', from the project's folder: '.[{extra}]'",
    )
