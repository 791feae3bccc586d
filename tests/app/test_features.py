"""Questions become features like those of the training, or are refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.app.errors import BadFeatures
from pystore.app.features import Features, takes_picture
from pystore.app.signature import FILE, Signature, described, gaps_of
from pystore.errors import Corrupted

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
    signature = Signature(**known, codes={}, predictions=None)
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
    assert trained.of([[True], [False]])["flag"].tolist() == [True, False]
    for strange in (1, 0, 7, 0.5):
        with pytest.raises(BadFeatures, match="neither true nor false"):
            trained.of([[strange]])


def test_FT2_a_number_too_large_for_the_trained_type_is_refused():
    for example in (ARRAY[:, 0], pd.DataFrame(ARRAY[:, 0])):
        with pytest.raises(BadFeatures, match="too large for float32"):
            features(example).of([[1.0, 1e300]])


def test_FT2_a_column_that_is_given_twice_is_refused():
    with pytest.raises(BadFeatures, match="given twice"):
        features(FRAME).of(pd.DataFrame([[1.0, 2, "Rome", 4.0, 5.0]], columns=[*FRAME, "size"]))


ROWS = {"float": [0.5, 1.5], "int": [1, 2], "Int64": pd.array([1, None], "Int64")}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("truth", [True, False, np.True_])
def test_FT3_true_is_no_number(kind, truth):
    trained = features(pd.DataFrame({"a": ROWS[kind], "b": [1, 2]}))
    for question in ({"a": truth, "b": 2}, [[truth, 2]], pd.DataFrame({"a": [truth], "b": [2]})):
        with pytest.raises(BadFeatures, match="number"):
            trained.of(question)
    assert trained.of({"a": 1, "b": 2})["a"].tolist() == [1]


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_FT3_true_is_no_number_of_an_array(dtype):
    trained = features(np.ones((2, 3), dtype))
    for question in ([1, True, 2], [[1, 2, 3], [1, 2, True]], np.ones((1, 3), bool)):
        with pytest.raises(BadFeatures, match="true or false"):
            trained.of(question)


@pytest.mark.parametrize(
    "example",
    [np.array([[True]]), pd.DataFrame({"a": [True, False]}),
     pd.DataFrame({"a": pd.array([True, None], "boolean")}),
     pd.DataFrame({"a": [True, False, None]}, dtype=object)],
    ids=["array", "frame", "boolean", "objects"],
)  # fmt: skip
def test_FT3_a_number_is_no_truth_value(example):
    trained = features(example)
    assert np.asarray(trained.of([[True], [False]])).tolist() == [[True], [False]]
    for strange in (1, 0, 1.0, "true"):
        with pytest.raises(BadFeatures, match=r"true|truth"):
            trained.of([[strange]])


WHENS = {
    "plain": pd.Series(pd.to_datetime(["2026-01-02"])),
    "zoned": pd.Series(pd.to_datetime(["2026-01-02"]).tz_localize("Europe/Berlin")),
    "length": pd.Series(pd.to_timedelta(["1 days"])),
}
GUESSES = ["now", "today", "01/02/2026", "2026", "2026-01", "20260102", "5", "2026-02-30", " "]


@pytest.mark.parametrize("kind", WHENS)
@pytest.mark.parametrize("text", [*GUESSES, 5, True, "2026-01-02T03:04:05.1234567891"])
def test_FT2_no_time_is_guessed(kind, text):
    with pytest.raises(BadFeatures, match="when"):
        features(WHENS[kind].to_frame("when")).of({"when": text})


@pytest.mark.parametrize(
    ("kind", "text", "same"),
    [
        ("plain", "2026-01-02T03:04:05.678", pd.Timestamp("2026-01-02T03:04:05.678")),
        ("plain", pd.Timestamp(2026, 1, 2), pd.Timestamp(2026, 1, 2)),
        ("zoned", "2026-01-02T00:00:00Z", pd.Timestamp("2026-01-02T01:00", tz="Europe/Berlin")),
        ("length", "P1DT2H", pd.Timedelta(26, "h")),
        ("length", "1 days 02:00:00", pd.Timedelta(26, "h")),
        ("length", pd.Timedelta(-5, "h").isoformat(), pd.Timedelta(-5, "h")),
    ],
)
def test_FT2_a_time_of_iso_8601_is_taken_as_it_is(kind, text, same):
    found = features(WHENS[kind].to_frame("when")).of({"when": text})
    assert found["when"].tolist() == [same] and found["when"].dtype == WHENS[kind].dtype


@pytest.mark.parametrize(
    ("kind", "text"),
    [("plain", "2026-01-02T03:04:05Z"), ("zoned", "2026-01-02T03:04:05"),
     ("plain", pd.Timestamp("2026-01-02", tz="UTC")), ("zoned", pd.Timestamp("2026-01-02"))],
)  # fmt: skip
def test_IT1_an_offset_is_neither_dropped_nor_guessed(kind, text):
    with pytest.raises(BadFeatures, match="no time") as caught:
        features(WHENS[kind].to_frame("when")).of({"when": text})
    assert caught.value.like.startswith("2026-01-31T12:00:00")


def test_FT2_a_time_is_not_rounded_to_the_trained_unit():
    trained = features(WHENS["plain"].astype("datetime64[s]").to_frame("when"))
    with pytest.raises(BadFeatures, match="no datetime"):
        trained.of({"when": "2026-01-02T03:04:05.5"})


def test_FT2_a_column_that_one_of_several_records_lacks_is_missing():
    lacking = {name: value for name, value in RECORD.items() if name != "age"}
    with pytest.raises(BadFeatures, match="columns are missing"):
        features(FRAME).of([RECORD, lacking])


@pytest.mark.parametrize(
    ("example", "strange"),
    [(["a", "b"], [5, True, None, ["a"]]), ([[1.0, 2.0]], [1.0, ["a", "b"], [True, False]])],
)
def test_FT2_an_item_of_another_form_is_refused(example, strange):
    for one in strange:
        with pytest.raises(BadFeatures, match="another form"):
            features(example).of([example[0], one])


@pytest.mark.parametrize(
    ("example", "returned"),
    [
        (["good", "bad"], "fine"),
        (pd.DataFrame({"word": ["good", "bad"]}), {"word": "fine"}),
        (pd.DataFrame({"word": ["good", "bad"]}), pd.Series({"word": "fine"})),
        (pd.DataFrame({"word": ["good", "bad"]}), ["fine"]),
    ],
)
def test_FT1_a_loader_may_return_one_row(example, returned):
    found = features(example, lambda raw: returned).of(b"raw")
    assert np.asarray(found).ravel().tolist() == ["fine"]


def test_FT2_an_array_of_another_size_is_refused():
    def loader(data: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(data.ravel()).transpose().rename(columns=lambda at: f"pixel{at}")

    ask = features(loader(np.zeros((3, 3))), loader)
    assert ask.of(np.ones((3, 3))).shape == (1, 9)
    for size, told in ((4, "columns that were not trained"), (2, "columns are missing")):
        with pytest.raises(BadFeatures, match=told):
            ask.of(np.ones((size, size)))


def test_rows_that_a_loader_returns_with_another_width_are_told():
    with pytest.raises(BadFeatures, match="these are no rows"):
        features(FRAME, lambda raw: [[1.0, 2]]).of("raw")


@pytest.mark.parametrize("raw", [[[1, 2], [3]], {"ink": [1, 2]}, pd.Series([1, 2]).array])
def test_a_loader_that_works_in_place_changes_no_question(raw):
    def loader(given: Any) -> Any:
        inner = given["ink"] if isinstance(given, dict) else given
        inner[0] = 7
        return ARRAY[:1]

    before = repr(raw)
    features(ARRAY, loader).of(raw)
    assert repr(raw) == before


def test_a_pipe_is_no_signature(tmp_path: Path):
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(Corrupted, match="no signature"):
        Signature.read(tmp_path)


# --- no value changes another one --------------------------------------------------------

LARGE = 2**53 + 1
WHOLE = pd.DataFrame({"id": [1, 2], "n": [3, 4]})


@pytest.mark.parametrize(
    "question",
    [[{"id": LARGE, "n": 1}, {"id": 2.0, "n": 1}], [[LARGE, 1.0], [2.0, 1]], [[LARGE, 1.0]]],
)
def test_FT4_a_whole_number_is_not_rounded_because_of_another_one(question):
    assert features(WHOLE).of(question)["id"].iloc[0] == LARGE
    if isinstance(question[0], list):
        assert features(WHOLE.to_numpy()).of(question)[0, 0] == LARGE


def test_FT4_a_whole_number_is_not_rounded_because_of_a_gap():
    for dtype in ("Int64", object):
        known = pd.DataFrame({"id": pd.Series([1, None], dtype=dtype)})
        found = features(known).of([{"id": LARGE}, {"id": None}])
        assert found["id"].iloc[0] == LARGE
        assert pd.isna(found["id"].iloc[1])


def test_FT4_where_it_would_be_rounded_it_is_refused():
    for question in ([{"id": LARGE, "n": 1}, {"id": 2.5, "n": 1}], [[LARGE, 1], [2.5, 1]]):
        with pytest.raises(BadFeatures, match="id is no number") as caught:
            features(WHOLE).of(question)
        assert "would be rounded" in str(caught.value)
    with pytest.raises(BadFeatures, match="no number"):
        features(WHOLE.to_numpy()).of([[2**63 + 1, -1]])
    assert features(WHOLE).of([[1, 1], [2.5, 1]])["id"].tolist() == [1.0, 2.5]


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_gap_is_what_it_was_at_the_training(gap):
    known = pd.DataFrame({"town": pd.Series(["Oslo", gap], dtype=object), "n": [1, 2]})
    for question in ([["Rome", 1], [None, 2]], [{"town": None, "n": 1}], pd.DataFrame(
        {"town": ["Rome", None], "n": [1, 2]}
    )):  # fmt: skip
        found = features(known).of(question)["town"].iloc[-1]
        assert found is None if gap is None else found != found


@pytest.mark.parametrize(
    ("trained", "value"),
    [([1.5, 2.5], 10**400), ([1, 2], 10**400), (pd.array([1.5, None], "Float64"), 10**400),
     (pd.array([1.5, None], "Float64"), float("inf")), (["a", "b"], "\ud800")],
)  # fmt: skip
def test_values_that_no_type_holds_are_refused(trained, value):
    with pytest.raises(BadFeatures):
        features(pd.DataFrame({"x": trained})).of([{"x": value}])


def test_a_record_may_have_the_name_that_a_sketchpad_uses():
    known = pd.DataFrame({"composite": [1, 2], "n": [3, 4]})
    assert features(known).of({"composite": 5, "n": 6})["composite"].tolist() == [5]


# --- arrays of texts, and of values of several kinds -------------------------------------

MIXED = np.array([["Oslo", 1.5, True], ["Rome", 2.5, None]], dtype=object)


def test_an_array_of_several_kinds_is_asked_about():
    found = features(MIXED).of([["Paris", 3, False], ["Oslo", 0.5, None]])
    assert found.tolist() == [["Paris", 3, False], ["Oslo", 0.5, None]]
    longer = features(np.array([["a", "b"]])).of([["longer", "x"]])
    assert longer.tolist() == [["longer", "x"]]
    assert longer.dtype.kind == "U"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([1, 1.5, True], "no text"), (["Oslo", "1.5", True], "no number"),
        (["Oslo", True, True], "no number"), (["Oslo", 1.5, 1], "no truth value"),
        (["Oslo", 1.5], "another width"),
    ],
)  # fmt: skip
def test_FT2_a_value_of_another_kind_is_refused_in_such_an_array(row, why):
    with pytest.raises(BadFeatures, match=why):
        features(MIXED).of([row])


def test_FT2_a_gap_is_refused_where_such_an_array_had_none():
    with pytest.raises(BadFeatures, match="missing"):
        features(MIXED[:1]).of([[None, 1.5, True]])


# --- doubles alone -----------------------------------------------------------------------

CELLS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4), st.booleans())
def test_doubles_are_made_at_once_as_one_by_one(rows, are_records):
    known = features(pd.DataFrame({"a": [1.5, 2.5], "b": [0.5, -1.0]}))
    question = [{"b": b, "a": a, "c": "x"} if are_records else [a, b] for a, b in rows]
    quick = known.of(question)
    known._at_once = lambda *_: None  # the other way
    pd.testing.assert_frame_equal(quick, known.of(question), check_exact=True)


@pytest.mark.parametrize(
    "row", [[1.5, True], [1.5, "2"], [1.5, None], [1.5, float("inf")], [1.5, [2.0]], [1.5, 10**400]]
)
def test_FT2_what_is_no_double_is_refused_where_all_are(row):
    known = features(pd.DataFrame({"a": [1.5, 2.5], "b": [0.5, -1.0]}))
    for question in ([row], [dict(zip("ab", row, strict=True))], [[1.0, 2.0], row]):
        with pytest.raises(BadFeatures, match=r"^b "):
            known.of(question)
