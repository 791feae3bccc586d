"""The walkthrough: download MNIST, train a network twice, keep the better one.

    make demo
    make demo DEMO="--epochs 2 --store ./demo-store"

docs/walkthrough.md explains each step.
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    Config,
    DRef,
    Matcher,
    PystoreError,
    Registry,
    RRef,
    Store,
    build_cattrs,
    build_outpath,
    build_path,
    build_seed,
    build_wrapper,
    catref,
    config_of,
    events,
    instantiate_inplace,
    lsref,
    match_best,
    match_latest,
    mkconfig,
    mkdrv,
    realize_inplace,
    rref2path,
    store_initialize,
)
from pystore.errors import ChecksumMismatch, FetchError
from pystore.stages import fetchurl, mnist

# TensorFlow reads these when the first training imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

DIGITS_EPOCHS = 15  # of scikit-learn's 1,437 digits, which go by quicker than 20,000
INK = " .:-=+*#%@"


# --- what a user writes ----------------------------------------------------------------


def mnist_config(dataset: list[Any], examples: int, num_epoches: int) -> Config:
    """All that the result depends on: the parameters, and the file of another stage."""
    name = "mnist-cnn"
    learning_rate = 1e-3
    batch_size = 64
    return mkconfig(locals())


def mnist_build(b: Build) -> None:
    """Trains one network, and writes its weights and its accuracy."""
    o, c = build_outpath(b), build_cattrs(b)
    x, y, x_test, y_test = mnist.arrays(build_path(b, c.dataset), c.examples)
    network = mnist.network(build_seed(b), c.learning_rate)
    progress = mnist.reporter(b, batches=c.num_epoches * -(-len(x) // c.batch_size))
    network.fit(x, y, c.batch_size, epochs=c.num_epoches, verbose=0, callbacks=[progress])
    network.save_weights(o / "model.weights.h5")
    accuracy = network.evaluate(x_test, y_test, batch_size=256, verbose=0)[-1]
    (o / "accuracy.txt").write_text(f"{accuracy:.4f}\n")


def model(m: Registry, matcher: Matcher, dataset: DRef, examples: int, epochs: int) -> DRef:
    """The stage: a config, a rule to choose among results, and how to make one."""
    config = mnist_config([dataset, "mnist.npz"], examples, epochs)
    return mkdrv(m, config, matcher, build_wrapper(mnist_build))


# --- the walkthrough -------------------------------------------------------------------


def walkthrough(options: argparse.Namespace, store: Path) -> None:
    """The seven steps, each said and then done."""
    step(1, "a store: where results appear whole, and never change")
    store_initialize(custom_store=store)

    step(2, "the dataset, known by its hash")
    dataset = instantiate_inplace(
        fetchurl,
        name="mnist",
        mode="as-is",
        filename="mnist.npz",
        url=options.url,
        sha256=options.sha256,
        deadline=300,
    )
    print(dataset)
    say("That is a name, a dref. Nothing is downloaded yet.")

    step(3, "the network, known by its config")
    settings = dataset, options.examples, options.epochs or 1
    mnist_model = instantiate_inplace(model, match_latest(), *settings)
    print(mnist_model)
    say(f"The config: {config_of(mnist_model).text}")
    say("Nothing is trained yet.")

    step(4, "realize: build what is missing, inputs first")
    try:
        mnist1 = realize(mnist_model)
    except ChecksumMismatch:
        raise
    except FetchError as error:
        notice(error)
        settings = (
            instantiate_inplace(mnist.digits),
            options.examples,
            options.epochs or DIGITS_EPOCHS,
        )
        mnist_model = instantiate_inplace(model, match_latest(), *settings)
        mnist1 = realize(mnist_model)
    show_digit(realize_inplace(settings[0]))
    say("The first digit of the dataset, from the store. And the same realize again:")
    assert realize(mnist_model) == mnist1

    step(5, "train the same network once more, from another seed")
    mnist2 = realize(mnist_model, force_rebuild=[mnist_model])

    step(6, "look at what there is")
    print(f"lsref(mnist1)       {lsref(mnist1)}")
    print(f"lsref(mnist_model)  {len(lsref(mnist_model))} realizations")
    accuracies = [catref(rref, ["accuracy.txt"])[0] for rref in (mnist1, mnist2)]
    print(f"catref(mnist1, ['accuracy.txt'])  ['{accuracies[0]}']")
    print(f"catref(mnist2, ['accuracy.txt'])  ['{accuracies[1]}']")

    step(7, "ask for the best instead of the latest")
    best = realize(instantiate_inplace(model, match_best("accuracy.txt"), *settings))
    say("Nothing was trained for that: the two were there to choose from.")

    which = {mnist1: "the first", mnist2: "the second"}.get(best, "one from an earlier run")
    print(f"\nAccuracies {' and '.join(accuracies)}. The best is {which}:")
    print(f"{best}  {catref(best, ['accuracy.txt'])[0]}")


def realize(dref: DRef, **how: Any) -> RRef:
    """As `realize_inplace`, telling what happens and how long it took."""
    start = time.perf_counter()
    rref: RRef = realize_inplace(dref, listener=lambda event: tell(event, dref), **how)
    print(f"{rref}   {time.perf_counter() - start:.3f} s")
    return rref


# --- how it is told --------------------------------------------------------------------


def step(number: int, title: str) -> None:
    """Begins a step."""
    print(f"\n== {number}. {title}")


def say(text: str) -> None:
    """Explains what was just seen."""
    print(f"   {text}")


def tell(event: events.Event, target: DRef) -> None:
    """Prints an event. How far it is, a terminal shows by itself."""
    match event:
        case events.Started():
            say(f"building {event.dref.name}: attempt {event.number}, seed {event.seed}")
        case events.Succeeded():
            say(f"built {event.dref.name} in {event.duration:.1f} s")
        case events.Reused(dref=dref) if dref == target:
            say(f"{event.dref.name} is in the store already")


def show_digit(dataset: RRef) -> None:
    """Draws the first digit of a dataset."""
    x, y, *_ = mnist.arrays(rref2path(dataset) / "mnist.npz", examples=1)
    for row in x[0, 3:26:2, :, 0]:
        say("".join(INK[int(grey * 9)] for grey in row))
    say(f"A {y[0]}.")


def notice(error: PystoreError) -> None:
    """Says loudly that this is not MNIST."""
    bar = "!" * 78
    print(f"\n{bar}\nMNIST could not be downloaded:\n{error}")
    print("\nGoing on with the 1,797 small digits that come with scikit-learn instead.")
    print("The accuracies below are theirs, not those of MNIST.")
    print(f"{bar}\n")


# --- the command -----------------------------------------------------------------------


def main() -> int:
    """Runs it; a user's mistake ends in a message."""
    options = parse()
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # type: ignore[union-attr]  # a text stream of Python
    warnings.showwarning = lambda message, *_: say(f"Warning: {message}")
    try:
        with place(options.store) as store:
            walkthrough(options, store)
    except PystoreError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{error.strerror or error}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Train on MNIST twice and keep the better.")
    parser.add_argument("--url", default=mnist.URL, help="where to download mnist.npz")
    parser.add_argument("--sha256", default=mnist.SHA256, help="its hash")
    parser.add_argument("--examples", type=positive, default=20_000, help="to train on")
    parser.add_argument(
        "--epochs", type=positive, help=f"default: 1; {DIGITS_EPOCHS} without MNIST"
    )
    parser.add_argument("--store", type=Path, help="default: a temporary one, removed at the end")
    return parser.parse_args()


def positive(text: str) -> int:
    """A number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


@contextmanager
def place(chosen: Path | None) -> Iterator[Path]:
    """Where the store is to be: where the user says, or in a folder that goes away."""
    if chosen is not None:
        yield chosen
        print(f"\nThe store is in {chosen}: run this again to see what is there already.")
        return
    with tempfile.TemporaryDirectory(prefix="pystore-demo-") as folder:
        store = Path(folder, "store")
        try:
            yield store
        finally:
            if store.exists():
                Store(store).destroy()
        print('\nThe temporary store is removed. To keep one: make demo DEMO="--store demo-store"')


if __name__ == "__main__":
    sys.exit(main())
