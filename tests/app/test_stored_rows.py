"""Stored rows come back as they were, and appended ones leave full chunks as they were."""

import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_rows import FIELDS, bars, pictures, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pystore import realize, stage, view
from pystore.app import Rows, stored_rows, write_rows
from pystore.db.fields import array, field, field_of, image, json, text
from pystore.errors import BadStage, Corrupted

EVERY = {
    "img": image(),
    "numbers": array(),
    "record": json(),
    "words": text(),
    "key": field_of("key", int),
    "share": field_of("share", float),
    "seen": field_of("seen", bool),
    "raw": field_of("raw", bytes),
    "at": field_of("at", datetime),
}
VALUES: dict[str, Any] = {
    "img": Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
    "numbers": np.array([[1.5, 2.0]]),
    "record": {"a": [1, None]},
    "words": "Grüße",
    "key": -(2**62),
    "share": 0.1,
    "seen": True,
    "raw": b"\0\1",
    "at": datetime(2026, 11, 29, 5, 30, tzinfo=UTC),
}


def key(row: int) -> bytes:
    return row.to_bytes(16, "big")


def written(folder: Path, x: list[str], y: str | None, rows: list[dict[str, Any]]) -> Rows:
    fields = {name: EVERY[name] for name in EVERY}
    kept = [
        (key(at), {n: None if v is None else fields[n].stored(v) for n, v in one.items()})
        for at, one in enumerate(rows)
    ]
    folder.mkdir(exist_ok=True)
    assert write_rows(folder, x, y, fields, kept) == len(rows)
    return Rows(folder)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Image.Image):
        return (one.mode, one.tobytes()) == (other.mode, other.tobytes())
    return bool(np.array_equal(one, other)) and type(one) is type(other)


def test_RW2_each_kind_of_value_comes_back(tmp_path):
    rows = written(tmp_path, [*EVERY], "share", [VALUES, {}, {**VALUES, "words": ""}])
    (x, y), (nothing, no_y), (last, _) = rows
    assert y == VALUES["share"]
    assert all(equal(x[name], VALUES[name]) for name in EVERY)
    assert (set(nothing.values()), no_y) == ({None}, None)
    assert last["words"] == ""
    assert rows.keys() == [key(0), key(1), key(2)]
    assert rows.targets() == [VALUES["share"], None, VALUES["share"]]
    assert written(tmp_path, ["img"], "key", [VALUES, {}]).targets() == [VALUES["key"], None]


def test_RW2_a_row_of_one_field_is_its_value(tmp_path):
    rows = written(tmp_path, ["words"], None, [{"words": str(n)} for n in range(5)])
    assert (len(rows), rows[3], rows[-1], rows[1:3]) == (
        5, ("3", None), ("4", None), [("1", None), ("2", None)],
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(rows))[2] == ("2", None)
    with pytest.raises(IndexError):
        rows[5]


def test_RW1_what_another_database_holds_is_the_same_chunk(tmp_path):
    ours = {"at": VALUES["at"], "seen": True, "record": {"b": 1, "a": 2}}
    theirs = {"at": "2026-11-29T05:30:00", "seen": 1, "record": {"a": 2, "b": 1}}
    fields = {name: EVERY[name] for name in ours}
    for name, one in (("ours", ours), ("theirs", theirs)):
        (tmp_path / name).mkdir()
        write_rows(tmp_path / name, ["record"], None, fields, [(key(0), one)])
    chunks = [tmp_path / name / "rows-00000.parquet" for name in ("ours", "theirs")]
    assert chunks[0].read_bytes() == chunks[1].read_bytes()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 30), more=st.integers(0, 12))
def test_RW1_rows_that_are_appended_leave_full_chunks_as_they_were(
    tmp_path_factory, monkeypatch, count, more
):
    monkeypatch.setattr(stored_rows, "CHUNK", 8)
    monkeypatch.setattr(stored_rows, "GROUP", 3)
    monkeypatch.setattr(stored_rows, "MOST", 1)  # one group stays in memory
    field = {"n": field_of("n", int)}
    all_rows = [(key(n), {"n": n}) for n in range(count + more)]
    few, many = (tmp_path_factory.mktemp(name) for name in ("few", "many"))
    write_rows(few, ["n"], None, field, all_rows[:count])
    write_rows(many, ["n"], "n", field, iter(all_rows))
    for full in range(count // 8):
        name = f"rows-{full:05}.parquet"
        assert (few / name).read_bytes() == (many / name).read_bytes()
    rows = Rows(many)
    assert [x for x, _ in rows] == rows.targets() == [*range(count + more)]
    assert rows.keys() == [k for k, _ in all_rows]


def test_rows_as_tables_of_arrow_and_polars(tmp_path):
    table = written(tmp_path, ["words", "key"], "share", [VALUES] * 3).arrow()
    assert table.to_pydict() == {"words": ["Grüße"] * 3, "key": [-(2**62)] * 3, "share": [0.1] * 3}
    assert Rows(tmp_path).polars().columns == ["words", "key", "share"]
    empty = tmp_path / "empty"
    empty.mkdir()
    write_rows(empty, ["words"], None, EVERY, [])
    assert Rows(empty).arrow().column_names == ["words"] and Rows(empty).polars().is_empty()


def test_rows_as_frames_arrays_pictures_and_tensors(tmp_path):
    write_rows(tmp_path, ["img"], "class", FIELDS, stored(6))
    rows = Rows(tmp_path)
    frame = rows.frame()
    assert list(frame.columns) == ["img", "class"]
    assert frame["img"][0].size == (8, 8)
    assert frame["class"].tolist() == [0, 1] * 3
    x, y = rows.arrays()
    assert np.array_equal(x, [picture for picture, _ in pictures(6)])
    assert y.tolist() == [0, 1] * 3
    assert [one.size for one in rows.images()] == [(8, 8)] * 6
    data = rows.torch(lambda img: np.asarray(img).mean(), classes=[1, 0])
    assert len(data) == 6
    assert data[1] == (x[1].mean(), 0)


def test_what_makes_no_array_is_told(tmp_path):
    wide = Image.new("L", (5, 3))
    rows = written(tmp_path, ["img"], "key", [{**VALUES, "img": wide}, VALUES])
    with pytest.raises(BadStage, match="several shapes"):
        rows.arrays()
    with pytest.raises(BadStage, match="missing in 1 rows"):
        written(tmp_path, ["key"], None, [{"key": 1}, {}]).arrays()
    with pytest.raises(BadStage, match="no array together"):
        written(tmp_path, ["img", "key"], None, [VALUES]).arrays()
    with pytest.raises(BadStage, match="not one field of pictures"):
        written(tmp_path, ["key"], None, [VALUES]).images()
    numbers, _ = written(tmp_path, ["key", "share"], None, [VALUES] * 2).arrays()
    assert numbers.shape == (2, 2)


def test_TW1_a_label_that_is_none_is_told_with_its_row(tmp_path):
    rows = written(tmp_path, ["key"], "words", [{"key": n, "words": "ab"[n % 2]} for n in range(4)])
    data = rows.torch(classes=["a", "b"])
    assert [data[row][1] for row in range(4)] == [0, 1, 0, 1]
    with pytest.raises(BadStage, match="row 1 has a label that is no class"):
        rows.torch(classes=["a", "c"])[1]
    with pytest.raises(BadStage, match="row 2 has a label that is no number"):
        rows.torch()[2]
    with pytest.raises(BadStage, match="each once"):
        rows.torch(classes=["a", "a"])


def test_functions_of_a_field_are_given_again(tmp_path):
    own = field(dump=lambda pair: bytes(pair), load=tuple)
    kept = [(key(0), {"pair": own.stored((1, 2)), "n": 1})]
    write_rows(tmp_path, ["pair"], "n", {"pair": own, "n": field_of("n", int)}, kept)
    assert Rows(tmp_path)[0] == (b"\1\2", 1)
    assert Rows(tmp_path, {"pair": own})[0] == ((1, 2), 1)


def test_RW2_what_holds_no_rows_is_refused(tmp_path):
    with pytest.raises(BadStage, match="no rows of a snapshot"):
        Rows(tmp_path)
    with pytest.raises(BadStage, match="x and y are fields"):
        write_rows(tmp_path, ["img"], "label", FIELDS, [])
    write_rows(tmp_path, ["img"], "class", FIELDS, stored(3))
    chunk = tmp_path / "rows-00000.parquet"
    whole = chunk.read_bytes()
    for damaged in (whole[:-9], b"", whole[:40] + whole[60:]):
        chunk.write_bytes(damaged)
        with pytest.raises(Corrupted):
            Rows(tmp_path).frame()
    (tmp_path / "fields.json").write_text('{"x": ["a"], "y": null, "fields": {}}')
    with pytest.raises(Corrupted):
        Rows(tmp_path)


@stage
def mean(rows=bars(count=4)):
    x, _ = rows.arrays()
    assert x.shape == (4, 8, 8)


def test_a_view_gives_the_rows_that_it_holds(store):
    with view(realize(bars(count=4), progress=False)) as held:
        assert len(held.frame()) == 4
        assert held.arrays()[0].shape == (4, 8, 8)
        assert held.images()[0].size == (8, 8)
        assert len(held.torch()) == 4
    realize(mean(), progress=False)
    with view(realize(mean(), progress=False)) as other, pytest.raises(AttributeError):
        other.frame  # noqa: B018
