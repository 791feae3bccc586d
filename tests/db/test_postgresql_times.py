"""Times of PostgreSQL, and other values there that Python does not have."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from words import BEST, OUTPUTS, done, failed, shouter, trained

from pystore import PystoreWarning
from pystore.db import connect, field, json, text
from pystore.db.kinds import Malformed, json_or_malformed

pytestmark = pytest.mark.timeout(120)

NINES = "9" * 5000  # more digits than Python reads
DEEP = "[" * 3000 + "]" * 3000


def _holds_up_no_other(url: str, kind: str, values: Sequence[str], declared: Any) -> list[Any]:
    """Looks that the first value and the last are read and predicted; returns what `find` shows."""
    db = connect(url)
    with db.write() as connection:
        connection.exec_driver_sql(f"CREATE TABLE t (id integer PRIMARY KEY, v {kind})")
        for number, one in enumerate(values):
            connection.exec_driver_sql(f"INSERT INTO t VALUES ({number}, '{one}')")
    table = db.attach("t", x=declared)
    tell = shouter(lambda _, batch: [{"loud": repr(one)[:9], "size": 1} for one in batch])
    assert tell.outputs.keys() == OUTPUTS.keys()
    listener = table.listener(tell, BEST, on="x")
    assert done(listener) == 2
    bad = [*range(1, len(values) - 1)]
    assert [row["id"] for row in failed(table, listener)] == bad
    found = table.find()
    assert [row["id"] for row in found if not row["_outputs"]] == bad
    with pytest.warns(PystoreWarning, match="left out of a snapshot"):
        assert len(table.snapshot(x="x").run().frame()) == 2
    return [row["x"] for row in found]


@pytest.fixture(autouse=True)
def _model(store: Any) -> None:
    trained(1, 0.5)


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_PZ1_a_time_that_python_does_not_have_holds_up_no_row(postgres, kind):
    times = ["2026-01-02 03:04:05", "infinity", "-infinity", "0044-03-15 BC", "2026-01-03"]
    declared = field(datetime, at="v")
    found = _holds_up_no_other(postgres.url, kind, times, declared)
    assert found[0] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found[1] == "infinity"


def test_a_number_that_is_none_holds_up_no_row(postgres):
    numbers = ["1", "NaN", "Infinity", "-Infinity", "2.5", "1e30", "7"]
    found = _holds_up_no_other(postgres.url, "numeric", numbers, field(int, at="v"))
    assert (found[0], found[-1]) == (1, 7)


def test_a_number_beyond_all_floats_is_no_infinite_one(postgres):
    numbers = ["1", "1e400", "-1e309", "2.5"]
    found = _holds_up_no_other(postgres.url, "numeric", numbers, field(float, at="v"))
    assert found == [1.0, Decimal("1e400"), Decimal("-1e309"), 2.5]


@pytest.mark.parametrize(
    ("kind", "odd"),
    # To SQLite, a text with so many lists is no JSON at all, and nothing is at its paths.
    [("sqlite", NINES), ("json", NINES), ("json", DEEP), ("jsonb", NINES), ("jsonb", DEEP)],
    ids=["sqlite", "json, digits", "json, lists", "jsonb, digits", "jsonb, lists"],
)
@pytest.mark.parametrize("of", [json, text])
def test_json_that_python_does_not_read_holds_up_no_row(request, kind, odd, of):
    given = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres")
    records = [f'{{"a": {one}}}' for one in ('"x"', odd, '"y"')]
    told = "text" if kind == "sqlite" else kind
    found = _holds_up_no_other(getattr(given, "url", given), told, records, of(at="v.a"))
    assert (found[0], found[2]) == ("x", "y")


@pytest.mark.parametrize("written", ["9.0e+999", "-1e400", "[1, 1e400]", "Infinity", "NaN", "Inf"])
def test_a_number_beyond_all_floats_is_no_json(written: str):
    """As newer versions of SQLite write one that has too many digits."""
    assert isinstance(json_or_malformed(written), Malformed)
    assert json_or_malformed('{"a": [1e300, 2, -0.5]}') == {"a": [1e300, 2, -0.5]}
