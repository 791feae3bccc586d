"""Keys of PostgreSQL: a row has its prediction whatever the type of its key, and whatever it is."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from words import BEST, done, shouter, trained

from pystore.db import BadRow, connect

pytestmark = pytest.mark.timeout(120)

KEYS = {
    "timestamptz": ["2026-01-02 03:04:05.678901+00", "infinity", "-infinity", "0044-03-15 BC"],
    "timestamp": ["2026-01-02 03:04:05", "infinity", "20000-01-01 00:00:00"],
    "date": ["2026-01-02", "infinity", "0044-03-15 BC"],
    "time": ["12:00:00", "24:00:00"],
    "interval": ["1 day", "1 hour"],
    "mood": ["sad", "well"],
    "positive": ["1", "2"],
    "said": ["a", "b"],
    'text COLLATE "C"': ["a", "B", ""],
    "char(4)": ["a", "ab"],
    "numeric(6, 2)": ["1.5", "2"],
    "real": ["0.3", "1.1"],
    "oid": ["1", "4294967295"],
    "money": ["1.50", "2"],
    "inet": ["1.2.3.4", "::1", "10.0.0.0/8"],
    "int4range": ["[1,3)", "empty"],
    "int[]": ["{1,2}", "{}"],
    "jsonb": ['{"a": 1}', "[1, 2]", "null"],
}


def _table(url: str, kind: str, keys: list[str]) -> Any:
    db = connect(url)
    with db.write() as connection:
        for statement in (
            "CREATE TYPE mood AS ENUM ('sad', 'well')",
            "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
            "CREATE DOMAIN said AS text",
            f"CREATE TABLE t (n integer, k {kind}, word text, PRIMARY KEY (k, n))",
        ):
            connection.exec_driver_sql(statement)
        for number, key in enumerate(keys):
            values = (number, key, f"w{number}")
            connection.exec_driver_sql("INSERT INTO t VALUES (%s, %s, %s)", values)
    return db.attach("t", word=str)


def _change(table: Any, statement: str) -> None:
    with table.database.write() as connection:
        connection.exec_driver_sql(statement)


def _seen(table: Any) -> list[Any]:
    """The words with what the view shows beside them."""
    with table.database.read() as connection:
        view = "pystore.t_shout AS v ON v.k = t.k AND v.n = t.n"
        query = f"SELECT t.word, v.loud FROM t LEFT JOIN {view} ORDER BY t.n"
        return list(connection.exec_driver_sql(query))


@pytest.mark.parametrize("kind", KEYS)
def test_GP1_a_row_has_a_prediction_whatever_its_key(postgres, store, kind):
    trained(1, 0.5)
    table = _table(postgres.url, kind, KEYS[kind])
    listener = table.listener(shouter(), BEST, on="word")
    assert done(listener) == len(KEYS[kind])
    assert _seen(table) == [(f"w{n}", f"W{n}!") for n in range(len(KEYS[kind]))]
    assert not listener.reconcile().notes  # its entries fit, and are not made anew
    _change(table, "UPDATE t SET word = word || 'x'")
    done(listener)
    assert _seen(table) == [(f"w{n}x", f"W{n}X!") for n in range(len(KEYS[kind]))]
    for row in table.find():
        assert table.find_one(k=row["k"], n=row["n"]) == row
        assert row["_outputs"]["shout"]["loud"] == row["word"].upper() + "!"
        assert table.lineage((row["k"], row["n"]), "shout").why_not is None
    assert len(table.snapshot(x="word").run().frame()) == len(KEYS[kind])
    _change(table, "DELETE FROM t WHERE n = 0")
    done(listener)
    assert len(_seen(table)) == len(KEYS[kind]) - 1


def test_a_time_in_a_key_is_one_of_python_where_python_has_it(postgres):
    table = _table(postgres.url, "date", ["2026-01-02", "infinity"])
    assert [row["k"] for row in table.find()] == [date(2026, 1, 2), "infinity"]
    for wrong in ("2026-01-02", "soon", datetime(2026, 1, 2, tzinfo=UTC).time()):
        with pytest.raises(BadRow, match="no such value"):
            table.find_one(k=wrong)
