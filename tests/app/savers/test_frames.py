"""Frames and series of pandas."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_conformance import Conformance, plant, tree

from pystore.app.savers import load, save
from pystore.app.savers.frames import read, write
from pystore.app.savers.kind import Stored, Written
from pystore.errors import BadStage, Corrupted

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
pytest.importorskip("pyarrow")


def assert_same(value: Any, loaded: Any):
    judge = pd.testing.assert_frame_equal if value.ndim == 2 else pd.testing.assert_series_equal
    judge(value, loaded, check_exact=True, check_index_type="exact", check_freq=True)
    assert type(loaded.index) is type(value.index)
    assert loaded.attrs == value.attrs
    if value.ndim == 1:
        assert (loaded.name, type(loaded.name)) == (value.name, type(value.name))
        return
    assert type(loaded.columns) is type(value.columns)
    for one, other in zip(value.items(), loaded.items(), strict=True):
        if one[1].dtype == object:
            assert repr(one[1].tolist()) == repr(other[1].tolist())


class TestFrames(Conformance):
    kind = "frame"
    names = (
        "attrs", "columns", "index of categories", "index of days", "labels that are days",
        "no columns", "no rows", "nothing", "numbered", "other order", "series",
        "series with a pair as name", "series without name", "several levels", "twice one label",
    )  # fmt: skip

    def same(self, value: Any, loaded: Any):
        assert_same(value, loaded)


def back(written: Written) -> Any:
    stored = Stored(written.about, written.files, lambda *_: None, 0, None, frozenset(), ours=True)
    return read(stored)


_INTS = st.integers(-(2**63), 2**63 - 1)
_TIMES = st.integers(-(2**62), 2**62)
ITEMS = {
    "int64": _INTS,
    "float64": st.floats(),
    "bool": st.booleans(),
    "Int64": st.none() | _INTS,
    "boolean": st.none() | st.booleans(),
    "string": st.none() | st.text(st.characters(codec="utf-8")),
    "str": st.none() | st.text(st.characters(codec="utf-8")),
    "object": st.none() | st.text() | st.floats() | st.tuples(st.integers()),
    "category": st.none() | st.sampled_from("abc"),
    "datetime64[ns]": st.none() | _TIMES,
    "datetime64[us, Asia/Tokyo]": st.none() | _TIMES.map(lambda t: t // 1000),
    "timedelta64[ms]": st.none() | _TIMES.map(lambda t: t // 10**6),
}


@st.composite
def frames(draw: st.DrawFn) -> Any:
    rows = draw(st.integers(0, 5))

    def column() -> Any:
        dtype = draw(st.sampled_from(sorted(ITEMS)))
        items = draw(st.lists(ITEMS[dtype], min_size=rows, max_size=rows))
        return pd.Series(items, dtype=dtype)

    labels = draw(st.lists(st.text(max_size=3) | st.integers(0, 9), max_size=4, unique=True))
    frame = pd.DataFrame({n: column() for n in range(len(labels))}, index=range(rows))
    frame.columns = pd.Index(labels, dtype=object)
    if draw(st.booleans()):
        frame.index = pd.Index(column(), name=draw(st.none() | st.text(max_size=2)))
    return frame


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(frames())
def test_FR1_a_frame_comes_back_as_it_was(frame: Any):
    written = write(frame)
    loaded = back(written)
    assert_same(frame, loaded)
    assert write(loaded) == written


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"a": pd.array([pd.Period("2020")])}),
        lambda: pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
        lambda: pd.DataFrame({"a": [1 + 2j]}),
        lambda: pd.DataFrame({"a": pd.Series([object()])}),
        lambda: pd.DataFrame({"a": pd.Series([pd.NA, "b"], dtype=object)}),
        lambda: pd.Series([1], name=pd.Timestamp("2020")),
        lambda: type("Frame", (pd.DataFrame,), {})({"a": [1]}),
        lambda: pd.Index([1]),
        lambda: pd.DataFrame({"a": pd.cut([1, 2], 2)}),
    ],
    ids=["period", "sparse", "complex", "objects", "NA", "name", "subclass", "index", "interval"],
)
def test_FR1_what_would_come_back_as_another_is_refused(make, tmp_path):
    with pytest.raises(BadStage, match=r"@model\.saver"):
        save(make(), tmp_path / "value")


def test_FR1_attrs_that_are_not_plain_are_refused(tmp_path):
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"of": {1, 2}}
    with pytest.raises(BadStage, match="attrs"):
        save(frame, tmp_path / "value")


def test_the_bytes_name_no_version_of_pandas(tmp_path):
    save(pd.DataFrame({"a": ["x"]}), tmp_path / "value")
    for content in tree(tmp_path / "value").values():
        assert b"pandas" not in content


def test_others_read_the_parquet_file_under_its_labels(tmp_path):
    save(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), tmp_path / "value")
    read_by_others = pd.read_parquet(tmp_path / "value" / "data.parquet")
    assert read_by_others["a"].tolist() == [1, 2]
    assert read_by_others["b"].tolist()[0] == "x"


def test_facts_that_no_frame_has_are_damage(tmp_path):
    save(pd.DataFrame({"a": [1, 2]}), tmp_path / "value")
    about = write(pd.DataFrame({"a": [1.5, 2]})).about
    plant(tmp_path / "value", {}, about=about)
    with pytest.raises(Corrupted, match="float64"):
        load(tmp_path / "value")
