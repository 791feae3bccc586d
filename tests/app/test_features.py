"""Questions become features like those of the training, or are refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app.errors import BadFeatures
from pystore.app.features import Features, takes_picture
from pystore.app.signature import Signature, described, gaps_of

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.0, 3.0],
        "rooms": [1, 2, 3],
        "town": pd.Categorical(["Oslo", "Rome", "Oslo"]),
        "age": [1.0, None, 3.0],
    }
)
RECORD = {"size": 1.5, "rooms": 2, "town": "Rome", "age": 4.0}
ARRAY = np.zeros((3, 2, 2), np.float32)


def features(example: Any, loader: Any = None) -> Features:
    known = {**described(example), "missing": gaps_of([example])}
    signature = Signature(**known, predictor="", predictions=None)
    return Features(signature, example, loader)


@pytest.mark.parametrize(
    "question",
    [RECORD, [RECORD, RECORD], pd.Series(RECORD), pd.DataFrame([RECORD]), list(RECORD.values()),
     [list(RECORD.values())], pd.DataFrame([{**RECORD, "more": 1}])],
    ids=["record", "records", "Series", "frame", "row", "rows", "more columns"],
)  # fmt: skip
def test_FT1_whatever_people_type_becomes_rows_like_those_of_the_training(question):
    rows = features(FRAME).of(question)
    assert list(rows.columns) == list(FRAME.columns)
    assert list(rows.dtypes) == list(FRAME.dtypes)
    assert rows["town"].iloc[0] == "Rome"


@pytest.mark.parametrize("question", [ARRAY[0], ARRAY, ARRAY.tolist(), ARRAY[0].tolist()])
def test_FT1_rows_of_the_trained_shape_skip_the_loader(question):
    def loader(raw: Any) -> Any:
        raise AssertionError

    rows = features(ARRAY, loader).of(question)
    assert rows.shape[1:] == (2, 2)
    assert rows.dtype == np.float32


def test_FT1_all_else_goes_to_the_loader():
    asked = []

    def loader(raw: np.ndarray) -> Any:
        asked.append(raw)
        drawn = raw["composite"] if isinstance(raw, dict) else raw
        return ARRAY[:1] if drawn.any() else None

    known = features(ARRAY, loader)
    assert known.of([[0, 0, 0], [0, 0, 0]]) is None
    assert known.of([[255, 0, 0], [0, 0, 0]]).shape == (1, 2, 2)
    assert known.of({"composite": np.ones((2, 2))}).shape == (1, 2, 2)
    assert asked[0].dtype == np.uint8
    assert asked[2]["composite"].shape == (2, 2)


def test_texts_are_features_of_a_model_of_texts():
    known = features(["a", "b"])
    assert known.of("good") == ["good"]
    assert known.of(["good", "bad"]) == ["good", "bad"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({**RECORD, "size": "big"}, "no number"),
        ({**RECORD, "size": float("inf")}, "infinite"),
        ({**RECORD, "size": None}, "missing value"),
        ({**RECORD, "town": "Paris"}, "no category"),
        ({**RECORD, "town": ["Rome"]}, "no category"),
        ({"rooms": 1}, "columns are missing"),
        ([1.0, 2.0], "no features"),
        ([[1.0, 2.0]], "another width"),
        ("text", "no features"),
    ],
)
def test_FT2_what_the_training_cannot_have_seen_is_refused(question, message):
    with pytest.raises(BadFeatures, match=message) as caught:
        features(FRAME).of(question)
    assert caught.value.expected["columns"] == list(FRAME.columns)


@pytest.mark.parametrize("wrong", [5, ["a"], True])
def test_FT2_a_text_is_never_made_of_something_else(wrong):
    known = features(pd.DataFrame({"word": ["a", "b"], "when": pd.to_datetime(["2024", "2025"])}))
    assert known.of({"word": "c", "when": "2026-01-01"})["word"].tolist() == ["c"]
    with pytest.raises(BadFeatures, match="no text"):
        known.of({"word": wrong, "when": "2026-01-01"})
    with pytest.raises(BadFeatures):
        known.of({"word": "c", "when": 5})


def test_FT2_a_value_may_be_missing_where_one_was():
    assert features(FRAME).of({**RECORD, "age": None})["age"].isna().all()


def test_FT2_the_missing_columns_are_named_at_most_three():
    wide = pd.DataFrame(np.zeros((2, 9)), columns=[f"c{i}" for i in range(9)])
    with pytest.raises(BadFeatures, match="missing") as caught:
        features(wide).of({"c8": 1.0})
    assert caught.value.facts["missing"] == "c0, c1, c2, and 5 more"


def test_a_loader_that_raises_is_told_with_its_message():
    def loader(raw: Any) -> Any:
        raise KeyError("ink")

    with pytest.raises(BadFeatures, match="KeyError: 'ink'"):
        features(ARRAY, loader).of("x")


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(_anything)
def test_FT2_whatever_is_asked_there_are_rows_or_a_clear_error(question):
    for example in (FRAME, ARRAY):
        try:
            rows = features(example).of(question)
        except BadFeatures:
            continue
        assert rows.shape[1:] == example.shape[1:]


def test_a_picture_is_known_by_the_annotation():
    def image(data: "Image.Image") -> Any: ...  # type: ignore[name-defined]  # noqa: F821
    def array(data: np.ndarray) -> Any: ...
    def other(data: dict[str, Any]) -> Any: ...

    assert takes_picture(image)
    assert takes_picture(array)
    assert not takes_picture(other)
    assert not takes_picture(None)


def test_FT2_a_whole_number_is_not_rounded():
    big = pd.DataFrame({"id": [2**53, 2**53 + 1]})
    assert features(big).of(big)["id"].tolist() == big["id"].tolist()
    assert features(big.to_numpy()).of(big.to_numpy()).tolist() == big.to_numpy().tolist()


def test_FT2_a_number_is_no_truth_value():
    trained = features(pd.DataFrame({"flag": [True, False]}))
    assert trained.of([[1], [False]])["flag"].tolist() == [True, False]
    for strange in (7, 0.5):
        with pytest.raises(BadFeatures, match="neither true nor false"):
            trained.of([[strange]])


def test_FT2_a_number_too_large_for_the_trained_type_is_refused():
    for example in (ARRAY[:, 0], pd.DataFrame(ARRAY[:, 0])):
        with pytest.raises(BadFeatures, match="too large for float32"):
            features(example).of([[1.0, 1e300]])


def test_FT2_a_column_that_is_given_twice_is_refused():
    with pytest.raises(BadFeatures, match="given twice"):
        features(FRAME).of(pd.DataFrame([[1.0, 2, "Rome", 4.0, 5.0]], columns=[*FRAME, "size"]))
