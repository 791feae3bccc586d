"""What is declared again, otherwise than before: no prediction of before is shown as one of it."""

from collections.abc import Callable
from typing import Any

import pytest
from words import BEST, done, failed, fit, in_view, shouter, trained, words_in

from pystore import PystoreWarning
from pystore.app.answers import predictor
from pystore.db import BadDatabase, BadField, connect, field, json, text

pytestmark = pytest.mark.timeout(120)

ROWS = [{"a": 1}, {"a": "x"}, {"a": 2.5}, {"b": 0}]


@pytest.fixture(autouse=True)
def _model(store: Any) -> None:
    trained(1, 0.5)


def _records(url: str) -> None:
    """A table of somebody else with these records."""
    db: Any = connect(url)
    if not db.is_sql:
        db.named["t"].insert_many([{"_id": n, "r": one} for n, one in enumerate(ROWS)])
        return
    with db.write() as connection:
        kind = "jsonb" if db.is_postgres else "json"
        connection.exec_driver_sql(f"CREATE TABLE t (id integer PRIMARY KEY, r {kind})")
        for number, one in enumerate(ROWS):
            told = str(one).replace("'", '"')
            connection.exec_driver_sql(f"INSERT INTO t VALUES ({number}, '{told}')")


def _teller(outputs: Any, said: Callable[[Any], Any]) -> Any:
    @predictor(of=fit, outputs=outputs)
    def tell(model, batch):
        return [said(one) for one in batch]

    return tell


def _declared(url: str, kind: Any) -> tuple[Any, Any]:
    """The records with the field `said` of a kind, and a listener that tells its values."""
    table = connect(url).attach("t", said=kind)
    tell = _teller({"told": str}, lambda one: {"told": repr(one)})
    return table, table.listener(tell, BEST, on="said")


def _told(table: Any) -> list[str | None]:
    return [row["_outputs"].get("tell", {}).get("told") for row in table.find()]


def test_TK4_a_field_that_becomes_another_kind_is_predicted_anew(database_url):
    _records(database_url)
    table, listener = _declared(database_url, json(at="r.a"))
    assert done(listener) == 3
    assert _told(table) == ["1", "'x'", "2.5", None]
    table, listener = _declared(database_url, field(float, at="r.a"))
    with pytest.warns(PystoreWarning, match="said of t was declared as json"):
        assert done(listener) == 2
    assert _told(table) == ["1.0", None, "2.5", None]
    assert [row["error"] for row in failed(table, listener)] == ["this is no float"]
    assert done(listener) == 0


def test_TK4_what_failed_as_another_kind_is_tried_again(database_url):
    _records(database_url)
    table, listener = _declared(database_url, field(int, at="r.a"))
    assert done(listener) == 1
    assert len(failed(table, listener)) == 2
    table, listener = _declared(database_url, text(at="r.a"))
    with pytest.warns(PystoreWarning, match="was declared as int"):
        done(listener)
    assert _told(table) == [None, "'x'", None, None]


def test_TK4_who_goes_by_the_declaration_of_before_takes_no_row(database_url):
    _records(database_url)
    table, before = _declared(database_url, json(at="r.a"))
    done(before)
    table, listener = _declared(database_url, field(float, at="r.a"))
    with pytest.warns(PystoreWarning, match="was declared as json"):
        listener.install()
    with before.database.write() as connection:
        assert before.tracking.claim(connection, 10, 1) == []
    with pytest.raises(BadField, match="is declared as another kind by now"):
        before.reconcile()
    assert done(listener) == 2
    assert _told(table) == ["1.0", None, "2.5", None]


def _lower(raw: bytes) -> str:
    return raw.decode().lower()


def test_HA1_another_function_that_loads_a_field_predicts_again(database_url):
    tell = _teller({"told": str}, lambda one: {"told": one})
    for load, calls, told in ((bytes.decode, 1, "Ab"), (_lower, 1, "ab"), (_lower, 0, "ab")):
        table = connect(database_url).collection("t", said=field(dump=str.encode, load=load))
        if load is not _lower:
            table.insert([{"said": "Ab"}])
        listener = table.listener(tell, BEST, on="said")
        assert done(listener) == calls
        assert [row["_outputs"]["tell"]["told"] for row in table.find()][:1] == [told]


@pytest.mark.parametrize(
    ("outputs", "value", "found"),
    [
        ({"told": float, "more": str}, {"told": 3, "more": "x"}, {"told": 3, "more": "x"}),
        (None, {"told": 3}, {"told": 3}),
        ({"told": str}, {"told": "three"}, {"told": "three"}),
    ],
    ids=["more outputs", "without names", "another type"],
)
def test_HA1_EN2_other_outputs_are_predicted_again(database_url, outputs, value, found):
    words = words_in(database_url, ["a"])
    said: list[Any] = [{"told": 3}]
    first = words.listener(_teller({"told": int}, lambda _: said[-1]), BEST, on="word")
    assert done(first) == 1
    said.append(value)
    second = words.listener(_teller(outputs, lambda _: said[-1]), BEST, on="word")
    second.install()
    assert words.find_one()["_outputs"].get("tell", {}) in ({}, {"told": 3})
    assert done(second) == 1
    assert words.find_one()["_outputs"]["tell"] == found


def test_EN2_a_view_goes_on_when_an_output_gets_another_type(database_url):
    words = words_in(database_url, ["a"])
    done(words.listener(shouter(), BEST, on="word"))
    listener = words.listener(
        shouter(lambda model, batch: [{"loud": 7} for _ in batch], outputs={"loud": int}),
        BEST,
        on="word",
    )
    listener.install()
    assert [row["loud"] for row in in_view(words, listener)] == [None]
    assert done(listener) == 1
    assert [row["loud"] for row in in_view(words, listener)] == [7]


def test_EN1_a_listener_that_was_refused_removes_nothing_of_another(database_url):
    words = words_in(database_url, ["a"])
    first = words.listener(shouter(), BEST, on="word")
    done(first)
    tell = _teller({"loud": str}, lambda _: {"loud": "?"})
    others = [
        (words.listener(shouter(), BEST, on="note"), "another field"),
        (words.listener(tell, BEST, on="word", name="shout"), "another predictor"),
    ]
    for other, why in others:
        for call in (other.install, other.remove):
            with pytest.raises(BadDatabase, match=why):
                call()
    assert [row["loud"] for row in in_view(words, first)] == ["A!"]
    assert words.find_one()["_outputs"] == {"shout": {"loud": "A!", "size": 1}}
    words.insert([{"word": "bb", "note": "-"}])
    assert done(first) == 1
    first.remove()
    first.remove()  # there is nothing more
    assert words.find_one()["_outputs"] == {}


def test_TK4_a_listener_that_was_removed_leaves_no_declaration(database_url):
    _records(database_url)
    _, listener = _declared(database_url, json(at="r.a"))
    listener.remove()  # of which nothing was made yet
    done(listener)
    listener.remove()
    table, listener = _declared(database_url, field(float, at="r.a"))
    assert done(listener) == 2
    assert _told(table) == ["1.0", None, "2.5", None]
