"""Rows that stand in two parts of the data, which no score says."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from digit_rows import bars
from test_redefined import fresh, rows

from pystore import PystoreWarning
from pystore.app.row_keys import row_keys
from pystore.app.rows import taken
from pystore.app.stored_rows import Rows
from pystore.app.telling_apart import warn_of_trained_rows
from pystore.errors import BadStage

ROWS = rows()


def trained(split: Any, data: Any = ROWS, **settings: Any) -> Any:
    """Trains on what a splitter returns."""
    model = fresh(data, **settings)
    model.dataset.splitter(lambda data, test_size, shuffle, random_state: split(data))
    return model.train(progress=False)


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        (lambda data: (data, data), "40 of the 40 rows of test"),
        (lambda data: (data[:30], data[29:]), "1 of the 11 rows of test"),
        (lambda data: (data, data.sample(5, random_state=0)), "5 of the 5 rows of test"),
    ],
    ids=["all", "one row", "a sample"],
)
def test_LK1_rows_of_train_are_none_of_test(store, split, rows):
    with pytest.raises(BadStage, match="the same rows into train and test") as caught:
        trained(split)
    assert caught.value.facts["rows"] == rows
    assert caught.value.remedy


def test_LK1_each_pair_of_parts_is_looked_at(store):
    with pytest.raises(BadStage, match="into valid and test"):
        trained(lambda data: (data[:20], data[20:30], data[29:]), valid_size=0.2)


@pytest.mark.parametrize("data", [ROWS, ROWS.sample(frac=1, random_state=1)])
def test_LK1_new_labels_are_no_shared_rows(store, data):
    run = trained(lambda all_: (all_[:30].reset_index(drop=True), all_[30:].reset_index(drop=True)))
    assert run.metrics["test"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "data",
    [(ROWS[["a", "b"]].to_numpy(), ROWS["y"].to_numpy()),
     (ROWS[["a", "b"]].to_numpy().tolist(), ROWS["y"].tolist()),
     ROWS.set_index(np.zeros(40, int))],
    ids=["arrays", "lists", "labels that are not unique"],
)  # fmt: skip
def test_LK2_equal_rows_are_counted(store, data):
    def split(whole: Any) -> Any:
        one, other = slice(None, 30), slice(28, None)
        if isinstance(whole, tuple):
            return tuple(x[one] for x in whole), tuple(x[other] for x in whole)
        return whole[one], whole[other]

    with pytest.warns(PystoreWarning, match=r"2 of 12 rows \(16.7%\) of the part test"):
        trained(split, data)


def test_LK2_the_default_split_counts_them_too(store):
    twice = pd.concat([ROWS, ROWS], ignore_index=True)
    with pytest.warns(PystoreWarning, match="rows .* of the part test of rows-split are equal"):
        fresh(twice).train(progress=False)


def test_a_part_without_rows_is_refused(store):
    with pytest.raises(BadStage, match="leaves no rows to test"):
        trained(lambda data: (data, data[:0]))


@pytest.mark.parametrize(
    "data",
    [ROWS, ROWS.to_numpy(), ROWS.to_numpy().tolist(), (ROWS[["a"]], ROWS["y"]),
     ROWS.assign(words=[["a", n] for n in range(40)]), [np.full(2000, n) for n in range(40)]],
    ids=["frame", "array", "lists", "tuple", "frame of lists", "list of arrays"],
)  # fmt: skip
def test_only_equal_rows_have_equal_keys(data):
    keys = row_keys(data)
    assert keys is not None and len(set(keys)) == 40
    assert row_keys(taken(data, [7, 7, 3])) == [keys[7], keys[7], keys[3]]


def test_data_without_rows_have_no_keys():
    assert row_keys({"x": [1, 2]}) is None


@pytest.mark.parametrize(("valid", "equal"), [((60, 0), 60), ((10, 0), 10), ((60, 1), 0)])
def test_LK2_rows_of_a_validation_set_that_are_trained_on_are_counted(store, valid, equal):
    train, judged = Rows(bars().run().path), Rows(bars(*valid).run().path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_trained_rows("gold of net", train, judged)
    said = [f"{equal} of {valid[0]} rows (100.0%) of the validation set gold of net"] * bool(equal)
    assert [str(one.message)[: len(said[0])] for one in told] == said
