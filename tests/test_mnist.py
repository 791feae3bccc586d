"""The MNIST stages: what they declare, the digits that stand in, and the network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mnist_data import needs_tensorflow, serving, small_mnist

from pystore import (
    Derivation,
    DRef,
    PystoreWarning,
    RefPath,
    Registry,
    Store,
    attempts,
    build_wrapper,
    catref,
    events,
    lsref,
    match_best,
    realize,
    rref2path,
)
from pystore.errors import BadConfig, BadStage, BuildError, ChecksumMismatch, FetchError
from pystore.stages import fetchurl, mnist


def test_importing_the_stages_imports_nothing_large():
    large = "{'numpy', 'keras', 'tensorflow', 'sklearn', 'requests'}"
    code = f"import sys, pystore.stages.mnist; print({large} & set(sys.modules) or 'none')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("none\n", "")


def test_the_dataset_is_a_download_and_declaring_it_touches_nothing(store: Store):
    data = mnist.dataset()
    assert (data.config["filename"], data.config["mode"]) == ("mnist.npz", "as-is")
    assert data.dref == fetchurl(mnist.URL, mnist.SHA256, mode="as-is", name="mnist").dref
    assert store.drefs() == []


def test_the_dataset_can_come_from_elsewhere_and_stays_the_same():
    assert mnist.dataset(url="http://localhost/copy").dref == mnist.dataset().dref


@pytest.mark.parametrize("stage", [mnist.dataset, mnist.digits])
def test_a_stage_serves_by_value_and_by_registry(stage):
    m = Registry()
    by_value, by_registry = stage(), stage(m)
    assert isinstance(by_value, Derivation)
    assert isinstance(by_registry, DRef)
    assert m[by_registry] == by_value


# --- digits ----------------------------------------------------------------------------


@pytest.fixture
def arrays(store: Store) -> dict[str, np.ndarray]:
    with np.load(rref2path(realize(mnist.digits())) / "mnist.npz", allow_pickle=False) as file:
        return dict(file)


def test_the_digits_have_the_shape_of_mnist(arrays):
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    assert shapes == {
        "x_train": ((1437, 28, 28), np.uint8),
        "y_train": ((1437,), np.uint8),
        "x_test": ((360, 28, 28), np.uint8),
        "y_test": ((360,), np.uint8),
    }


def test_the_digits_are_ink_on_paper_and_all_ten_are_there(arrays):
    assert arrays["x_train"].min() == 0
    assert arrays["x_train"].max() == 255
    assert set(arrays["y_train"]) == set(arrays["y_test"]) == set(range(10))


def test_the_digits_are_the_same_bytes_every_time(store: Store):
    first = realize(mnist.digits())
    assert realize(mnist.digits(), force_rebuild=True) == first
    assert len(attempts(first)) == 2


def test_scaling_keeps_what_is_even_and_the_sides_where_they_are():
    even = np.full((1, 8, 8), 16)
    assert (mnist._scaled(even, 28) == 255).all()
    left = np.zeros((1, 8, 8), np.int64)
    left[:, :, 0] = 8
    scaled = mnist._scaled(left, 28)[0]
    assert (scaled[:, 0] == 128).all()
    assert (scaled[:, 6:] == 0).all()
    assert (np.diff(scaled.astype(int), axis=1) <= 0).all()


def test_without_scikit_learn_the_error_says_what_to_install(store: Store, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(BuildError, match=r"scikit-learn is not installed(.|\n)*pip install"):
        realize(mnist.digits())


# --- rows ------------------------------------------------------------------------------


def test_rows_are_pictures_with_their_digits_and_those_to_train_on_come_first(store: Store, arrays):
    found = mnist.rows(data=mnist.digits())
    assert len(found) == 1797
    assert all(row.keys() == {"img", "class"} for row in found)
    assert (np.asarray(found[0]["img"]) == arrays["x_train"][0]).all()
    assert [row["class"] for row in found[1437:]] == arrays["y_test"].tolist()
    assert [row["class"] for row in mnist.rows(3, mnist.digits())] == [0, 1, 2]


def test_more_rows_than_there_are_is_an_error(store: Store):
    with pytest.raises(BadStage, match=r"1,797 digits(.|\n)*1798"):
        mnist.rows(1798, mnist.digits())


def test_rows_are_those_of_mnist_where_it_can_be_had(store: Store, tmp_path: Path, monkeypatch):
    with serving(small_mnist(tmp_path)) as served:
        defaults = (served.url, served.sha256)
        monkeypatch.setattr(mnist.dataset.__wrapped__, "__defaults__", defaults)
        assert len(mnist.rows(5)) == 5
    assert served.asked == ["/mnist.npz"]


def test_without_mnist_the_stand_in_is_taken_and_said_but_never_for_wrong_bytes(
    store: Store, tmp_path: Path, monkeypatch
):
    def offline(b: object) -> None:
        raise FetchError("no server sent the file")

    gone = Derivation({"name": "mnist"}, match_best("x"), build_wrapper(offline))
    monkeypatch.setattr(mnist, "dataset", lambda: gone)
    with pytest.warns(PystoreWarning, match="the digits of scikit-learn are taken"):
        assert len(mnist.rows(2)) == 2
    with serving(small_mnist(tmp_path)) as served:
        other = fetchurl(served.url, "0" * 64, mode="as-is", name="mnist")
        monkeypatch.setattr(mnist, "dataset", lambda: other)
        with pytest.raises(ChecksumMismatch):
            mnist.rows(2)


# --- train -----------------------------------------------------------------------------


def test_train_serves_by_value_and_by_registry():
    m = Registry()
    by_registry = mnist.train(m, data=mnist.digits(m))
    assert isinstance(by_registry, DRef)
    assert m[by_registry] == mnist.train(data=mnist.digits())


def test_train_takes_a_file_of_any_stage():
    digits = mnist.digits()
    named = mnist.train([digits, "mnist.npz"])
    assert named == mnist.train(digits)
    m = Registry()
    assert mnist.train(m, RefPath(mnist.digits(m), ("mnist.npz",))) == named.dref


@pytest.mark.parametrize(
    "parameter",
    [{"examples": 5}, {"batch_size": 5}, {"epochs": 5}, {"learning_rate": 5.0}, {"name": "other"}],
)
def test_each_parameter_of_train_is_part_of_what_it_is(parameter):
    data = mnist.digits()
    assert mnist.train(data, **parameter).dref != mnist.train(data).dref
    assert parameter.items() <= mnist.train(data, **parameter).config.value.items()


def test_the_matcher_of_train_is_no_part_of_what_it_is():
    data = mnist.digits()
    best = mnist.train(data, matcher=match_best("accuracy.txt"))
    assert best.dref == mnist.train(data).dref
    assert best.matcher == match_best("accuracy.txt")


def test_train_promises_its_two_files():
    promised = mnist.train(mnist.digits()).config.promises
    assert set(promised) == {("model.weights.h5",), ("accuracy.txt",)}


@pytest.mark.parametrize("name", ["examples", "batch_size", "epochs", "learning_rate"])
@pytest.mark.parametrize("number", [0, -1, float("nan")])
def test_numbers_that_no_training_can_use_are_refused(name, number):
    with pytest.raises(BadStage, match=name):
        mnist.train(mnist.digits(), **{name: number})


def test_a_parameter_of_the_wrong_kind_is_refused():
    with pytest.raises(BadStage, match="epochs"):
        mnist.train(mnist.digits(), epochs=1.5)  # type: ignore[call-overload]  # the mistake
    with pytest.raises(BadStage, match="examples"):
        mnist.train(mnist.digits(), examples="all")  # type: ignore[call-overload]  # the mistake
    with pytest.raises(BadConfig, match="data"):
        mnist.train(Path("mnist.npz"))  # type: ignore[call-overload]  # the mistake


def test_without_keras_the_error_says_what_to_install(store: Store, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(BuildError, match=r"Keras is not installed(.|\n)*pip install"):
        realize(mnist.train(mnist.digits()))


@needs_tensorflow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
def test_the_network_learns_the_digits_and_tells_how_far_it_is(store: Store):
    heard: list[events.Progress] = []
    rref = realize(
        mnist.train(mnist.digits(), examples=1000, epochs=3, batch_size=32),
        listener=lambda event: heard.append(event) if isinstance(event, events.Progress) else None,
    )
    assert float(catref(rref, "accuracy.txt")[0]) > 0.7
    assert {"accuracy.txt", "model.weights.h5"} <= set(lsref(rref))
    assert [event.done for event in heard] == list(range(1, 97))
    assert {event.total for event in heard} == {96}
    assert attempts(rref)[0].notes["examples"] == 1000
