"""Values of SQLite: what a column holds beside its type is the matter of its row alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from words import BEST, done, failed, shouter, trained

from pystore import PystoreWarning
from pystore.db import BadContent, BadDatabase, connect, json, text, uri

pytestmark = pytest.mark.timeout(120)

NOT_UTF8 = "cast(x'ff41' AS text)"


def _table(url: str, columns: str, rows: Sequence[str], **fields: Any) -> Any:
    """A table of somebody else, with these rows."""
    db = connect(url)
    with db.write() as connection:
        connection.exec_driver_sql(f"CREATE TABLE t ({columns})")
        for row in rows:
            connection.exec_driver_sql(f"INSERT INTO t VALUES ({row})")
    return db.attach("t", **fields)


def _keys(found: Any) -> list[Any]:
    return [row["id"] for row in found]


# --- numbers


def test_FK1_no_version_of_sqlite_has_to_read_a_float_of_json(sqlite_url):
    """Some are off by one in the last place, and a column of JSON makes numbers of texts."""
    db, bound = connect(sqlite_url), []
    rows = db.collection("t", x=json())
    sa.event.listen(db.engine, "before_cursor_execute", lambda *told: bound.append(repr(told[3])))
    given = [3.965089856116698e-291, 5.0, {"a": 0.1}, True, 7]
    keys = rows.insert([{"x": one} for one in given])
    assert any("3.965089856116698e-291" in one for one in bound)
    assert not any("'3.965089856116698e-291'" in one for one in bound)
    assert [rows.find_one(id=key)["x"] for key in keys] == given


# --- texts


def test_ZQ1_a_text_that_is_no_utf_8_holds_up_no_row(sqlite_url, store):
    trained(1, 0.5)
    rows = ["1, 'a', '{}'", f"2, {NOT_UTF8}, {NOT_UTF8}", "3, 'c', '{}'"]
    table = _table(sqlite_url, "id integer primary key, said text, r json", rows, said=text())
    assert [row["said"] for row in table.find()] == ["a", b"\xffA", "c"]
    with pytest.raises(BadContent, match="this is no text") as caught:
        table.arrow()
    assert caught.value.facts["row"] == 2
    listener = table.listener(shouter(), BEST, on="said")
    assert done(listener) == 2
    assert [(row["id"], row["error"]) for row in failed(table, listener)] == [
        (2, "this is no text")
    ]
    with pytest.warns(PystoreWarning, match="this is no text"):
        assert len(table.snapshot(x="said").run().frame()) == 2
    with table.database.write() as connection:
        connection.exec_driver_sql("UPDATE t SET said = 'b' WHERE id = 2")
    assert done(listener) == 1


@pytest.mark.parametrize("field", [json(), bytes, uri()], ids=["json", "bytes", "uri"])
def test_ZQ1_such_a_text_is_no_value_of_another_kind(sqlite_url, store, field):
    trained(1, 0.5)
    table = _table(sqlite_url, "id integer primary key, said", [f"1, {NOT_UTF8}"], said=field)
    listener = table.listener(shouter(), BEST, on="said")
    assert done(listener) == 0
    assert len(failed(table, listener)) == 1


def test_ZQ1_a_key_that_is_no_utf_8_is_told_and_holds_up_no_row(sqlite_url, store):
    trained(1, 0.5)
    rows = [f"{NOT_UTF8}, 'b'", "'1', 'a'", "'3', 'c'", "cast(x'ff42' AS text), 'd'"]
    table = _table(sqlite_url, "id text primary key, said text", rows, said=text())
    keys = ["1", "3", b"\xffA", b"\xffB"]
    assert _keys(table.find()) == _keys(table.iterate(batch=1)) == keys
    listener = table.listener(shouter(), BEST, on="said").start()
    table.wait(60)
    listener.stop()
    told = [row["_outputs"].get("shout", {}).get("loud") for row in table.find()]
    assert told == ["A!", "C!", None, None]
    assert {row["error"] for row in failed(table, listener)} == {
        "the key is a text that is no UTF-8"
    }


# --- comparisons


TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FORMS = [
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z",
    "2026-01-02T05:04:05+02:00",
    "2026-01-02 03:04:05",
    "2026-01-02 03:04:05.000000",
    "20260102T030405.000",
]


@pytest.mark.parametrize("type_", ["datetime", "text", ""])
def test_ZQ2_times_compare_in_any_form(store, sqlite_url, type_):
    rows = [f"{number}, '{form}'" for number, form in enumerate(FORMS)]
    columns = f"id integer primary key, at {type_}"
    table = _table(sqlite_url, columns, [*rows, "9, NULL"], at=datetime)
    each, second = [*range(len(FORMS))], timedelta(seconds=1)
    for condition in (
        table["at"] == TIME,
        table["at"] >= TIME,
        table["at"] < TIME + second,
        ~(table["at"] < TIME),
        table["at"].is_in([TIME]),
        table["at"] != TIME + second,
        table["at"] > datetime(2026, 1, 2, 4, 4, tzinfo=timezone(timedelta(hours=1))),
    ):
        assert _keys(table.find(condition)) == each
        assert table.count(~condition) == 0
    assert len(table.where(table["at"] == TIME).snapshot(x="at").run().frame()) == 6


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["T", " "]),
)
def test_ZQ2_two_times_compare_as_in_python(one, other, between):
    with connect("sqlite://").read() as connection:
        query = "SELECT pystore_time('text', CAST(? AS blob), 'at')"
        told = [
            connection.exec_driver_sql(query, (time.isoformat(between),)).scalar_one()
            for time in (one, other)
        ]
    assert (told[0] < told[1], told[0] == told[1]) == (one < other, one == other)


def test_ZQ2_what_is_no_time_compares_with_nothing_and_is_told(sqlite_url):
    rows = ["1, 1767323045", "2, 'yesterday'", f"3, {NOT_UTF8}", "4, '2026-01-02T03:04:05'"]
    table = _table(sqlite_url, "id integer primary key, at datetime", rows, at=datetime)
    for condition in (table["at"] < TIME, ~(table["at"] < TIME)):
        with pytest.warns(PystoreWarning, match="compares with nothing: '1767323045'"):
            found = _keys(table.find(condition))
        assert found in ([], [4])
        table.database.close()  # the next connection tells it again


def test_a_time_that_sql_has_written_into_a_table_of_ours_compares(sqlite_url):
    table = connect(sqlite_url).collection("t", at=datetime)
    table.insert([{"at": TIME}])
    with table.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO t (at) VALUES ('2026-01-02 03:04:05')")
    assert _keys(table.find(at=TIME)) == [1, 2]
    assert table.count(table["at"] > TIME) == 0


def test_a_value_of_another_kind_in_a_column_compares_with_nothing(sqlite_url):
    columns = "id integer primary key, n integer, s text, f real, b blob, ok boolean"
    rows = ["1, 5, 'a', 1.5, x'00', 1", "2, 'abc', x'ff', x'00', 'text', 'yes'"]
    table = _table(sqlite_url, columns, rows, n=int, s=text(), f=float, b=bytes, ok=bool)
    for condition in (
        table["n"] > 3,
        table["s"] > "A",
        table["f"] > 0.0,
        table["b"] < b"zz",
        table["ok"] == True,  # noqa: E712  (a condition of SQL)
        table["n"] != 3,
        table["s"] != "b",
    ):
        assert _keys(table.find(condition)) == [1]
        assert _keys(table.find(~condition)) == []


# --- keys


def test_a_key_of_any_type_in_a_strict_table_is_kept_as_it_is(sqlite_url, store):
    trained(1, 0.5)
    db = connect(sqlite_url)
    with db.write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (k any PRIMARY KEY, said text) STRICT")
        rows = "(1, 'number'), ('1', 'text'), (x'31', 'bytes'), (1.5, 'half')"
        connection.exec_driver_sql(f"INSERT INTO t VALUES {rows}")
    table = db.attach("t", said=text())
    listener = table.listener(shouter(), BEST, on="said")
    assert done(listener) == 4
    with db.read() as connection:
        seen = connection.exec_driver_sql(f"SELECT said, loud FROM {listener.views.names[0]}").all()
    assert len(seen) == 4
    assert all(loud == said.upper() + "!" for said, loud in seen)
    assert table.find_one(k="1")["said"] == "text"
    assert table.find_one(k=1)["said"] == "number"


def test_a_table_whose_name_is_written_in_another_case_is_told(sqlite_url):
    db = _table(sqlite_url, "id integer primary key, said text", ["1, 'a'"]).database
    with pytest.raises(BadDatabase, match="there is no table WORDS"):
        db.attach("WORDS", said=text()).find()
    with pytest.raises(BadDatabase, match="there is no table T") as told:
        db.attach("T", said=text()).find()
    assert told.value.facts["tables"] == "t"
