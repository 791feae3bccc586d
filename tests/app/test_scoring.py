"""Scoring: files of rows get predictions, whole or not at all, and bad rows are named."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pystore.app import BadFeatures, Loaded, PredictorFailed, table_files
from pystore.app.scoring import Scored, score
from pystore.app.table_files import read_table
from pystore.errors import BadPlace

GOOD: dict[str, Any] = {"fit__C": 0.1}


@pytest.fixture
def loaded(load, store) -> Loaded:
    run = load().model.train(GOOD, progress=False)
    found: Loaded = run.loaded
    return found


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    random = np.random.RandomState(1)
    frame = pd.DataFrame(random.normal(size=(25, 3)) * 2 + 1, columns=["c", "a", "b"])
    return frame.assign(id=[f"00{i}" for i in range(25)])


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(table_files, "ROWS", 7)


def expected(loaded: Loaded, rows: pd.DataFrame) -> list[Any]:
    [found] = loaded.predict([loaded.features(rows)])
    return found


def scored(loaded: Loaded, text: str, **options: Any) -> tuple[Scored, pd.DataFrame]:
    out = io.BytesIO()
    told = score(loaded, io.BytesIO(text.encode()), out, **options)
    frame = pd.read_csv(io.BytesIO(out.getvalue()), dtype=str, keep_default_na=False)
    return told, frame


@pytest.mark.parametrize("target", ["out.parquet", "out.csv"])
@pytest.mark.parametrize("source", ["rows.parquet", "rows.csv"])
def test_BP1_each_row_has_a_prediction_and_its_model(loaded, rows, tmp_path, source, target):
    if source.endswith(".csv"):
        rows.to_csv(tmp_path / source, index=False)
    else:
        rows.to_parquet(tmp_path / source)
    told = score(loaded, tmp_path / source, tmp_path / target)
    assert (told.rows, told.bad) == (25, ())
    read = pd.read_csv if target.endswith(".csv") else pd.read_parquet
    found = read(tmp_path / target)
    assert [*found] == ["c", "a", "b", "id", "prediction", "rref"]
    assert found["prediction"].tolist() == expected(loaded, rows)
    assert {*found["prediction"]} == {0, 1}
    assert {*found["rref"]} == {loaded.rref}
    assert np.allclose(found[["a", "b", "c"]].astype(float), rows[["a", "b", "c"]], rtol=1e-15)


def test_TF2_a_cell_of_csv_stays_the_text_that_it_is(loaded):
    text = 'id,a,b,c,"the, note"\n007,1.50,2,3e0,"two\nlines"\nNA,1,2,3,""\n'
    _, found = scored(loaded, text)
    assert found["id"].tolist() == ["007", "NA"]
    assert found["a"].tolist() == ["1.50", "1"]
    assert found["the, note"].tolist() == ["two\nlines", ""]


def test_the_types_of_parquet_stay(loaded, rows, tmp_path):
    rows = rows.assign(
        day=pd.Timestamp("2026-01-02"),
        few=np.arange(25, dtype="int8"),
        kind=pd.Categorical(["x"] * 25),
    )
    rows.to_parquet(tmp_path / "rows.parquet")
    score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(found[[*rows]], rows)
    assert found["prediction"].dtype == "int64"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1,x,3", "b is 'x', and was float64 at the training"),
        ("1,,3", "missing value"),
        ("1,NA,3", "missing value"),
        ("1,inf,3", "infinite"),
        ("1,1e999,3", "infinite"),
        ("1,2", "it has 2 cells, and there are 3 columns"),
    ],
)
def test_BP2_a_bad_row_is_named_by_its_line(loaded, row, why):
    good = "1,2,3\n" * 9
    text = f'a,b,c\n{good}\n"1\n",2,3\n{row}\n{good}'  # line 11 is empty, and a row has two lines
    with pytest.raises(BadFeatures, match="line 14 cannot be predicted") as caught:
        scored(loaded, text)
    assert why in caught.value.because
    told, found = scored(loaded, text, skip_bad=True)
    assert (told.rows, told.bad, told.word) == (20, (14,), "line")
    assert found["prediction"].eq("").sum() == 1
    assert found["prediction"].iloc[10] == "" and found["rref"].iloc[10] == loaded.rref


def test_BP2_of_several_bad_rows_the_first_is_named(loaded):
    text = "a,b,c\n1,2,3\n1,,3\n1,x,3\n1,2\n"
    with pytest.raises(BadFeatures, match="line 3 "):
        scored(loaded, text)


def test_BP2_a_bad_row_of_parquet_is_named_by_its_number(loaded, rows, tmp_path):
    rows.loc[11, "a"] = np.nan
    rows.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(BadFeatures, match="row 12 cannot be predicted"):
        score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet")
    told = score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet", skip_bad=True)
    assert (told.bad, told.word) == ((12,), "row")
    found = pd.read_parquet(tmp_path / "out.parquet")["prediction"]
    assert found.isna().tolist() == [at == 11 for at in range(25)]
    assert found.drop(11).tolist() == expected(loaded, rows.drop(11))


def test_BP2_a_row_at_which_the_predictor_fails_is_named(load, store):
    fails = "[1 // int(one < 90) for one in features['a']]"
    module = load(("[int(one) for one in estimator.predict(features)]", fails))
    loaded = module.model.train(GOOD, progress=False).loaded
    text = "a,b,c\n" + "1,2,3\n" * 10 + "99,2,3\n"
    with pytest.raises(PredictorFailed, match="line 12 ") as caught:
        scored(loaded, text)
    assert "ZeroDivisionError" in caught.value.because
    assert scored(loaded, text, skip_bad=True)[0].bad == (12,)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.sampled_from(["0,0,0", "3,3,3", "x,3,3", ",3,3", "3,3", "3,3,inf"]), max_size=30)
)
def test_BP2_the_others_are_predicted_as_without_the_bad_ones(loaded, lines):
    text = "\n".join(["a,b,c", *lines, ""])
    told, found = scored(loaded, text, skip_bad=True)
    answers = {"0,0,0": "0", "3,3,3": "1"}
    assert found["prediction"].tolist() == [answers.get(line, "") for line in lines]
    assert len(told.bad) == sum(line not in answers for line in lines)


@pytest.mark.parametrize("before", [None, b"what stood here"])
def test_TF3_a_file_is_whole_or_as_it_was(loaded, tmp_path, before):
    (tmp_path / "rows.csv").write_text("a,b,c\n" + "1,2,3\n" * 20 + "1,x,3\n")
    if before is not None:
        (tmp_path / "out.csv").write_bytes(before)
    there = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    with pytest.raises(BadFeatures):
        score(loaded, tmp_path / "rows.csv", tmp_path / "out.csv")
    assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == there
    assert not list(tmp_path.glob(".out*"))


def test_TF3_a_stream_gets_nothing_of_what_failed(loaded):
    out = io.BytesIO()
    with pytest.raises(BadFeatures):
        score(loaded, io.BytesIO(b"a,b,c\n" + b"1,2,3\n" * 20 + b"1,x,3\n"), out)
    assert out.getvalue() == b""


def test_a_file_can_take_its_own_place(loaded, rows, tmp_path):
    rows.to_parquet(tmp_path / "rows.parquet")
    score(loaded, tmp_path / "rows.parquet", tmp_path / "rows.parquet")
    assert pd.read_parquet(tmp_path / "rows.parquet")["prediction"].tolist() == expected(
        loaded, rows
    )


def test_TF1_a_chunk_has_few_rows(rows, tmp_path, monkeypatch):
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    for name in ("rows.parquet", "rows.csv"):
        with read_table(tmp_path / name) as table:
            assert [len(chunk.numbers) for chunk in table.chunks] == [7, 7, 7, 4]
    monkeypatch.setattr(table_files, "CELLS", 8)
    with read_table(tmp_path / "rows.csv") as table:
        assert [len(chunk.numbers) for chunk in table.chunks] == [2] * 12 + [1]


def test_TF1_the_next_chunk_is_read_when_the_last_is_written(loaded):
    """A stream that ends in an error after the first chunk has been asked about."""
    read = []

    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            read.append(super().read1(40))
            return read[-1]

    with suppress(BadFeatures):
        score(loaded, Slow(b"a,b,c\n" + b"1,2,x\n" * 1000), io.BytesIO())
    assert sum(map(len, read)) < 200


@pytest.mark.parametrize("source", ["a,b,c\n", "a,b,c"])
def test_a_table_without_rows_has_its_columns(loaded, tmp_path, source):
    told, found = scored(loaded, source)
    assert told.rows == 0 and [*found] == ["a", "b", "c", "prediction", "rref"]
    (tmp_path / "rows.csv").write_text(source)
    score(loaded, tmp_path / "rows.csv", tmp_path / "out.parquet")
    assert [*pd.read_parquet(tmp_path / "out.parquet")] == ["a", "b", "c", "prediction", "rref"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no header"),
        ("a,b\n1,2\n", "columns are missing"),
        ("a,b,c,a\n1,2,3,4\n", "several columns have one name"),
        ("a,b,c,rref\n1,2,3,4\n", "a column rref already"),
        ("a,b,c\n1,2,3,4\n", "line 2 has 4 cells"),
        ('a,b,c\n1,2,"3\n', "line 2 is no CSV"),
        ("a,b,c\n1,2,\udcff\n", "UTF-8"),
    ],
)
def test_a_table_that_cannot_be_asked_about_is_told(loaded, text, match):
    data = io.BytesIO(text.encode(errors="surrogateescape"))
    with pytest.raises(BadFeatures, match=match):
        score(loaded, data, io.BytesIO(), skip_bad=True)


def test_places_that_cannot_be_used_are_told(loaded, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b,c\n1,2,3\n")
    for source, target, match in [
        ("none.csv", "out.csv", "cannot be read"),
        ("rows.txt", "out.csv", "no table"),
        ("rows.csv", "out.txt", "no table"),
        ("rows.csv", "none/out.csv", "nothing can be written"),
    ]:
        with pytest.raises(BadPlace, match=match):
            score(loaded, tmp_path / source, tmp_path / target)
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(BadPlace, match="no file"):
        score(loaded, tmp_path / "rows.csv", tmp_path / "out.csv")
    (tmp_path / "rows.parquet").write_text("a,b,c")
    with pytest.raises(BadFeatures, match="no Parquet"):
        score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("predicted", "told"),
    [("[{'x': 0.5}]", {"x": 0.5}), ("[[1, 2]]", [1, 2]), ("['ja']", None), ("[0.25]", 0.25)],
)
def test_predictions_of_all_kinds_are_cells(load, store, rows, tmp_path, predicted, told):
    text = "[int(one) for one in estimator.predict(features)]"
    loaded = load((text, f"{predicted} * len(features)")).model.train(GOOD, progress=False).loaded
    rows.to_parquet(tmp_path / "rows.parquet")
    for target, read in (("out.csv", pd.read_csv), ("out.parquet", pd.read_parquet)):
        score(loaded, tmp_path / "rows.parquet", tmp_path / target)
        found = read(tmp_path / target)["prediction"].iloc[-1]
        if told is None:
            assert found == "ja"
        elif isinstance(told, float):
            assert found == told
        else:
            assert json.loads(found) == told


def test_predictions_of_several_kinds_are_refused(load, store, rows, tmp_path):
    text = "[int(one) for one in estimator.predict(features)]"
    module = load((text, "[0 if a < 9 else 'x' for a in features['a']]"))
    loaded = module.model.train(GOOD, progress=False).loaded
    rows.loc[7, "a"] = 10.0
    rows.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(PredictorFailed, match="several kinds"):
        score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet")


@pytest.mark.parametrize("text", ["1.5", "True", "'1'"])
def test_BP2_no_prediction_becomes_a_value_of_the_kind_of_others(load, store, rows, tmp_path, text):
    whole = "[int(one) for one in estimator.predict(features)]"
    module = load((whole, f"[0 if a < 9 else {text} for a in features['a']]"))
    loaded = module.model.train(GOOD, progress=False).loaded
    rows.loc[20, "a"] = 10.0  # in another chunk than the first
    rows.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(PredictorFailed, match="several kinds"):
        score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet")


def test_BP2_a_gap_rounds_no_whole_number(load, store, tmp_path):
    module = load(
        ("frame.assign(kind=", "frame.assign(c=np.arange(rows), kind="),
        ("[int(one) for one in estimator.predict(features)]", "features['c'].tolist()"),
        ("return features * 2.0", "return features"),
    )
    loaded = module.model.train(GOOD, progress=False).loaded
    large = 2**53 + 1
    frame = pd.DataFrame({"a": 0.5, "b": 0.5, "c": pd.array([large, None, 2], "Int64")})
    frame.to_parquet(tmp_path / "rows.parquet")
    told = score(loaded, tmp_path / "rows.parquet", tmp_path / "out.parquet", skip_bad=True)
    assert told.bad == (2,)
    found = pd.read_parquet(tmp_path / "out.parquet", dtype_backend="numpy_nullable")
    assert found["prediction"].to_numpy(object, na_value=None).tolist() == [large, None, 2]


ARRAYS = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from pystore.app import Dataset, Model

dataset = Dataset("arrays", test_size=0.25)
model = Model("classifier", LogisticRegression, dataset=dataset)

@dataset.reader
def reader():
    x = np.random.RandomState(0).normal(size=(80, 2)) + np.arange(80)[:, None] % 2 * 2
    return x, np.arange(80) % 2

@model.trainer
def trainer(estimator, x, y):
    return estimator.fit(x, y)

@model.evaluator
def evaluator(estimator, x, y):
    return float(estimator.score(x, y))

@model.predictor
def predictor(estimator, x):
    return estimator.predict(x)
"""


def test_columns_of_arrays_are_taken_in_their_order(load, store):
    loaded = load(program=ARRAYS).model.train({"C": 1.0}, progress=False).loaded
    _, found = scored(loaded, "one,two\n-1,-1\n3,3\n")
    assert found["prediction"].tolist() == ["0", "1"]
    with pytest.raises(BadFeatures, match="line 3") as caught:
        scored(loaded, "one,two\n-1,-1\n3,x\n")
    assert "two is 'x'" in caught.value.because
    with pytest.raises(BadFeatures, match="no features"):
        scored(loaded, "id,one,two\n1,-1,-1\n")
