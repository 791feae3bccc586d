"""The walkthrough, step by step, with a realizer that is quick; and the demo itself."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mnist_data import MNIST, MNIST_SHA256, Served, needs_tensorflow, serving, small_mnist
from own_warnings import ours
from project import PROJECT

from pystore import (
    Build,
    Config,
    DRef,
    PystoreWarning,
    Registry,
    RRef,
    Store,
    attempts,
    build_cattrs,
    build_outpath,
    build_path,
    build_seed,
    build_wrapper,
    catref,
    instantiate,
    instantiate_inplace,
    lsref,
    match_all,
    match_best,
    match_latest,
    mkconfig,
    mkdrv,
    realize,
    realize_inplace,
    realize_many,
    rref2path,
    store_initialize,
)
from pystore.errors import BadStage, ChecksumMismatch
from pystore.stages import fetchurl
from pystore.store.current import ProcessWide

DEMO = PROJECT / "demos" / "mnist.py"


def mnist_config(dataset: list[str]) -> Config:
    learning_rate = 1e-3
    num_epoches = 1
    return mkconfig(locals())


def mnist_build(b: Build) -> None:
    """Learns the mean image of each digit from a random half, and how many it tells by that."""
    import numpy as np

    o, c = build_outpath(b), build_cattrs(b)
    with np.load(build_path(b, c.dataset), allow_pickle=False) as f:
        x, y, xt, yt = (
            f[name].astype(float) for name in ("x_train", "y_train", "x_test", "y_test")
        )
    half = np.random.default_rng(build_seed(b)).permutation(len(x))[: len(x) // 2]
    x, y = x[half], y[half]
    means = np.stack([x[y == digit].mean(axis=0) for digit in range(10)])
    guesses = ((xt[:, None] - means) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    np.savez(o / "model.weights.npz", means=means)
    (o / "accuracy.txt").write_text(str(float((guesses == yt).mean())))


class Walk:
    """A newcomer at the keyboard, after steps 1 and 2."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.served = served
        self.store = store_initialize(custom_store=folder / "demo", custom_tmp=folder)
        self.dataset = instantiate_inplace(
            fetchurl, name="mnist", mode="as-is", url=served.url, sha256=served.sha256
        )

    def config(self) -> Config:
        return mnist_config([self.dataset, "mnist.npz"])

    def model(self, m: Registry) -> DRef:
        return mkdrv(m, self.config(), match_latest(), build_wrapper(mnist_build))

    def model_best(self, m: Registry) -> DRef:
        return mkdrv(m, self.config(), match_best("accuracy.txt"), build_wrapper(mnist_build))

    def trained_twice(self) -> tuple[DRef, RRef, RRef]:
        model = instantiate_inplace(self.model)
        return model, realize_inplace(model), realize_inplace(model, force_rebuild=[model])


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    monkeypatch.setattr(ProcessWide, "store", None)
    with serving(small_mnist(tmp_path)) as served:
        walk = Walk(tmp_path, served)
        yield walk
        if walk.store.root.exists():
            walk.store.destroy()


def _accuracy(rref: RRef) -> float:
    return float(catref(rref, ["accuracy.txt"])[0])


def test_step_1_says_whether_the_store_was_there(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(ProcessWide, "store", None)
    for _ in range(2):
        store_initialize(custom_store=tmp_path / "demo", custom_tmp=tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        f"Initializing non-existing {tmp_path / 'demo'}",
        f"Initializing existing {tmp_path / 'demo'}",
    ]


def test_step_1_explains_a_tmp_on_another_device(tmp_path: Path, monkeypatch):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other device")
    monkeypatch.setattr(ProcessWide, "store", None)
    with pytest.warns(PystoreWarning, match="another device.*staging stays in"):
        store = store_initialize(custom_store=tmp_path / "demo", custom_tmp=other)
    assert store.parts.staging_area == store.parts.tmp


def test_step_2_names_the_dataset_and_downloads_nothing(walk: Walk):
    assert re.fullmatch(r"dref:[0-9a-f]{32}-mnist", walk.dataset)
    assert walk.served.asked == []


def test_step_3_declares_a_network_that_depends_on_the_dataset(walk: Walk):
    assert walk.config().inputs == (walk.dataset,)
    assert set(walk.config().value) == {"dataset", "learning_rate", "num_epoches"}


def test_step_4_downloads_checks_and_trains_once(walk: Walk):
    model = instantiate_inplace(walk.model)
    assert re.fullmatch(r"dref:[0-9a-f]{32}-unnamed", model)
    assert (walk.served.asked, attempts(model)) == ([], [])
    mnist1 = realize_inplace(model)
    assert re.fullmatch(r"rref:[0-9a-f]{32}-[0-9a-f]{32}-unnamed", mnist1)
    assert mnist1.dref == model
    assert realize_inplace(model) == mnist1
    assert (walk.served.asked, len(attempts(model))) == (["/mnist.npz"], 1)


def test_step_4_commits_nothing_when_other_bytes_are_sent(walk: Walk):
    wrong = "0" * 64
    dataset = instantiate_inplace(fetchurl, url=walk.served.url, sha256=wrong, mode="as-is")
    with pytest.raises(ChecksumMismatch) as raised:
        realize_inplace(dataset)
    facts = raised.value.facts
    assert (wrong in facts["expected"], walk.served.sha256 in facts["got"]) == (True, True)  # type: ignore[operator]  # a text
    assert facts["url"] == walk.served.url
    assert lsref(dataset) == []


def test_step_5_trains_another_and_downloads_nothing(walk: Walk):
    model, mnist1, mnist2 = walk.trained_twice()
    assert mnist1 != mnist2
    assert mnist1.dref == mnist2.dref == model
    assert [attempt.rref for attempt in attempts(model)] == [mnist1, mnist2]
    assert walk.served.asked == ["/mnist.npz"]
    assert realize_inplace(model) == mnist2


def test_step_6_lists_and_shows_what_there_is(walk: Walk):
    model, mnist1, mnist2 = walk.trained_twice()
    artifacts = ["accuracy.txt", "context.json", "manifest.json", "model.weights.npz"]
    assert lsref(mnist1) == artifacts
    assert lsref(model) == sorted([mnist1, mnist2])
    assert catref(mnist1, ["accuracy.txt"]) == [str(_accuracy(mnist1))]
    assert 0.7 < _accuracy(mnist1) < 1
    assert rref2path(mnist1).stat().st_mode & 0o777 == 0o555


def test_step_7_chooses_the_better_without_training(walk: Walk):
    model, *trained = walk.trained_twice()
    message = f"Overwriting matcher or realizer of derivation {model}, configured as: "
    with pytest.warns(PystoreWarning) as warned:
        best = realize_inplace(instantiate_inplace(walk.model_best))
    assert [str(w.message) for w in ours(warned)] == [message + walk.config().text]
    assert best in trained
    assert _accuracy(best) == max(map(_accuracy, trained))
    assert len(attempts(model)) == 2


def test_the_functional_face_does_the_same_without_a_warning(walk: Walk):
    def model(m: Registry, matcher=None) -> DRef:
        dataset = fetchurl(
            m, name="mnist", mode="as-is", url=walk.served.url, sha256=walk.served.sha256
        )
        config = mkconfig({**walk.config().value, "dataset": [dataset, "mnist.npz"]})
        return mkdrv(m, config, matcher or match_latest(), build_wrapper(mnist_build))

    first = realize(instantiate(model))
    second = realize(instantiate(model), force_rebuild=True)
    best = realize(instantiate(model, match_best("accuracy.txt")))
    assert _accuracy(best) == max(_accuracy(first), _accuracy(second))
    assert realize_many(instantiate(model, match_all())) == sorted([first, second])
    with pytest.raises(BadStage, match="realize_many"):
        realize(instantiate(model, match_all()))
    assert instantiate(model).targets == instantiate_inplace(walk.model)
    assert len(attempts(first.dref)) == 2


def test_in_the_end_a_sealed_store_can_be_removed(walk: Walk):
    walk.trained_twice()
    walk.store.destroy()
    assert not walk.store.root.exists()


# --- the demo --------------------------------------------------------------------------


def _demo(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(DEMO), *options],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=600,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--epochs", "none"], "'none' is not a whole number of at least 1"),
        (["--examples", "0"], "'0' is not a whole number of at least 1"),
        (["--url", "mnist.npz"], "not the URL of a file"),
        (["--sha256", "731c"], "try:"),
        (["--store", str(PROJECT)], "the directory is not empty, and no store"),
        (["--store", "/dev/null/store"], "not a directory"),
        (["--store", "/proc/store"], "No such file or directory: /proc/store"),
    ],
)
def test_a_mistake_at_the_demo_ends_in_a_message(options: list[str], said: str):
    result = _demo(*options)
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_does_not_take_wrong_bytes_for_a_network_that_is_down(tmp_path: Path):
    with serving(small_mnist(tmp_path)) as served:
        result = _demo("--url", served.url, TMPDIR=str(tmp_path))
    assert result.returncode == 1
    assert "what was sent is not what was asked for" in result.stderr
    assert "scikit-learn" not in result.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "mnist.npz"]


@needs_tensorflow
def test_the_demo_trains_twice_and_keeps_the_better(tmp_path: Path):
    if MNIST.exists():
        file, sha256, epochs = MNIST, MNIST_SHA256, "1"
    else:
        file, sha256, epochs = small_mnist(tmp_path), "", "10"
    with serving(file) as served:
        assert sha256 in ("", served.sha256)
        options = ["--url", served.url, "--sha256", served.sha256, "--epochs", epochs]
        result = _demo(*options, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert served.asked == ["/mnist.npz"]
    last = (
        r"Accuracies (0\.\d+) and (0\.\d+)\. The best is the (?:first|second):\n(rref:\S+)  (\S+)\n"
    )
    first, second, _, best = re.search(last, result.stdout).groups()
    assert best == max(first, second)
    assert float(min(first, second)) > (0.96 if MNIST.exists() else 0.85)
    assert result.stdout.count("built mnist-cnn") == 2


@needs_tensorflow
def test_without_a_network_the_demo_says_so_and_takes_the_digits(tmp_path: Path):
    store = str(tmp_path / "kept")
    options = ["--url", "http://127.0.0.1:9/mnist.npz", "--epochs", "1", "--store", store]
    result = _demo(*options)
    assert (result.returncode, result.stderr) == (0, "")
    assert "MNIST could not be downloaded" in result.stdout
    assert "scikit-learn" in result.stdout
    assert len(Store(store).drefs()) == 4
