"""What is wrong with parts, and with what a parser makes of them, is told before a training."""

from typing import Any

import numpy as np
import pytest
from test_redefined import fresh, rows

from pystore.app import Dataset
from pystore.errors import BadStage

ROWS = rows()


def test_other_numbers_of_features_and_targets_are_told_with_both(store):
    model = fresh(ROWS)
    model.dataset.parser(lambda data, features, targets: (data[["a", "b"]], data["y"][:-3]))
    with pytest.raises(BadStage, match="different numbers of rows") as caught:
        model.train(progress=False)
    assert (caught.value.facts["features"], caught.value.facts["targets"]) == (8, 5)


def test_a_parser_that_returns_a_frame_is_refused(store):
    model = fresh(ROWS)
    model.dataset.parser(lambda data, features, targets: data)
    with pytest.raises(BadStage, match="returns the arguments of the trainer"):
        model.train(progress=False)


@pytest.mark.parametrize("names", [["a", "a", "y"], [1, "1", "y"]])
def test_columns_of_one_name_are_refused(store, names):
    with pytest.raises(BadStage, match="several columns of the data have one name") as caught:
        fresh(ROWS.set_axis(names, axis=1)).train(progress=False)
    assert caught.value.facts["names"] == str(names[0])
    model = fresh(ROWS)
    model.dataset.splitter(lambda data, *_: (data[:30], data[30:].set_axis(names, axis=1)))
    with pytest.raises(BadStage, match="one name"):
        model.train(progress=False)
    assert not [dref for dref in store.drefs() if dref.name == "line"]


def test_a_target_is_no_feature():
    with pytest.raises(BadStage, match="y is a target and a feature"):
        Dataset(features=["a", "y"], targets=["y"])


def test_features_that_are_named_are_not_ignored(store):
    model = fresh((ROWS[["a", "b"]], ROWS["y"]), features=["a"])
    with pytest.raises(BadStage, match="the data are a tuple") as caught:
        model.train(progress=False)
    assert caught.value.facts["features"] == "a"


@pytest.mark.parametrize(
    "other",
    [lambda part: part[["b", "a", "y"]], lambda part: part.assign(c=1.0),
     lambda part: part.assign(a=part["a"].round().astype("category"))],
    ids=["another order", "one more", "categories"],
)  # fmt: skip
def test_parts_have_the_same_columns(store, other: Any):
    model = fresh(ROWS)
    model.dataset.splitter(lambda data, *_: (data[:30], other(data[30:])))
    with pytest.raises(BadStage, match="of train and of test are not the same columns"):
        model.train(progress=False)


def test_rows_of_arrays_have_one_width(store):
    model = fresh((ROWS[["a", "b"]].to_numpy(), ROWS["y"].to_numpy()))
    model.dataset.splitter(
        lambda data, *_: (
            tuple(x[:30] for x in data),
            (np.ones((10, 3)), data[1][30:]),
        )
    )
    with pytest.raises(BadStage, match="not the same columns") as caught:
        model.train(progress=False)
    assert (caught.value.facts["train"], caught.value.facts["test"]) == ("(2,)", "(3,)")
