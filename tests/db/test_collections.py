"""Collections do the same on every database: typed rows go in, are found, and come back equal."""

import os
import pickle
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import sqlalchemy as sa
from documents import url_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from PIL import Image
from project import importing

from pystore.db import (
    BadContent,
    BadDatabase,
    BadField,
    BadRow,
    Database,
    array,
    connect,
    field,
    image,
    json,
    text,
    uri,
)
from pystore.db.errors import NoPermission
from pystore.db.fields import Field, field_of
from pystore.db.folds import fold_of
from pystore.db.installation import Installation
from pystore.db.ledger import Ledger
from pystore.db.register import Entry
from pystore.db.source import Source
from pystore.db.tables import VERSION
from pystore.db.tracking import Tracking
from pystore.db.views import Views
from pystore.errors import FormatTooNew

PICTURE = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
ODD = ["select", "a b", 'x"y', "it's", "größe", "Upper", "semi;colon", "per%cent", "co:lon"]
HUGE = b"\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }"
EVIL = ["'; DROP TABLE t; --", '" OR 1=1 --', "%s", ":name", "{x}", "\\", "ü\n\t", ""]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    found = connect(database_url)
    yield found
    found.close()


def run(db: Database, *statements: str) -> None:
    """What the owner of a table does, by SQL."""
    with db.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(
                statement.replace("%", "%%") if db.is_postgres else statement
            )


def quoted(db: Database, name: str) -> str:
    return db.quoted(name)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Image.Image):
        return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind in "fc"
        )
    return type(one) is type(other) and bool(one == other)


def digits(db: Database, **more: Any) -> Any:
    found = db.collection("mnist", {"img": image(), "class": int, "update": bool, **more})
    pictures = [Image.fromarray(np.full((4, 4), n, np.uint8)) for n in range(20)]
    found.insert([{"img": one, "class": n % 10, "update": n > 9} for n, one in enumerate(pictures)])
    return found


class TestRows:
    def test_rows_go_in_and_are_found(self, db: Database):
        rows = digits(db)
        assert rows.count() == len(rows) == 20
        assert [row["id"] for row in rows.find()] == list(range(1, 21))
        first = rows.find_one()
        assert (first["id"], first["class"], first["update"], first["_outputs"]) == (
            1,
            0,
            False,
            {},
        )
        assert equal(first["img"], Image.fromarray(np.full((4, 4), 0, np.uint8)))
        assert rows.find_one(id=99) is None
        assert {row["class"] for row in rows.find(update=True)} == set(range(10))
        assert [row["id"] for row in rows.where(rows["class"] >= 8).find()] == [9, 10, 19, 20]
        both = (rows["class"] == 3) & rows["update"].is_in([True])
        assert [row["id"] for row in rows.find(both)] == [14]
        assert rows.where(rows["class"] < 2).count(rows["update"] == False) == 2  # noqa: E712
        assert rows.count(~(rows["class"] != 4)) == 2
        assert rows.count(rows["id"] > 15) == 5
        assert [row["id"] for row in rows.find(limit=3)] == [1, 2, 3]
        assert rows.find(limit=0) == []

    @pytest.mark.parametrize("batch", [1, 3, 20, 500])
    def test_batches_lose_no_row_and_double_none(self, db: Database, batch: int):
        rows = digits(db)
        assert [row["id"] for row in rows.iterate(batch=batch)] == list(range(1, 21))
        assert [row["id"] for row in rows.iterate(batch=batch, limit=7)] == list(range(1, 8))
        assert [row["id"] for row in rows] == list(range(1, 21))

    @pytest.mark.parametrize(("count", "found"), [(0, []), (2, [5, 4]), (9, [5, 4, 3, 2, 1])])
    def test_the_last_rows_come_as_they_are_stored(
        self, db: Database, count: int, found: list[int]
    ):
        people = db.collection("people", name=str, face=image())
        people.insert([{"name": f"{at}"} for at in range(5)])
        assert [pk for pk, _, _ in people.last(count)] == [(at,) for at in found]
        assert [stored for _, stored, _ in people.last(1)] == [("4", None)]
        assert people.where(people["id"] < 3).last(1)[0][0] == (2,)

    def test_rows_are_changed_and_deleted(self, db: Database):
        rows = digits(db)
        assert rows.update({"class": 77}, id=3) == 1
        assert rows.update({"class": None, "img": PICTURE}, rows["class"] == 9) == 2
        assert rows.find_one(id=3)["class"] == 77
        assert rows.find_one(id=10)["class"] is None
        assert equal(rows.find_one(id=10)["img"], PICTURE)
        assert rows.where(rows["class"] < 3).delete(update=True) == 3
        assert len(rows) == 17
        assert rows.delete(id=99) == 0
        for call in (lambda: rows.update({"class": 1}), lambda: rows.delete()):
            with pytest.raises(BadRow, match="without a condition"):
                call()
        with pytest.raises(BadRow, match="nothing is changed"):
            rows.update({}, id=3)

    def test_nothing_is_compared_by_exists(self, db: Database):
        rows = db.collection("t", n=int, words=str)
        rows.insert([{"n": 1}, {"words": "b"}, {"n": 0, "words": ""}, {}])
        assert [row["id"] for row in rows.find(rows["n"].exists)] == [1, 3]
        assert [row["id"] for row in rows.find(rows["words"] == None)] == [1, 4]  # noqa: E711
        assert rows.count(n=None) == 2
        assert rows.find_one(id=4)["n"] is None

    def test_keys_are_given_once(self, db: Database):
        rows = db.collection("t", n=int)
        assert rows.insert([{"n": 1}, {"n": 2}]) == [1, 2]
        rows.delete(id=2)
        assert rows.insert({"n": 3}) == [3]
        assert rows.insert([{"id": 50, "n": 4}, {"id": 40, "n": 5}]) == [50, 40]
        assert rows.insert([{}, {"n": 6}]) == [51, 52]
        with pytest.raises(BadRow, match="does not take a row"):
            rows.insert({"id": 50})
        with pytest.raises(BadRow, match="some rows have a key") as caught:
            rows.insert([{"id": 60}, {"n": 1}])
        assert caught.value.row == 1

    def test_many_rows_get_their_keys_in_order(self, db: Database):
        rows = db.collection("t", n=int)
        keys = rows.insert({"n": n} for n in range(3000))
        assert [row["n"] for row in rows.find()] == list(range(3000))
        assert keys == [row["id"] for row in rows.find()]

    def test_CO1_an_insert_is_all_or_nothing(self, db: Database):
        rows = db.collection("t", n=field(int, required=True))
        rows.insert({"id": 7, "n": 1})
        with pytest.raises(BadRow, match="of the kind int") as caught:
            rows.insert([{"n": 1}, {"n": 2}, {"n": "three"}])
        assert (caught.value.row, caught.value.field) == (2, "n")
        with pytest.raises(BadRow, match="does not take"):  # the database refuses the last row
            rows.insert([{"id": n, "n": n} for n in (8, 9, 7)])
        with pytest.raises(BadRow, match="is required") as caught:
            rows.insert([{"n": 1}, {}])
        assert caught.value.row == 1
        with pytest.raises(BadRow, match="is required"):
            rows.update({"n": None}, id=7)
        assert len(rows) == 1

    def test_a_required_json_field_takes_no_null(self, db: Database):
        rows = db.collection("t", record=json(required=True))
        with pytest.raises(BadRow, match="is required"):
            rows.insert({"record": None})
        assert rows.insert({"record": {}}) == [1]


class TestFrames:
    def test_frames_of_pandas_go_in_and_come_out(self, db: Database):
        rows = db.collection("t", n=int, share=float, words=str, at=datetime, ok=bool)
        frame = pd.DataFrame(
            {
                "n": [1, None, 3],
                "share": [0.5, np.nan, 2],
                "words": ["a", None, ""],
                "at": pd.to_datetime(["2026-01-02", None, "2026-03-04"], utc=True),
                "ok": [True, None, False],
            }
        )
        rows.insert(frame)
        told = rows.find()
        assert [row["n"] for row in told] == [1, None, 3]
        assert [row["share"] for row in told] == [0.5, None, 2.0]
        assert [row["words"] for row in told] == ["a", None, ""]
        assert [row["ok"] for row in told] == [True, None, False]
        assert [row["at"] for row in told][1:] == [None, datetime(2026, 3, 4, tzinfo=UTC)]
        back = rows.frame(rows["id"] > 1)
        assert [*back.columns] == ["id", "n", "share", "words", "at", "ok"]
        assert back["n"].tolist() == [pd.NA, 3]
        assert rows.frame(id=99).empty

    def test_large_integers_survive_beside_missing_ones(self, db: Database):
        rows = db.collection("t", n=int)
        rows.insert([{"n": 2**62 + 1}, {"n": None}])
        assert rows.frame()["n"][0] == 2**62 + 1

    def test_a_frame_with_a_name_twice_is_refused(self, db: Database):
        frame = pd.DataFrame([[1, 2]], columns=["n", "n"])
        with pytest.raises(BadField, match="two columns with one name"):
            db.collection("t", n=int).insert(frame)

    def test_tables_of_arrow_and_polars_go_in(self, db: Database):
        import pyarrow

        rows = db.collection("t", n=int, words=str)
        table = pyarrow.table({"n": [1, None], "words": ["ü", None]})
        assert rows.insert(table) == [1, 2]
        assert rows.insert(polars.from_arrow(table)) == [3, 4]
        assert rows.find_one(id=4)["n"] is None

    def test_a_frame_of_polars_goes_in_with_all_its_types(self, db: Database):
        fields = {"img": image(), "record": json(), "at": datetime, "kind": str, "n": int}
        rows = db.collection("t", fields)
        when = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
        frame = polars.DataFrame(
            {
                "img": polars.Series([Image.new("L", (2, 3)), None], dtype=polars.Object),
                "record": [{"a": 1, "b": ["x"]}, {"a": None, "b": []}],
                "at": [when, None],
                "kind": polars.Series(["dog", "cat"], dtype=polars.Categorical),
                "n": polars.Series([200, None], dtype=polars.UInt8),
            }
        )
        rows.insert(frame)
        first, second = rows.find()
        assert (first["img"].size, first["at"], first["n"]) == ((2, 3), when, 200)
        assert [first["record"], second["record"]] == [{"a": 1, "b": ["x"]}, {"a": None, "b": []}]
        assert (first["kind"], second["kind"], second["img"]) == ("dog", "cat", None)

    def test_AF1_tables_of_arrow_and_polars_come_out(self, db: Database):
        fields = {name: declared for name, (declared, _) in VALUES.items()}
        rows = db.collection("t", fields)
        at = datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC)  # MongoDB keeps milliseconds
        one = {
            "int": 2**62 + 1, "float": 0.1, "bool": True, "text": "ü", "bytes": b"\0",
            "datetime": at,
            "json": {"b": 1, "a": [None]}, "array": np.arange(3), "own": (1, 2),
            "image": Image.new("L", (2, 3), 7),
        }  # fmt: skip
        rows.insert([one, {}])
        table = rows.arrow()
        assert table.column_names == ["id", *fields]
        told = table.to_pylist()[0]
        same = ("int", "float", "bool", "text", "bytes", "datetime")
        assert {name: told[name] for name in same} == {name: one[name] for name in same}
        assert (told["json"], told["own"]) == ('{"a":[null],"b":1}', b"\1\2")
        assert told["image"].startswith(b"\x89PNG")
        assert table.to_pylist()[1] == {"id": 2, **dict.fromkeys(fields)}
        frame = rows.polars(rows["int"] > 0)
        assert (frame.height, frame["datetime"].dtype) == (1, polars.Datetime("us", "UTC"))
        assert rows.arrow(id=99).schema.field("int") == table.schema.field("int")
        assert rows.insert(frame.select("int", "text", "image", "bytes")) == [3]
        assert rows.find_one(id=3)["image"].getpixel((0, 0)) == 7

    def test_AF1_what_is_no_value_is_told_with_its_row(self, sqlite_url: str):
        db = connect(sqlite_url)
        run(db, "CREATE TABLE odd (a text, b integer, n integer, PRIMARY KEY (a, b))")
        run(db, "INSERT INTO odd VALUES ('x', 1, 'many')")
        with pytest.raises(BadContent) as raised:
            db.attach("odd", n=int).arrow()
        assert raised.value.facts["row"] == ("x", 1)


VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "int": (int, st.integers(-(2**63), 2**63 - 1)),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "bool": (bool, st.booleans()),
    "text": (text(), st.text()),
    "bytes": (bytes, st.binary()),
    "datetime": (
        datetime,
        st.datetimes(
            datetime(2, 1, 1), timezones=st.timezones() | st.just(timezone(timedelta(hours=-7)))
        ),
    ),
    "json": (
        json(),
        st.recursive(
            st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    ),
    "array": (
        array(),
        some.arrays(
            some.integer_dtypes()
            | some.floating_dtypes()
            | some.boolean_dtypes()
            | some.complex_number_dtypes(),
            some.array_shapes(min_dims=0, min_side=0, max_side=4),
        ),
    ),
    "image": (
        image(),
        some.arrays(np.uint8, st.sampled_from([(3, 5), (2, 2, 3), (4, 1, 4)])).map(Image.fromarray),
    ),
    "own": (field(dump=lambda pair: bytes(pair), load=tuple), st.tuples(st.integers(0, 255))),
}


class TestIndexes:
    def test_named_indexes_of_pandas_are_fields_and_keys(self, db: Database):
        rows = db.collection("t", n=int, share=float)
        named = pd.MultiIndex.from_tuples([(7, 1), (9, 2)], names=["id", "n"])
        assert rows.insert(pd.DataFrame({"share": [0.5, 0.25]}, index=named)) == [7, 9]
        other = pd.DataFrame({"n": [3]}, index=pd.Index(["x"], name="elsewhere"))
        assert rows.insert(other) == [10]
        found = [(row["id"], row["n"], row["share"]) for row in rows.find()]
        assert found == [(7, 1, 0.5), (9, 2, 0.25), (10, 3, None)]


class TestKinds:
    @pytest.mark.parametrize("kind", VALUES)
    def test_FK1_what_is_stored_comes_back(self, db: Database, kind: str):
        declared, values = VALUES[kind]
        rows = db.collection("t", x=declared)

        @settings(
            max_examples=15,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(st.lists(values, min_size=1, max_size=10))
        def comes_back(given: list[Any]) -> None:
            kept = [one for one in given if can_be_stored(rows.fields["x"], one)]
            assume(kept)
            keys = rows.insert([{"x": one} for one in kept])
            told = {row["id"]: row["x"] for row in rows.find(rows["id"] >= keys[0])}
            for key, one in zip(keys, kept, strict=True):
                if kind == "datetime":  # one that a zone has twice, or not at all, equals none
                    assert told[key] == one.astimezone(UTC)
                elif kind == "json":
                    assert told[key] == one
                else:
                    assert equal(told[key], one), (told[key], one)

        comes_back()

    def test_FK1_scalars_of_numpy_are_values(self, db: Database):
        rows = db.collection("t", n=int, share=float, ok=bool, words=str)
        rows.insert(
            {"n": np.int8(3), "share": np.float32(0.5), "ok": np.bool_(True), "words": np.str_("a")}
        )
        row = rows.find_one()
        assert [type(row[name]) for name in rows.fields] == [int, float, bool, str]

    def test_FK1_a_float_of_numpy_stands_in_json(self, db: Database):
        rows = db.collection("t", told=json())
        rows.insert({"told": {"p": np.float64(0.5), "all": [np.float64(1), np.float64(2)]}})
        assert rows.find_one()["told"] == {"p": 0.5, "all": [1, 2]}

    @pytest.mark.parametrize(
        ("declared", "value"),
        [
            (int, 2**63), (int, True), (int, 1.5), (int, "1"), (int, np.datetime64(5, "ns")),
            (int, np.array([1])), (float, float("nan")), (float, float("inf")), (float, True),
            (float, 2**53 + 1), (float, 10**400), (float, -(10**400)),
            (bool, 1), (str, 5), (str, "a\0b"), (str, "\ud800"), (str, b"a"), (bytes, "a"),
            (datetime, datetime(2026, 1, 1)), (datetime, "2026-01-01"),
            (datetime, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
            (datetime, pd.Timestamp(5, unit="ns", tz="UTC")), (datetime, pd.NaT),
            (json(), {1: 2}), (json(), (1, 2)), (json(), float("nan")), (json(), {"a": "\0"}),
            (json(), 2**64), (json(), {1, 2}), (json(), 1.2345678901234567e18),
            (array(), "words"), (array(), [[1], [1, 2]]), (array(), [None]),
            (array(shape=(2,)), [1, 2, 3]), (array(dtype="uint8"), [300]),
            (array(dtype="uint8"), [1.7]),
            (array(dtype="float32"), [1e300]), (array(dtype=float), [1j]),
            (array(), np.ma.masked_array([1, 2], [True, False])),
            (image(), "words"), (image(), b"no picture"), (image(), np.zeros((2, 2), complex)),
            (image(), np.zeros((2, 2, 7), np.uint8)), (image(), Path("/nowhere.png")),
            (image(), Image.new("F", (2, 2))), (image(), Image.new("CMYK", (2, 2))),
            (image(), Image.new("I", (2, 2), 70000)), (image(max_pixels=3), Image.new("L", (2, 2))),
            (image(formats=["JPEG"]), b"\x89PNG\r\n\x1a\n"),
        ],
    )  # fmt: skip
    def test_FK1_what_would_come_back_as_another_value_is_refused(self, declared: Any, value: Any):
        found = field_of("x", declared)
        with pytest.raises((BadRow, BadContent)) as caught:
            found.stored(value)
        assert caught.value.remedy

    def test_FK1_a_member_of_an_enum_is_its_text(self):
        import enum

        kind = enum.Enum("kind", {"dog": "a dog"}, type=str)
        assert text().stored(kind.dog) == "a dog"

    @pytest.mark.parametrize("kind", VALUES)
    def test_FK2_the_content_is_the_same_on_both_databases(
        self, kind: str, tmp_path: Path, postgres: Any
    ):
        declared, values = VALUES[kind]
        both = [
            connect(url).collection("t", x=declared)
            for url in (f"sqlite:///{tmp_path}/a.db", postgres.url)
        ]

        @settings(
            max_examples=10,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(st.lists(values, min_size=1, max_size=10))
        def same(given: list[Any]) -> None:
            kept = [one for one in given if can_be_stored(both[0].fields["x"], one)]
            assume(kept)
            keys = []
            for rows in both:
                pks = [(pk,) for pk in rows.insert([{"x": one} for one in kept])]
                source = rows.source("x")
                with rows.database.read() as connection:
                    found = source.contents(connection, pks)
                keys.append([source.key(found[pk]) for pk in pks])
            assert keys[0] == keys[1]

        same()
        for rows in both:
            rows.database.close()

    def test_KY1_a_key_is_of_the_content_alone(self, db: Database):
        rows = db.collection("t", a=bytes, b=bytes, words=str)
        key = rows.source("a", "b").key
        told = [
            key(one)
            for one in [
                (b"", b""),
                (None, b""),
                (b"", None),
                (b"\0", None),
                (b"a", b"b"),
                (b"ab", b""),
            ]
        ]
        assert len(set(told)) == len(told)
        assert key((b"a", b"b")) == rows.source("a", "b").key((memoryview(b"a"), bytearray(b"b")))
        assert rows.source("a").key((b"x",)) != rows.source("words").key(("x",))

    @pytest.mark.parametrize(
        ("declared", "stored"),
        [
            (image(), "http://x"), (image(), 5), (image(), b"GIF89a"), (array(), "x"), (array(), 3),
            (array(), HUGE),
            (array(shape=(2,)), array().stored([1])), (array(dtype="f4"), array().stored([1.0])),
            (int, 1.5), (int, "1"), (int, 2**70), (int, True), (bool, 2), (bool, "false"),
            (text(), 5),
            (bytes, "x"), (bytes, 5), (datetime, "yesterday"), (datetime, 5), (float, "x"),
            (float, 10**400),
        ],
        ids=lambda one: repr(one)[:40],
    )  # fmt: skip
    def test_FK3_what_others_have_stored_is_looked_at(self, declared: Any, stored: Any):
        found = field_of("x", declared)
        with pytest.raises(BadContent) as caught:
            found.value(stored)
        assert caught.value.remedy

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
    def test_FK2_a_picture_is_the_same_bytes_wherever_it_comes_from(self, mode: str):
        pixels = np.random.RandomState(0).randint(0, 255, (20, 30)).astype(np.uint8)
        picture = Image.fromarray(pixels.astype(np.uint16) if mode == "I;16" else pixels)
        picture = picture if mode == "I;16" else picture.convert(mode)
        same = picture.copy()
        exif = Image.Exif()
        exif[0x010E] = "a title"
        same.info |= {"dpi": (300, 300), "comment": b"x", "exif": exif.tobytes(), "gamma": 0.4}
        stored = image().stored(picture)
        assert image().stored(same) == stored
        assert b"IDATx\x9c" in stored  # the level of compression is named, whatever the default

    def test_FK3_a_picture_is_measured_before_it_is_decoded(self):
        big = image(max_pixels=1e9).stored(Image.new("1", (9000, 9000)))
        with pytest.raises(BadContent, match="too many pixels"):
            image().value(big)

    def test_functions_of_a_field_are_given_again(self, database_url: str):
        own = field(dump=lambda pair: bytes(pair), load=tuple)
        connect(database_url).collection("t", pair=own).insert({"pair": (1, 2)})
        assert connect(database_url)["t"].find_one()["pair"] == b"\1\2"
        assert connect(database_url).collection("t", pair=own).find_one()["pair"] == (1, 2)


def can_be_stored(found: Field, value: Any) -> bool:
    try:
        found.stored(value)
        return True
    except BadRow:
        return False


def test_FK2_a_text_with_half_a_character_is_told_as_none():
    with pytest.raises(BadContent, match="this is no text"):
        field_of("t", str).content("\ud800")
    with pytest.raises(BadContent, match="this is no text"):
        field_of("t", str).value("ü\udfff")


class TestMeant:
    """What is meant by a condition or a key that is none finds and deletes no other rows."""

    @pytest.fixture
    def words(self, db: Database) -> Any:
        words = db.collection("words", word=str, n=int)
        words.insert([{"word": one, "n": n} for n, one in enumerate(["a", "bb", "a"])])
        return words

    def test_conditions_are_not_combined_by_words_of_python(self, words: Any):
        one, other = words["word"] == "a", words["n"].exists
        for combined in (
            lambda: one and other,
            lambda: other and one,
            lambda: one or other,
            lambda: not one,
            lambda: not other,
            lambda: (words["word"] != "a") and one,
            lambda: (words["word"] == None) or one,  # noqa: E711  (as its user types it)
        ):
            with pytest.raises(TypeError, match=r"combine conditions|not defined"):
                words.delete(combined())
        assert (words.count(one & other), words.count(~one), len(words)) == (2, 1, 3)

    @pytest.mark.parametrize("given", [True, False, "n = 1", {"n": 1}, 5, [1]], ids=repr)
    def test_what_is_no_condition_is_refused(self, words: Any, given: Any):
        for verb in (words.find, words.delete, words.count, words.where):
            with pytest.raises(BadField, match="this is no condition"):
                verb(given)
        with pytest.raises(BadField, match="this is no condition"):
            words.update({"n": 7}, given)
        assert [row["n"] for row in words.find()] == [0, 1, 2]

    def test_a_field_is_no_condition(self, words: Any):
        with pytest.raises(BadField, match="this is no condition"):
            words.delete(words["n"])

    def test_GK1_a_number_of_numpy_is_a_key(self, words: Any):
        assert words.find_one(id=np.int64(2))["word"] == "bb"
        assert words.update({"n": 7}, id=np.int32(2)) == 1
        assert words.insert({"id": np.int64(70), "word": "new"}) == [70]
        assert words.delete(id=np.uint8(70)) == 1

    @pytest.mark.parametrize("given", ["1", 2**70, 1.5, [1], True], ids=repr)
    def test_GK1_what_is_no_key_is_refused(self, words: Any, given: Any):
        for verb in (words.find, words.delete):
            with pytest.raises(BadRow, match="no value of the kind int"):
                verb(id=given)
        with pytest.raises(BadRow, match="no value of the kind int"):
            words.insert({"id": given, "word": "x"})

    @pytest.mark.parametrize("given", [2**70, [1], uuid.UUID(int=1), {"a": 1}], ids=repr)
    def test_GK1_what_is_no_key_of_others_is_refused(self, sqlite_url: str, given: Any):
        db = connect(sqlite_url)
        run(db, "CREATE TABLE others (k text PRIMARY KEY, word text)")
        run(db, "INSERT INTO others VALUES ('5', 'a')")
        others = db.attach("others", word=str)
        with pytest.raises(BadRow, match="the key k has no such value"):
            others.find(k=given)
        assert others.insert({"k": np.str_("x"), "word": "b"}) == ["x"]

    @pytest.mark.parametrize(
        ("column", "key", "others"),
        [
            ("INT", 7, ["7", " 7", True, float("nan"), uuid.UUID(int=7)]),
            ("text", "7", [7, 7.0, True, "7\ud800"]),
            ("numeric", 7, ["7", "7.0", True]),
        ],
    )
    def test_GK2_a_key_is_of_the_type_of_its_column_in_each_call(
        self, db: Database, store: Any, column: str, key: Any, others: list[Any]
    ):
        run(db, f"CREATE TABLE others (id {column} PRIMARY KEY, word text)")
        run(db, f"INSERT INTO others VALUES ('{key}', 'a')")
        words = db.attach("others", word=str)
        for odd in others:
            for call in (
                lambda given: words.find(id=given),
                lambda given: words.count(id=given),
                lambda given: words.update({"word": "b"}, id=given),
                lambda given: words.delete(id=given),
                lambda given: words.insert({"id": given, "word": "b"}),
                lambda given: words.lineage(given, "shout"),
                lambda given: words.forget(given, on="word"),
            ):
                with pytest.raises(BadRow, match="the key id has no such value"):
                    call(odd)
        assert [row["word"] for row in words.find(id=key)] == ["a"]
        assert words.forget(key, on="word").predictions == 0
        assert words.find(id=key if column == "text" else float(key)) != []

    @pytest.mark.parametrize("limit", [-1, 1.5, "3"], ids=repr)
    def test_what_is_no_count_of_rows_is_refused(self, words: Any, limit: Any):
        with pytest.raises(BadField, match="no so many rows"):
            words.find(limit=limit)
        assert len(words.find(limit=np.int64(2))) == 2


class TestNames:
    @pytest.mark.parametrize("name", ODD)
    def test_a_field_may_have_any_name(self, db: Database, name: str):
        rows = db.collection("t", {name: int, "other": str})
        rows.insert([{name: 5, "other": "a"}, {name: 6}])
        assert [row[name] for row in rows.find()] == [5, 6]
        assert [row["id"] for row in rows.find(rows[name] == 6)] == [2]
        assert rows.update({name: 7}, **{name: 6}) == 1
        assert rows.frame()[name].tolist() == [5, 7]
        assert Source(rows.table, {name: rows.fields[name]}).name.isascii()

    @pytest.mark.parametrize("name", [*ODD, "order"])
    def test_a_table_of_others_may_have_any_name(self, db: Database, name: str):
        run(
            db, f"CREATE TABLE {quoted(db, name)} (id integer PRIMARY KEY, {quoted(db, name)} text)"
        )
        rows = db.attach(name, {name: str})
        assert rows.insert([{"id": 1, name: one} for one in ["a"]]) == [1]
        assert rows.find_one(rows[name] == "a")["id"] == 1
        assert rows.delete(id=1) == 1

    @pytest.mark.parametrize("value", EVIL)
    def test_values_are_never_read_as_sql(self, db: Database, value: str):
        rows = db.collection("t", words=str)
        rows.insert([{"words": value}, {"words": "other"}])
        assert [row["words"] for row in rows.find(words=value)] == [value]
        assert rows.count(rows["words"].is_in([value, "x"])) == 1
        assert rows.update({"words": value}, words="other") == 1
        assert rows.delete(words=value) == 2

    @pytest.mark.parametrize(
        "name", ["id", "ID", "model", "_outputs", "a,b", "", "a\nb", "x" * 64, "ü" * 32]
    )
    def test_names_that_would_be_something_else_are_refused(self, db: Database, name: str):
        with pytest.raises(BadField):
            db.collection("t", {name: int, "x": int})

    @pytest.mark.parametrize("name", ["pystore_meta", "sqlite_x", "PG_x", "a b", "x" * 64])
    def test_tables_of_ours_have_plain_names(self, db: Database, name: str):
        with pytest.raises(Exception, match=r"cannot be called|not a name"):
            db.collection(name, n=int)

    def test_a_name_that_differs_by_capitals_is_refused(self, db: Database):
        with pytest.raises(BadField, match="but for capital letters"):
            db.collection("t", label=int, Label=int)

    def test_a_field_that_is_a_word_of_find_is_given_as_a_condition(self, db: Database):
        rows = db.collection("t", fold=str, limit=int)
        rows.insert([{"fold": "valid", "limit": 3}, {"fold": "train", "limit": 4}])
        with pytest.raises(BadField, match="word of its own"):
            rows.find(fold="valid")
        assert [row["limit"] for row in rows.find(rows["fold"] == "valid")] == [3]

    @pytest.mark.parametrize("name", [*ODD, "a :b", "%s"])
    def test_a_field_of_any_name_is_added(self, db: Database, name: str):
        db.collection("t", n=int).insert({"n": 1})
        rows = db.collection("t", {"n": int, name: str})
        rows.insert({"n": 2, name: "x"})
        assert [row[name] for row in rows.find()] == [None, "x"]

    def test_a_field_that_is_called_as_a_verb_is_an_item(self, db: Database):
        rows = digits(db)
        assert rows.count(rows["update"] == True) == 10  # noqa: E712
        assert callable(rows.update)
        assert repr(rows.img) == "<field img: image>"
        with pytest.raises(AttributeError):
            rows.nothing  # noqa: B018


RECORDS = [
    ('{"img": "u", "n": 5, "ok": true, "deep": {"null": 1, "a,b": 2, "a b": 3, "{x}": 4}}'),
    ('{"img": null, "n": "5", "ok": 1}'),
    ('{"n": true, "ok": "true", "img": 5}'),
    ('{"n": 7.0, "ok": false, "img": ""}'),
    ("[1, 2]"),
    ('{"n": 1e2, "img": {"a": [1.0, 2]}}'),
    ("null"),
]


class TestPaths:
    @pytest.fixture(params=["json", "jsonb", "text"])
    def others(self, db: Database, request: pytest.FixtureRequest) -> Any:
        """A table of somebody else with a column of JSON."""
        kind = request.param
        if kind == {True: "text", False: "jsonb"}[db.is_postgres]:
            pytest.skip(f"no JSON in a column of {kind} there")
        run(db, f"CREATE TABLE users (id integer PRIMARY KEY, record {kind})")
        with db.write() as connection:
            new = sa.text(f"INSERT INTO users VALUES (:id, CAST(:record AS {kind}))")
            new = new if db.is_postgres else sa.text("INSERT INTO users VALUES (:id, :record)")
            for number, record in enumerate([*RECORDS, None]):
                connection.execute(new, {"id": number, "record": record})
        return db.attach(
            "users", img=text(at="record.img"), n=field(int, at="record.n"),
            ok=field(bool, at="record.ok"), share=field(float, at="record.n"),
            whole=json(at="record"), part=json(at="record.img"),
        )  # fmt: skip

    def found(self, rows: Any, condition: Any) -> list[int]:
        return [row["id"] for row in rows.find(condition)]

    def test_what_is_missing_null_or_of_another_kind(self, others: Any):
        told = others.find()
        assert [row["n"] for row in told] == [5, "5", True, 7, None, 100, None, None]
        assert [row["img"] for row in told] == ["u", None, 5, "", None, {"a": [1, 2]}, None, None]
        assert [row["ok"] for row in told] == [True, True, "true", False, None, None, None, None]
        assert [row["whole"] for row in told][4:] == [[1, 2], told[5]["whole"], None, None]
        assert self.found(others, others["img"].exists) == [0, 2, 3, 5]
        assert self.found(others, others["whole"].exists) == [0, 1, 2, 3, 4, 5]
        assert self.found(others, others["img"] == None) == [1, 4, 6, 7]  # noqa: E711

    def test_a_value_of_another_kind_compares_with_nothing(self, others: Any):
        assert self.found(others, others["n"] >= 1) == [0, 3, 5]
        assert self.found(others, others["n"].is_in([5, 7, 1])) == [0, 3]
        assert self.found(others, others["share"] < 6.5) == [0]
        assert self.found(others, others["ok"] == True) == [0]  # noqa: E712
        assert self.found(others, others["img"] == "5") == []
        assert self.found(others, others["img"] <= "v") == [0, 3]

    def test_keys_are_taken_as_they_are(self, others: Any):
        db = others.database
        for key, value in {"null": 1, "a,b": 2, "a b": 3, "{x}": 4}.items():
            rows = db.attach("users", n=field(int, at=f"record.deep.{key}"))
            assert [row["n"] for row in rows.find()][:2] == [value, None]
            assert rows.count(rows["n"] == value) == 1

    def test_FK1_what_is_read_at_a_path_has_all_its_digits(self, others: Any):
        given = [0.1 + 0.2, 3.965089856116698e-291, 123456789.12345679, 2**53 + 1, 2**70, 1e22, -7]
        for number, one in enumerate(given, 100):
            run(others.database, f"""INSERT INTO users VALUES ({number}, '{{"x": {one!r}}}')""")
        rows = others.database.attach("users", x=json(at="record.x"), whole=json(at="record"))
        told = [row for row in rows.find() if row["id"] >= 100]
        assert [row["x"] for row in told] == given
        assert [row["whole"]["x"] for row in told] == given

    def test_a_text_that_is_no_json_holds_up_no_other_row(self, sqlite_url: str):
        db = connect(sqlite_url)
        run(db, "CREATE TABLE users (id integer PRIMARY KEY, record text)")
        run(
            db,
            """INSERT INTO users VALUES
                (1, '{"n": 5}'), (2, '{"n": '), (3, x'00ff'), (4, '{"n": 6}')""",
        )
        rows = db.attach("users", n=field(int, at="record.n"), whole=json(at="record"))
        assert [row["n"] for row in rows.find()] == [5, None, None, 6]
        assert rows.count(rows["n"].exists) == rows.count(rows["whole"].exists) == 2
        assert rows.find(id=2)[0]["whole"] == '{"n": '
        with pytest.raises(BadContent, match="no json"):
            json().content(rows.find(id=2)[0]["whole"])

    def test_a_column_may_be_read_under_another_name(self, others: Any):
        rows = others.database.attach("users", number=field(int, at="id"))
        assert [row["number"] for row in rows.find(rows["number"] > 5)] == [6, 7]

    @pytest.mark.parametrize(
        "at", ["", ".", "record.", "record..img", 'record.a"b', "record.items.0", "a.\n"]
    )
    def test_what_is_no_path_is_refused(self, at: str):
        with pytest.raises(BadField, match="path"):
            text(at=at)

    def test_times_in_json_have_no_comparisons(self, others: Any):
        rows = others.database.attach("users", at=field(datetime, at="record.img"))
        with pytest.raises(BadField, match="no comparisons in JSON"):
            rows["at"] > datetime.now(UTC)  # noqa: B015


def test_FK2_json_of_others_has_the_same_content_everywhere(sqlite_url: str, postgres: Any):
    told = []
    for url, kind in [(sqlite_url, "text"), (postgres.url, "json"), (postgres.url, "jsonb")]:
        db = connect(url)
        run(db, f"CREATE TABLE users_{kind} (id integer PRIMARY KEY, record {kind})")
        with db.write() as connection:
            to = f"CAST(:record AS {kind})" if kind != "text" else ":record"
            for number, record in enumerate(RECORDS):
                values = {"id": number, "record": record}
                connection.execute(sa.text(f"INSERT INTO users_{kind} VALUES (:id, {to})"), values)
        paths = {"whole": json(at="record"), "part": json(at="record.img"),
                 "n": field(int, at="record.n"),
                 "share": field(float, at="record.n"), "words": text(at="record.img"),
                 "ok": field(bool, at="record.ok")}  # fmt: skip
        rows = db.attach(f"users_{kind}", paths)
        for name in paths:
            source = rows.source(name)
            with db.read() as connection:
                found = source.contents(connection, [(n,) for n in range(len(RECORDS))])
            told.append([key_or_none(source, stored) for stored in found.values()])
        db.close()
    assert told[: len(paths)] == told[len(paths) : 2 * len(paths)] == told[2 * len(paths) :]


def key_or_none(source: Source, stored: tuple[Any, ...]) -> bytes | str:
    try:
        return "nothing" if stored[0] is None else source.key(stored)
    except BadContent:
        return "bad"


class TestTables:
    """Tables of others, and how a table of ours changes."""

    @pytest.mark.parametrize(
        ("kinds", "keys"),
        [
            (["text"], [("b",), ("a'",), ("ü",)]),
            (["uuid"], [(uuid.UUID(int=n),) for n in (3, 1, 2)]),
            (["timestamp"], [(datetime(2026, 1, day, 5, 30, 0, 5),) for day in (3, 1, 2)]),
            (["integer", "text"], [(2, "a"), (1, "b"), (1, "a"), (3, "a")]),
            (["timestamp", "uuid"], [(datetime(2026, 1, day), uuid.UUID(int=9)) for day in (2, 1)]),
            (["bigint"], [(2**62,), (-5,)]),
        ],
        ids=str,
    )
    def test_keys_of_any_kind(self, db: Database, kinds: list[str], keys: list[Any]):
        names = [f"k{n}" for n in range(len(kinds))]
        columns = ", ".join(
            f"{name} {kind} NOT NULL" for name, kind in zip(names, kinds, strict=True)
        )
        run(db, f"CREATE TABLE t ({columns}, n integer, PRIMARY KEY ({', '.join(names)}))")
        rows = db.attach("t", n=int)
        if not db.is_postgres:  # it has texts there
            keys = [
                tuple(str(one) if not isinstance(one, int) else one for one in key) for key in keys
            ]
        given = [{**dict(zip(names, key, strict=True)), "n": n} for n, key in enumerate(keys)]
        single = len(kinds) == 1
        assert rows.insert(given) == [key[0] if single else key for key in keys]
        told = [tuple(row[name] for name in names) for row in rows.iterate(batch=1)]
        assert sorted(told) == sorted(keys)
        assert told == [tuple(row[name] for name in names) for row in rows.find()]
        assert rows.find_one(**dict(zip(names, keys[0], strict=True)))["n"] == 0
        assert rows.update({"n": 77}, **dict(zip(names, keys[1], strict=True))) == 1
        with db.read() as connection:
            found = rows.source("n").contents(connection, keys)
        assert sorted(found.values()) == sorted([(0,), (77,), *((n,) for n in range(2, len(keys)))])
        assert rows.delete(**dict(zip(names, keys[0], strict=True))) == 1

    def test_times_are_found_as_they_are_spelled(self, sqlite_url: str):
        db = connect(sqlite_url)
        run(db, "CREATE TABLE t (at DATETIME PRIMARY KEY, n integer)")
        run(db, "INSERT INTO t VALUES ('2026-01-02 03:04:05', 1), ('2026-01-02T03:04:05Z', 2)")
        rows = db.attach("t", n=int)
        assert [row["n"] for row in rows.iterate(batch=1)] == [1, 2]
        assert rows.find_one(at="2026-01-02T03:04:05Z")["n"] == 2

    def test_a_table_in_a_schema(self, postgres: Any):
        postgres.execute("CREATE SCHEMA web")
        postgres.execute("CREATE TABLE web.users (id int PRIMARY KEY, name text)")
        db = connect(postgres.url)
        users = db.attach("web.users", name=str)
        assert users.insert([{"id": 1, "name": "a"}]) == [1]
        assert [row["name"] for row in users.find(users["name"] == "a")] == ["a"]
        with pytest.raises(BadDatabase, match="no schema") as caught:
            db.attach("wbe.users", name=str).find()
        assert "web" in caught.value.schemas
        db.close()

    def test_a_time_without_a_zone_is_in_utc(self, postgres: Any):
        postgres.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp)")
        postgres.execute("INSERT INTO t VALUES (1, '2026-01-01 12:00')")
        name = postgres.url.rpartition("/")[2].partition("?")[0]
        postgres.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
        db = connect(postgres.url)
        rows = db.attach("t", at=datetime)
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        assert rows.find_one()["at"] == noon
        assert rows.count(rows["at"] == noon) == 1
        db.close()

    def test_CO2_a_table_of_others_is_left_as_it_is(self, db: Database):
        run(db, "CREATE TABLE users (id integer PRIMARY KEY, n integer DEFAULT 7, name text)")
        before = sa.inspect(db.engine).get_columns("users")
        users = db.attach("users", n=int, name=str)
        assert users.insert([{"id": 1, "name": "a"}, {"id": 2, "n": None}, {"id": 3}]) == [1, 2, 3]
        assert [row["n"] for row in users.find()] == [7, None, 7]  # its owner says what is there
        for replace in (True, False):
            with pytest.raises(BadField, match="none of ours"):
                db.collection("users", n=int, more=str, replace=replace).insert({"n": 1})
        assert str(sa.inspect(db.engine).get_columns("users")) == str(before)
        assert users.count() == 3
        with pytest.raises(BadDatabase, match="there is no table nobody"):
            db.attach("nobody", n=int).insert({"n": 1})
        assert not [one for one in sa.inspect(db.engine).get_table_names() if one == "nobody"]

    def test_CO3_what_is_no_column_is_refused_and_not_read_as_a_text(self, db: Database):
        run(db, "CREATE TABLE users (id integer PRIMARY KEY, name text)")
        run(db, "INSERT INTO users VALUES (1, 'Nmae')")
        users = db.attach("users", Nmae=str)
        named = users["Nmae"] == "Nmae"
        calls: list[Any] = [users.find, users.count, users.find_one, lambda: users.find(named),
                 lambda: users.update({"Nmae": "x"}, id=1), lambda: users.delete(named),
                 lambda: users.insert({"Nmae": "x"}), lambda: len(users)]  # fmt: skip
        for call in calls:
            with pytest.raises(BadField, match="has no column Nmae"):
                call()
        with pytest.raises(BadField, match="cannot hold a bytes"):
            db.attach("users", name=bytes).find()

    def test_what_others_have_stored_is_shown_as_it_is(self, sqlite_url: str):
        db = connect(sqlite_url)
        run(
            db,
            "CREATE TABLE t (id integer PRIMARY KEY, img blob, ok boolean, at datetime, n integer)",
        )
        run(
            db,
            "INSERT INTO t VALUES (1, 'words', 'false', 'yesterday', 'x'), (2, 5, 2, 3.5, x'00')",
        )
        rows = db.attach("t", img=image(), ok=bool, at=datetime, n=int)
        told = [[row[name] for name in rows.fields] for row in rows.find()]
        assert told == [["words", "false", "yesterday", "x"], [5, 2, 3.5, b"\0"]]
        assert rows.find(fold=(0.0, 1.0)) == []  # what has no content is in no fold

    def test_OW1_a_new_field_is_added_and_another_type_is_refused(self, db: Database):
        db.collection("t", n=int, words=field(str, required=True)).insert({"n": 1, "words": "a"})
        wider = db.collection(
            "t", {"n": int, "words": field(str, required=True), 'größe "x"': float}
        )
        with pytest.raises(BadField, match="has no column"):
            wider.find()
        wider.insert({"n": 2, "words": "b", 'größe "x"': 0.5})
        assert [row['größe "x"'] for row in wider.find()] == [None, 0.5]
        db.collection("t", n=int).find()  # fewer fields are fewer to read
        others: list[tuple[dict[str, Any], str]] = [
            ({"n": str}, "another type"),
            ({"n": field(int, required=True)}, "another type"),
            ({"n": int, "words": str}, "another type"),
            ({"n": int, "more": field(int, required=True)}, "which is required"),
        ]
        for fields, said in others:
            with pytest.raises(BadField, match=said):
                db.collection("t", fields).insert(
                    {name: "a" if kind is str else 1 for name, kind in fields.items()}
                )
        again = connect(url_of(db))
        assert again["t"].count() == 2
        assert again["t"].fields["words"].required
        again.close()

    def test_OW1_a_table_that_was_dropped_is_made_again(self, db: Database):
        db.collection("t", n=int).insert({"n": 1})
        run(db, "DROP TABLE t")
        assert "t" in str(db.show())
        db.collection("t", n=int).insert({"n": 2})
        assert db["t"].count() == 1

    def test_OW2_a_table_of_ours_is_replaced_when_it_is_said(self, db: Database):
        db.collection("t", n=int).insert([{"n": 1}, {"n": 2}])
        rows = db.collection("t", n=str, replace=True)
        assert rows.insert({"n": "a"}) == [1]
        assert rows.insert({"n": "b"}) == [2]  # once
        copy = pickle.loads(pickle.dumps(db.collection("t", n=str, replace=True)))
        copy.insert({"n": "c"})  # who gets a copy adds rows
        assert copy.count() == 3
        copy.database.close()

    def test_OW2_no_prediction_of_an_earlier_row_is_shown(self, db: Database):
        rows = db.collection("t", n=int)
        rows.insert([{"n": 1}, {"n": 2}])
        tracking = Tracking(rows.source("n"))
        entry = Entry("t", "net", "n", "net", "pin x", {"prediction": "int"})
        views = Views(entry, tracking, readers=(), index=())
        ledger = Ledger(entry, tracking)
        Installation(ledger, views, has_triggers=True, notify=False).install()
        own = db.tables
        with db.write() as connection:
            connection.execute(sa.update(tracking.state).values(key=b"k" * 16))
            connection.execute(sa.insert(own.models).values(id=5, rref="r", code="c"))
            new = {"model": 5, "key": b"k" * 16, "value": {"prediction": 3}, "tries": 0}
            connection.execute(sa.insert(own.predictions).values(**new))
            connection.execute(sa.update(own.listeners).values(shown=5))
        assert [row["_outputs"] for row in rows.find()] == [{"net": 3}] * 2
        again = db.collection("t", n=int, replace=True)
        again.insert([{"n": 8}, {"n": 9}])
        assert [row["_outputs"] for row in again.find()] == [{}, {}]
        with db.read() as connection:  # the triggers are there again
            assert connection.scalar(sa.select(sa.func.count()).select_from(tracking.state)) == 2


class TestFolds:
    def test_FL1_equal_rows_are_in_one_fold_and_each_is_in_one(self, db: Database):
        rows = digits(db)
        rows.insert([{"img": row["img"], "class": 5} for row in rows.find()])
        told = {
            name: {row["img"].tobytes() for row in rows.find(fold=name)}
            for name in ("train", "valid", "test")
        }
        assert sum(map(len, told.values())) == 20
        assert sum(len(rows.find(fold=name)) for name in told) == 40
        assert len(rows.find(fold="train", limit=3)) == 3
        assert [row["id"] for row in rows.find(fold=(0.0, 0.8))] == [
            row["id"] for row in rows.find(fold="train")
        ]

    @given(
        st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True),
        st.binary(min_size=16, max_size=16),
    )
    def test_FL1_ranges_part_the_keys(self, shares: list[float], key: bytes):
        ends = sorted({0.0, *shares, 1.0})
        ranges = list(pairwise(ends))
        assert sum(fold_of(one).holds(key) for one in ranges) == 1

    @pytest.mark.parametrize(
        "fold",
        ["vaild", 0.5, (0.5,), (0.5, 0.5), (0.9, 0.1), ("a", "b"), (0.0, float("nan")), (0, 2)],
    )
    def test_what_is_no_fold_is_refused(self, fold: Any):
        with pytest.raises(BadField, match="no such fold"):
            fold_of(fold)

    def test_the_field_is_named_where_there_are_several(self, db: Database):
        rows = db.collection("t", a=bytes, b=bytes)
        rows.insert({"a": b"1", "b": b"2"})
        with pytest.raises(BadField, match="which field"):
            rows.find(fold="train")
        parts = [rows.find(fold=name, by="a") for name in ("train", "valid", "test")]
        assert sum(map(len, parts)) == 1


OTHER = """
import os
from pystore.db import connect
db = connect(os.environ["URL"])
rows = db["mnist"]
row, timeout = rows.find_one(id=3), rows.fields["link"].fetched.timeout
print(len(rows), row["img"].size, row["link"], timeout)
"""


class TestDatabases:
    def test_DB1_declaring_touches_nothing(self, tmp_path: Path):
        db = connect(f"sqlite:///{tmp_path}/none.db")
        rows = db.collection("t", n=int)
        rows.where(rows["n"] > 3)
        rows.snapshot  # noqa: B018
        db.attach("users", n=int).where(rows["n"].exists)
        connect("postgresql://nobody@127.0.0.1:1/x").collection("t", n=int)
        assert os.listdir(tmp_path) == []
        assert "t (n: int)" in rows._repr_html_()

    def test_another_process_opens_it_by_its_name(self, db: Database):
        digits(db, link=uri(image(max_pixels=5), timeout=3.5))
        db["mnist"].update({"link": "http://images.example/1.png"}, id=3)
        url = url_of(db)
        done = subprocess.run(
            [sys.executable, "-c", OTHER],
            env={**importing(), "URL": url},
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == ["20", "(4,", "4)", "http://images.example/1.png", "3.5"], (
            done.stderr
        )

    def test_values_travel(self, db: Database):
        rows = digits(db)
        few = rows.where(rows["class"] > 5)
        for one in (db, rows, few):
            again = pickle.loads(pickle.dumps(one))
            found = again["mnist"] if one is db else again
            assert found.count() == one.count() if one is not db else 20
            (again if one is db else again.database).close()

    def test_a_relative_path_is_that_of_the_folder_where_it_was_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.chdir(tmp_path)
        db = connect("sqlite:///data.db")
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        db.collection("t", n=int).insert({"n": 1})
        assert (tmp_path / "data.db").exists()

    def test_a_new_file_has_a_write_ahead_log_and_another_stays_as_it_is(self, tmp_path: Path):
        with closing(sqlite3.connect(tmp_path / "old.db")) as old:
            old.execute("CREATE TABLE kept (id integer PRIMARY KEY)")
        for name, mode in (("new.db", "wal"), ("old.db", "delete")):
            connect(f"sqlite:///{tmp_path}/{name}").collection("t", n=int).insert([{"n": 1}])
            with closing(sqlite3.connect(tmp_path / name)) as connection:
                assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)

    def test_DB3_a_database_in_memory_is_of_one_process(self):
        db, other = connect("sqlite://"), connect("sqlite:///:memory:")
        db.collection("t", n=int).insert({"n": 1})
        assert pickle.loads(pickle.dumps(db))["t"].count() == 1
        with pytest.raises(BadDatabase, match="no collection t"):
            other["t"]
        done = subprocess.run(
            [sys.executable, "-c", "import pickle, sys; pickle.load(sys.stdin.buffer)['t']"],
            input=pickle.dumps(db), env=importing(), capture_output=True,
        )  # fmt: skip
        assert b"a database in memory has no other processes" in done.stderr

    def test_tables_for_notebooks(self, db: Database):
        run(
            db,
            "CREATE TABLE "
            + quoted(db, "<b>")
            + " (id integer PRIMARY KEY, img "
            + ("bytea" if db.is_postgres else "blob")
            + ")",
        )
        odd = db.attach("<b>", img=image())
        modes = [
            Image.new(mode, (200, 100)) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
        ]
        odd.insert([{"id": n, "img": one} for n, one in enumerate(modes)])
        told = odd._repr_html_()
        assert told.count("<img src=") == len(modes)
        assert "7 rows of &lt;b&gt;" in told
        rows = digits(db, words=str)
        rows.update({"words": "<script>"}, id=1)
        told = rows._repr_html_()
        assert (told.count("<img"), "<script>" in told, "20 rows of mnist" in told) == (
            10,
            False,
            True,
        )
        shown = db.show()
        assert "mnist" in str(shown)
        assert shown.to_dict()["collections"][0]["rows"] == 20
        assert "<td>mnist</td>" in shown._repr_html_()
        assert db.collections() == ["mnist"]
        assert db.gc() == {"predictions": 0, "models": 0, "fetched": 0}

    def test_an_empty_database_shows_nothing(self, db: Database):
        assert "nothing of ours" in str(db.show())
        assert (db.collections(), db.listeners(), db.gc()) == (
            [],
            [],
            {"predictions": 0, "models": 0, "fetched": 0},
        )

    def test_TA1_tables_of_a_newer_pystore_are_refused(self, db: Database):
        digits(db)
        with db.write() as connection:
            connection.execute(sa.update(db.tables.meta).values(version=VERSION + 1))
        again = connect(url_of(db))
        with pytest.raises(FormatTooNew, match="newer pystore"):
            again["mnist"]
        with pytest.raises(FormatTooNew, match="newer pystore"):
            again.collection("t", n=int).insert({"n": 1})
        again.close()

    def test_TA1_a_step_is_made_whole_or_not_at_all(
        self, db: Database, monkeypatch: pytest.MonkeyPatch
    ):
        def fails(*args: Any, **more: Any) -> None:
            made(*args, **more)
            raise OSError("full")

        made = db.tables.metadata.create_all
        monkeypatch.setattr(db.tables.metadata, "create_all", fails)
        with pytest.raises(OSError, match="full"):
            db.collection("t", n=int).insert({"n": 1})
        assert sa.inspect(db.engine).get_table_names() == []
        monkeypatch.undo()
        db.tables._is_there = False
        assert db.collection("t", n=int).insert({"n": 1}) == [1]

    def test_what_a_role_may_not_do_is_told(self, postgres: Any):
        postgres.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        db = connect(postgres.role("reader", "SELECT ON t"))
        rows = db.attach("t", n=int)
        assert rows.find() == []
        with pytest.raises(NoPermission, match="refuses") as caught:
            rows.insert({"id": 1, "n": 1})
        assert "secret" not in str(caught.value)
        db.close()


@pytest.mark.parametrize(
    ("kind", "declared", "value"),
    [
        ("numeric(8, 2)", float, 1.5),
        ("numeric", float, 3.0),
        ("numeric", int, 7),
        ("real", float, 0.5),
        ("narrow", int, 5),
        ("named", str, "a"),
        ("told", json(), {"a": 1}),
    ],
)
def test_a_column_of_postgresql_is_what_it_holds(postgres, kind, declared, value):
    table = _with_column(postgres, kind, {"told": '{"a": 1}'}.get(kind, str(value)))
    found = table.attach("t", v=declared).find_one()["v"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("kind", ["mood", "real", "narrow", "named"])
def test_GW1_what_is_shown_of_a_column_is_found_and_written(postgres, kind):
    first, other = {"mood": ("sad", "well"), "real": (0.1, 0.7), "narrow": (1, 2)}.get(
        kind, ("a", "b")
    )
    table = _with_column(postgres, kind, str(first)).attach("t", v=type(first))
    table.insert([{"id": 2, "v": other}])
    assert [row["v"] for row in table.find()] == [first, other]
    assert [row["id"] for row in table.find(v=first)] == [1]
    assert [row["id"] for row in table.find(table["v"].is_in([other]))] == [2]
    assert table.count(table["v"] <= first) == 1
    assert table.count(~(table["v"] == first)) == 1
    assert len(table.where(table["v"] == other).snapshot(x="v").run().frame()) == 1
    assert table.update({"v": other}, v=first) == 1
    assert table.delete(v=other) == 2


def test_a_text_that_is_none_of_an_enum_is_told(postgres):
    table = _with_column(postgres, "mood", "sad").attach("t", v=str)
    assert table.count(v="odd") == 0
    with pytest.raises(BadRow, match="does not take a row"):
        table.insert([{"id": 2, "v": "odd"}])


def test_CO3_whole_numbers_are_no_place_for_fractions(postgres):
    table = _with_column(postgres, "integer", "3")
    assert table.attach("t", v=int).find_one()["v"] == 3
    with pytest.raises(BadField, match="the column v cannot hold a float"):
        table.attach("t", v=float).find()


@pytest.mark.parametrize("declared", [int, float, str, bool, bytes, datetime, json(), image()])
@pytest.mark.parametrize("kind", ["uuid", "money", "inet", "int[]"])
def test_CO3_a_column_of_postgresql_of_no_kind_of_a_field_is_refused(postgres, kind, declared):
    table = _with_column(postgres, kind, None)
    with pytest.raises(BadField, match="the column v cannot hold"):
        table.attach("t", v=declared).find()


def _with_column(postgres: Any, kind: str, value: str | None) -> Any:
    """A database with a table of one row, whose column `v` is of this kind."""
    db = connect(postgres.url)
    with db.write() as connection:
        connection.exec_driver_sql("CREATE TYPE mood AS ENUM ('sad', 'well')")
        connection.exec_driver_sql("CREATE DOMAIN narrow AS smallint CHECK (VALUE < 9)")
        connection.exec_driver_sql("CREATE DOMAIN named AS varchar(9)")
        connection.exec_driver_sql("CREATE DOMAIN told AS jsonb")
        connection.exec_driver_sql(f"CREATE TABLE t (id integer PRIMARY KEY, v {kind})")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, %s)", (value,))
    return db
