"""Listeners: each row has a prediction by whatever is followed, whatever is done to the rows."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from words import BEST, OUTPUTS, done, failed, fit, in_view, shouter, shown, trained, words_in

import pystore as ps
from pystore.app.answers import predictor
from pystore.db import connect, json, text
from pystore.db.errors import BadDatabase, BadField, NoListener
from pystore.db.tracking import Mark
from pystore.errors import BadStage, TimedOut

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def one(store) -> ps.RRef:
    """The only model."""
    return trained(1, 0.5)


# --- rows --------------------------------------------------------------------------------


def test_FI1_LE1_each_row_has_one_prediction_made_once_for_its_content(database_url, one):
    words = words_in(database_url, ["a", "bb", "a", "ccc"])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 3
    assert shown(words, listener) == {"a": "A!", "bb": "BB!", "ccc": "CCC!"}
    words.insert([{"word": "bb", "note": "again"}] * 100)
    assert done(listener) == 0
    assert words.find_one(word="ccc")["_outputs"] == {"shout": {"loud": "CCC!", "size": 3}}
    assert [row["_outputs"]["shout"]["size"] for row in words.find(note="again")] == [2] * 100


def test_a_changed_label_asks_no_model_and_a_changed_content_does(database_url, one):
    words = words_in(database_url, [f"word {n}" for n in range(100)])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 100
    assert words.update({"note": "relabelled"}, words["id"] > 0) == 100
    assert done(listener) == 0
    words.update({"word": "other"}, id=7)
    assert done(listener) == 1
    assert shown(words, listener)["other"] == "OTHER!"
    assert len(shown(words, listener)) == 100


def test_VW1_a_row_without_content_is_in_the_view_and_a_deleted_one_is_not(database_url, one):
    words = words_in(database_url, ["a", "bb"])
    words.insert([{"word": None, "note": "-"}])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 2
    assert shown(words, listener) == {"a": "A!", "bb": "BB!", None: None}
    words.delete(word="a")
    words.update({"word": "later"}, id=3)
    assert done(listener) == 1
    assert shown(words, listener) == {"bb": "BB!", "later": "LATER!"}


def test_rows_by_composite_keys_of_somebody_else(database_url, one):
    db = connect(database_url)
    with db.write() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sold (shop text, day integer, word text, PRIMARY KEY (shop, day))"
        )
        connection.exec_driver_sql("INSERT INTO sold VALUES ('x', 1, 'a'), ('y', 1, 'bb')")
    sold = db.attach("sold", word=str)
    listener = sold.listener(shouter(), BEST, on="word")
    assert done(listener) == 2
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE sold SET day = 2 WHERE shop = 'y'")
        connection.exec_driver_sql("UPDATE sold SET word = 'ccc' WHERE shop = 'x'")
    assert done(listener) == 1
    query = f"SELECT shop, day, loud FROM {listener.views.names[0]} ORDER BY shop"
    with db.read() as connection:
        assert list(connection.exec_driver_sql(query)) == [("x", 1, "CCC!"), ("y", 2, "BB!")]


def _told_of(url: str, made: Sequence[str], field: Any) -> Any:
    """A listener that tells the values of a field of somebody else's table `t`, and the table."""
    db = connect(url)
    with db.write() as connection:
        for statement in made:
            connection.exec_driver_sql(statement)
    table = db.attach("t", said=field)

    @predictor(of=fit, outputs={"told": str})
    def tell(model, batch):
        return [{"told": repr(one)} for one in batch]

    return table, table.listener(tell, BEST, on="said")


def _url_of(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of an empty database of SQL."""
    if kind == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("postgres").url)


def _change(table: Any, *statements: str) -> None:
    with table.database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _told(table: Any) -> list[tuple[str, str | None]]:
    """What is there and what is told of it, in the order of the keys."""
    found = table.find()
    return [(repr(row["said"]), row["_outputs"].get("tell", {}).get("told")) for row in found]


def test_a_value_in_json_of_another_kind_is_another_content(database_url, one):
    kind = "json" if "sqlite" in database_url else "jsonb"
    made = [
        f"CREATE TABLE t (id integer PRIMARY KEY, record {kind})",
        """INSERT INTO t VALUES (1, '{"at": 1}'), (2, '{"at": "[1]"}'), (3, '{"at": "5"}')""",
    ]
    table, listener = _told_of(database_url, made, json(at="record.at"))
    assert done(listener) == 3
    _change(
        table,
        """UPDATE t SET record = '{"at": true}' WHERE id = 1""",
        """UPDATE t SET record = '{"at": [1]}' WHERE id = 2""",
        """UPDATE t SET record = '{"at": 5}' WHERE id = 3""",
    )
    done(listener)
    assert _told(table) == [("True", "True"), ("[1]", "[1]"), ("5", "5")]


def test_a_text_is_another_one_whatever_its_column_compares(sqlite_url, one):
    made = [
        "CREATE TABLE t (id text COLLATE NOCASE PRIMARY KEY, said text COLLATE NOCASE)",
        "INSERT INTO t VALUES ('a', 'polish'), ('b', 'turkey')",
    ]
    table, listener = _told_of(sqlite_url, made, text())
    assert done(listener) == 2
    _change(table, "UPDATE t SET said = 'Polish' WHERE id = 'a'")
    _change(table, "UPDATE t SET id = 'B' WHERE id = 'b'")
    assert done(listener) == 1
    assert _told(table) == [("'Polish'", "'Polish'"), ("'turkey'", "'turkey'")]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("", "1, '1', x'31', 2.5"),
        ("numeric", "1, 2.5, 'x', '10'"),
        ("decimal(10, 2)", "1, 2.5"),
        ("boolean", "0, 1"),
        ("uuid", "'123', 'abc'"),
        ("real", "1, 2.5"),
        ("blob", "x'31', '1', 1"),
        ("date", "'2026-01-01'"),
    ],
    ids=lambda given: given if given[:1].isalpha() or not given else "keys",
)
@pytest.mark.parametrize("how", ["", "WITHOUT ROWID"], ids=["", "without rowid"])
def test_a_row_has_a_prediction_whatever_the_type_of_its_key(sqlite_url, one, kind, keys, how):
    rows = ", ".join(f"({key}, 'a')" for key in keys.split(", "))
    made = [
        f"CREATE TABLE t (k {kind} PRIMARY KEY, said text) {how}",
        f"INSERT INTO t VALUES {rows}",
    ]
    table, listener = _told_of(sqlite_url, made, text())
    assert done(listener) == 1
    assert {told for _, told in _told(table)} == {"'a'"}
    _change(table, "UPDATE t SET said = 'b'")
    assert done(listener) == 1
    assert {told for _, told in _told(table)} == {"'b'"}


def test_TG1_a_row_whose_key_is_empty_may_be_written_beside_a_listener(sqlite_url, one):
    made = [
        "CREATE TABLE t (k text PRIMARY KEY, said text)",
        "INSERT INTO t VALUES (NULL, 'a'), ('z', 'b'), ('y', 'c')",
    ]
    table, listener = _told_of(sqlite_url, made, text())
    assert done(listener) == 2
    _change(table, "INSERT INTO t VALUES (NULL, 'd')", "UPDATE t SET k = NULL WHERE k = 'z'")
    assert done(listener) == 0
    with table.database.read() as connection:
        view = connection.exec_driver_sql("SELECT said, told FROM t_tell ORDER BY said")
        assert view.all() == [("a", None), ("b", None), ("c", "'c'"), ("d", None)]


@pytest.mark.parametrize("odd", ['"\\ud800"', "1e400"], ids=["half a character", "1e400"])
def test_one_value_that_is_no_json_of_others_holds_up_no_row(sqlite_url, one, odd):
    rows = [f"""({n}, '{{"at": {told}}}')""" for n, told in enumerate(['"a"', odd, '"b"'])]
    made = [
        "CREATE TABLE t (id integer PRIMARY KEY, record json)",
        f"INSERT INTO t VALUES {', '.join(rows)}",
    ]
    table, listener = _told_of(sqlite_url, made, text(at="record.at"))
    assert done(listener) == 2
    assert [told for _, told in _told(table)] == ["'a'", None, "'b'"]
    assert [row["error"] for row in failed(table, listener)] == ["this is no text"]
    with pytest.warns(ps.PystoreWarning, match="this is no text"):
        assert len(table.snapshot(x="said").run().frame()) == 2


def test_a_trigger_of_an_earlier_version_is_made_anew(sqlite_url, one):
    words = words_in(sqlite_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 1
    [name] = [one for one in listener.installation.triggers.removal_statements() if "update" in one]
    _change(words, name, name.replace("DROP TRIGGER IF EXISTS", "CREATE TRIGGER") + " AFTER UPDATE "
            "ON words BEGIN SELECT 1; END")  # fmt: skip
    listener.install()
    words.update({"word": "bb"}, id=1)
    assert done(listener) == 1
    assert shown(words, listener) == {"bb": "BB!"}


def test_TK1_rows_that_no_trigger_has_seen_are_found(database_url, one):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 1
    with words.database.write() as connection:
        for statement in listener.installation.triggers.removal_statements():
            connection.execute(sa.text(statement))
    words.insert([{"word": "bb"}])
    words.update({"word": "changed"}, word="a")
    met = listener.reconcile()
    assert met.added == 1
    assert "triggers of words were gone" in str(met)
    done(listener)
    assert shown(words, listener)["bb"] == "BB!"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_RK1_rows_are_found_that_changed_while_triggers_were_gone(request, one, kind):
    url = _url_of(request, kind)
    words = words_in(url, ["a", "bb"])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 2
    for change in ("changed", "once more"):
        with words.database.write() as connection:
            for statement in listener.installation.triggers.removal_statements():
                connection.execute(sa.text(statement))
        words.update({"word": change}, id=1)
        again = words_in(url).listener(shouter(), BEST, on="word")
        assert done(again) == 1  # a start finds them, though it makes the triggers anew
        assert shown(words, again) == {change: f"{change.upper()}!", "bb": "BB!"}
        assert done(again) == 0


SWAPS = {
    "another column under its name": [
        "ALTER TABLE t ADD COLUMN new text",
        "UPDATE t SET new = 'new ' || said",
        "ALTER TABLE t RENAME COLUMN said TO old",
        "ALTER TABLE t RENAME COLUMN new TO said",
    ],
    "a table that was made anew": [
        "DROP VIEW IF EXISTS t_tell",
        "DROP VIEW IF EXISTS t_tell_failed",
        "CREATE TABLE made (id integer PRIMARY KEY, said text NOT NULL)",
        "INSERT INTO made SELECT id, 'new ' || said FROM t",
        "DROP TABLE t",
        "ALTER TABLE made RENAME TO t",
    ],
}


@pytest.mark.parametrize("how", SWAPS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_RK1_what_a_migration_changes_without_a_trigger_is_found(request, one, how, kind):
    url = _url_of(request, kind)
    made = [
        "CREATE TABLE t (id integer PRIMARY KEY, said text)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    ]
    table, listener = _told_of(url, made, text())
    assert done(listener) == 2
    _change(table, *SWAPS[how])
    table, listener = _told_of(url, [], text())  # a new start, after the migration
    assert done(listener) == 2
    assert [row["_outputs"]["tell"]["told"] for row in table.find()] == ["'new a'", "'new b'"]
    _change(table, "UPDATE t SET said = 'c' WHERE id = 1")
    assert done(listener) == 1
    assert table.find_one(id=1)["_outputs"]["tell"]["told"] == "'c'"


def test_RK1_a_column_that_was_dropped_and_added_is_another_one(postgres, one):
    made = [
        "CREATE TABLE t (id integer PRIMARY KEY, said text)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    ]
    table, listener = _told_of(postgres.url, made, text())
    assert done(listener) == 2
    _change(table, "ALTER TABLE t DROP said", "ALTER TABLE t ADD said text DEFAULT 'new'")
    assert done(listener) == 1
    assert [row["_outputs"]["tell"]["told"] for row in table.find()] == ["'new'", "'new'"]


def test_RK1_rows_are_found_that_changed_where_there_are_no_triggers(database_url, one):
    words = words_in(database_url, ["a", "bb", "ccc"])
    words.insert([{"word": None}])
    listener = words.listener(shouter(), BEST, on="word", triggers=False)
    assert done(listener) == 3
    words.update({"word": "changed"}, word="a")
    words.update({"word": "filled"}, id=4)
    words.update({"note": "relabelled"}, word="bb")
    words.delete(word="ccc")
    words.insert([{"word": "new"}])
    assert done(listener) == 3
    expected = {"changed": "CHANGED!", "bb": "BB!", "filled": "FILLED!", "new": "NEW!"}
    assert shown(words, listener) == expected


def test_TK3_a_row_that_changes_while_it_is_predicted_is_predicted_again(database_url, one):
    words = words_in(database_url, ["a"])

    def meanwhile(model, batch):
        if batch == ["a"]:
            words_in(database_url).update({"word": "changed"}, id=1)
        return [{"loud": word.upper(), "size": len(word)} for word in batch]

    listener = words.listener(shouter(meanwhile), BEST, on="word")
    assert done(listener) == 2
    assert shown(words, listener) == {"changed": "CHANGED"}


def test_FI4_a_row_that_changes_during_a_swap_keeps_its_own_prediction(database_url, one):
    """The content is read when the new model fills, and may be another one than the key says."""
    words = words_in(database_url, ["a", "bb"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    trained(2, 0.9)
    changed = []
    of = listener.tracking.rows_of

    def rows_of(connection, keys):
        rows = of(connection, keys)
        if not changed:
            changed.append(1)
            if words.database.is_sql:
                connection.rollback()  # no reader of a rollback journal holds up the writer
            words.update({"word": "bb"}, id=1)
        return rows

    listener.tracking.rows_of = rows_of
    done(listener)
    words.update({"word": "a"}, id=1)
    done(listener)
    assert shown(words, listener) == {"a": "A!!", "bb": "BB!!"}


# --- models ------------------------------------------------------------------------------


def test_FI2_a_better_model_takes_over_and_going_back_predicts_nothing(database_url, one):
    words = words_in(database_url, ["a", "bb"])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == 2
    better = trained(2, 0.9)
    assert done(listener) == 2
    assert listener.rref == better
    words.insert([{"word": "new"}])
    assert done(listener) == 1
    assert shown(words, listener) == {"a": "A!!", "bb": "BB!!", "new": "NEW!!"}
    ps.reject(better, "too loud")
    assert done(listener) == 1  # the row that has come since
    assert listener.rref == one
    assert shown(words, listener) == {"a": "A!", "bb": "BB!", "new": "NEW!"}


def test_new_rows_get_both_models_so_that_going_back_by_a_pin_predicts_nothing(database_url, one):
    better = trained(2, 0.9)
    ps.pin(one, "serving")
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), pin="serving", on="word")
    assert done(listener) == 1
    ps.pin(better, "serving")
    inserted = []

    def insert_once(standing, most_lost):
        if not inserted:
            inserted.append(words.insert([{"word": "meanwhile"}]))
            return False, 0.0
        return type(listener.ledger).swap(listener.ledger, standing, most_lost)

    listener.ledger.swap = insert_once
    assert done(listener) == 1 + 2
    assert shown(words, listener) == {"a": "A!!", "meanwhile": "MEANWHILE!!"}
    ps.pin(one, "serving")
    assert done(listener) == 0
    assert shown(words, listener) == {"a": "A!", "meanwhile": "MEANWHILE!"}


def test_LE2_a_reader_sees_one_model_in_each_look(database_url, one):
    words = words_in(database_url, [f"word {n}" for n in range(300)])
    listener = words.listener(shouter(), BEST, on="word", every=0.01, batch=20)
    listener.start()
    try:
        listener.wait(60)
        trained(2, 0.9)
        seen, deadline = [], threading.Event()
        timer = threading.Timer(60, deadline.set)
        timer.start()
        while not deadline.is_set() and {3} not in seen[-1:]:
            rows = in_view(words, listener)
            assert len({row["model"] for row in rows}) == 1
            assert len(rows) == 300
            marks = {row["loud"].count("!") for row in rows}
            assert len(marks) == 1
            seen.append({3} if marks == {2} else marks)
        timer.cancel()
        assert seen[-1] == {3}
    finally:
        listener.stop()


def test_LE4_a_row_of_a_process_that_does_not_know_the_new_model_has_it(database_url, one):
    words = words_in(database_url, ["a"])
    slow = words.listener(shouter(), BEST, on="word")
    quick = words.listener(shouter(), BEST, on="word")
    done(quick)
    better = trained(2, 0.9)

    assert done(quick) == 1
    assert quick.rref == better
    words.insert([{"word": "new"}])
    slow.reconcile()  # where no trigger tells of it
    key = slow.source.key(("new",))
    with words.database.write() as connection:  # as a process does that has the old model only
        [claim] = slow.tracking.claim(connection, 10, 63)
        slow.ledger.leave(connection, slow.ledger.needed(connection), [key])
        slow.tracking.mark(connection, [Mark.done(claim, key)])
    assert not slow.ledger.swap(slow.ledger.standing(), 0.0)[0]
    assert done(quick) == 1
    assert shown(words, quick) == {"a": "A!!", "new": "NEW!!"}


def test_a_model_that_fails_on_a_third_does_not_take_over(database_url, one):
    words = words_in(database_url, ["a1", "a2", "a3", "b1", "b2", "c1"])

    def picky(model, batch):
        if model.width == 2 and any("b" in word for word in batch):
            raise ValueError("no")
        return [{"loud": word.upper() + "!" * model.width, "size": 0} for word in batch]

    listener = words.listener(shouter(picky), BEST, on="word")
    done(listener)
    trained(2, 0.9)
    done(listener)
    assert listener.rref == one
    assert set(shown(words, listener).values()) == {"A1!", "A2!", "A3!", "B1!", "B2!", "C1!"}
    best = trained(3, 0.95)
    done(listener)
    assert listener.rref == best


def test_an_edit_of_the_predictor_predicts_again(database_url, one):
    words = words_in(database_url, ["a", "bb"])
    assert done(words.listener(shouter(), BEST, on="word")) == 2
    edited = words.listener(shouter(mark="?"), BEST, on="word")
    assert done(edited) == 2
    assert shown(words, edited) == {"a": "A?", "bb": "BB?"}
    assert done(words.listener(shouter(), BEST, on="word")) == 0


def test_LE3_writers_wait_for_no_model(database_url, one):
    words = words_in(database_url, ["a"])

    def writes_meanwhile(model, batch):
        if batch == ["a"]:  # it could not, if the listener held a lock
            words_in(database_url).insert([{"word": "meanwhile"}])
            words_in(database_url).update({"note": "seen"}, word="a")
        return [{"loud": word.upper(), "size": len(word)} for word in batch]

    listener = words.listener(shouter(writes_meanwhile), BEST, on="word")
    assert done(listener) == 2
    assert shown(words, listener) == {"a": "A", "meanwhile": "MEANWHILE"}


def test_US1_a_model_that_cannot_be_loaded_is_passed_over(database_url, one):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    bad, load = trained(2, 0.9), listener.predictor.load

    def loads(rref):
        if rref == bad:
            raise ValueError("damaged")
        return load(rref)

    listener.predictor.load = loads
    words.insert([{"word": "new"}])
    done(listener)
    assert listener.rref == one
    assert shown(words, listener) == {"a": "A!", "new": "NEW!"}


# --- what fails --------------------------------------------------------------------------


def test_FI3_AN2_one_bad_row_of_21_leaves_20_readable_for_few_calls(database_url, one):
    words = words_in(database_url, [f"word {n}" for n in range(20)] + ["worst"])
    listener = words.listener(shouter(bad="worst"), BEST, on="word", batch=21)
    assert done(listener) <= 3 * 21
    outputs = shown(words, listener)
    assert outputs.pop("worst") is None
    assert None not in outputs.values()
    [row] = failed(words, listener)
    assert (row["id"], row["phase"], row["tries"]) == (21, "predict", 1)
    assert row["error"] == "ValueError: such a word cannot be shouted"


def test_AN2_where_a_third_is_bad_the_others_are_readable(database_url, one):
    texts = [f"bad {n}" if n % 10 < 3 else f"word {n}" for n in range(60)]
    words = words_in(database_url, texts)
    listener = words.listener(shouter(bad="bad"), BEST, on="word", batch=20)
    done(listener)
    outputs = shown(words, listener)
    assert {word for word, loud in outputs.items() if loud is None} == {
        word for word in texts if "bad" in word
    }


def test_what_failed_is_tried_again_later_and_after_eight_times_no_more(
    database_url, one, monkeypatch
):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)  # or a slow machine would try again by itself
    words = words_in(database_url, ["a", "worst"])
    listener = words.listener(shouter(bad="worst"), BEST, on="word")
    done(listener)
    dues = []
    for tries in range(1, 9):
        [row] = failed(words, listener)
        assert row["tries"] == tries
        dues.append(row["due"] and row["due"] - now)
        _set_due(words.database, now + 1000)
        assert done(listener) == 0
        _set_due(words.database, 0.0)
        done(listener)
    assert dues[:7] == [pytest.approx(2**n) for n in range(7)]
    assert dues[7] is None
    assert [row["tries"] for row in failed(words, listener)] == [8]
    assert listener.failed_for_good() == 1
    assert listener.retry() == 1
    assert listener.failed_for_good() == 0
    assert done(listener) >= 1
    assert [row["tries"] for row in failed(words, listener)] == [1]
    words.update({"word": "better"}, word="worst")
    assert done(listener) == 1
    assert failed(words, listener) == []


def _set_due(database, due: float) -> None:
    """Sets the time of all that is tried again."""
    if not database.is_sql:
        of_documents = {"error": {"$ne": None}, "due": {"$ne": None}}
        database.ours("predictions").update_many(of_documents, {"$set": {"due": due}})
        return
    made = database.tables.predictions
    waiting = sa.update(made).where(made.c.error.is_not(None), made.c.due.is_not(None))
    with database.write() as connection:
        connection.execute(waiting.values(due=due))


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (lambda batch: [{"loud": 1, "size": 1} for _ in batch], "loud is no str"),
        (lambda batch: [{"loud": "x"} for _ in batch], "size is missing"),
        (lambda batch: ["x" for _ in batch], "it is no dict of loud, size"),
        (lambda batch: [{"loud": "x", "size": True} for _ in batch], "size is no int"),
        (lambda batch: [], "the predictor gave 0 predictions for 1 rows"),
    ],
)
def test_AN1_wrong_outputs_are_told(database_url, one, told, error):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(lambda model, batch: told(batch)), BEST, on="word")
    done(listener)
    [row] = failed(words, listener)
    assert error in row["error"]
    assert shown(words, listener) == {"a": None}


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"loud": "a\0b", "size": 1}, "databases keep no NUL"),
        ({"loud": "a\ud800", "size": 1}, "databases keep no NUL and no half characters"),
        ({"loud": "a", "size": 2**70}, "size has more than 64 bits"),
    ],
    ids=["NUL", "half a character", "2**70"],
)
def test_AN3_what_no_database_keeps_is_the_failure_of_its_row(database_url, one, bad, error):
    words = words_in(database_url, ["a", "bad", "c"])
    good = {"loud": "!", "size": 1}
    tell = shouter(lambda _, batch: [bad if word == "bad" else good for word in batch])
    listener = words.listener(tell, BEST, on="word")
    assert done(listener) == 3
    assert shown(words, listener) == {"a": "!", "bad": None, "c": "!"}
    [row] = failed(words, listener)
    assert row["error"].startswith(error)


def test_AN1_what_is_no_number_is_kept_out(database_url, one):
    words = words_in(database_url, ["a", "nan"])

    def half(model, batch):
        return [{"p": float(word) if word == "nan" else 0.5} for word in batch]

    listener = words.listener(shouter(half, outputs={"p": float}), BEST, on="word")
    done(listener)
    [row] = failed(words, listener)
    assert row["error"] == "p is no finite number"
    assert words.find_one(word="a")["_outputs"] == {"shout": {"p": 0.5}}


# --- several of them ---------------------------------------------------------------------


def test_two_listeners_on_one_field_each_predict_and_one_goes_without_the_other(database_url, one):
    words = words_in(database_url, ["a"])
    first = words.listener(shouter(), BEST, on="word", name="first")
    second = words.listener(shouter(mark="?"), BEST, on="word", name="second")
    done(first), done(second)
    words.insert([{"word": "new"}])
    done(first)
    assert shown(words, second)["new"] is None
    assert done(second) == 1
    assert shown(words, second) == {"a": "A?", "new": "NEW?"}
    first.remove()
    words.insert([{"word": "newer"}])
    assert done(second) == 1
    assert shown(words, second)["newer"] == "NEWER?"


def test_two_fields_are_one_content(database_url, one):
    words = words_in(database_url, ["a"])

    def both(model, batch):
        return [{"loud": f"{one['word']}{one['note']}", "size": 0} for one in batch]

    listener = words.listener(shouter(both), BEST, on=["word", "note"])
    assert done(listener) == 1
    words.update({"note": "+"}, id=1)
    assert done(listener) == 1
    assert shown(words, listener) == {"a": "a+"}


def test_EN1_the_same_field_at_another_path_is_another_field(database_url, one):
    db: Any = connect(database_url)
    if db.is_sql:
        with db.write() as connection:
            kind = "jsonb" if db.is_postgres else "json"
            new = f"CREATE TABLE people (id integer PRIMARY KEY, record {kind})"
            connection.exec_driver_sql(new)
            record = """'{"first": "ada", "last": "lovelace"}'"""
            connection.exec_driver_sql(f"INSERT INTO people VALUES (1, {record})")
    else:
        db.named["people"].insert_one({"record": {"first": "ada", "last": "lovelace"}})
    first = db.attach("people", word=text(at="record.first"))
    last = db.attach("people", word=text(at="record.last"))
    assert done(first.listener(shouter(), BEST, on="word")) == 1
    with pytest.raises(BadDatabase, match="another field"):
        last.listener(shouter(), BEST, on="word").install()
    assert done(last.listener(shouter(), BEST, on="word", name="family")) == 1
    assert first.find_one()["_outputs"]["shout"]["loud"] == "ADA!"
    assert last.find_one()["_outputs"]["family"]["loud"] == "LOVELACE!"
    assert "shout" not in last.find_one()["_outputs"]


def test_EN1_a_name_means_one_field_and_one_predictor(database_url, one):
    words = words_in(database_url, ["a"])
    done(words.listener(shouter(), BEST, on="word", name="loud"))
    with pytest.raises(BadDatabase, match="has another field"):
        words.listener(shouter(), BEST, on="note", name="loud").install()

    @predictor(of=fit, outputs=OUTPUTS)
    def whisper(model, batch):
        return []

    with pytest.raises(BadDatabase, match="has another predictor"):
        words.listener(whisper, BEST, on="word", name="loud").install()


def test_remove_takes_all_away_but_predictions(database_url, one):
    words = words_in(database_url, ["a"])
    before = _names(words.database)
    listener = words.listener(shouter(), BEST, on="word", index=["loud"])
    done(listener)
    assert _names(words.database) != before
    listener.remove()
    assert _names(words.database) == before
    assert words.database.listeners() == []
    assert done(words.listener(shouter(), BEST, on="word")) == 0


def _names(database) -> set[str]:
    """The triggers, functions, views, indexes, and tables of entries."""
    if database.is_postgres:
        ours = "namespace = to_regnamespace('pystore')"
        query = f"""SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal
            UNION SELECT proname::text FROM pg_proc WHERE pro{ours}
            UNION SELECT relname::text FROM pg_class WHERE rel{ours}"""
    else:
        query = "SELECT name FROM sqlite_master"
    with database.read() as connection:
        return set(connection.exec_driver_sql(query).scalars())


# --- waiting -----------------------------------------------------------------------------


def test_wait_without_a_listener_and_with_nothing_to_follow(database_url, store):
    words = words_in(database_url, ["a"])
    with pytest.raises(NoListener, match="nothing listens to words"):
        words.wait(100)
    with words.listen(shouter(), BEST, on="word", every=0.01) as listener:
        with pytest.raises(TimedOut) as error:
            words.wait(timeout=0.3)
        assert "nothing to follow yet" in str(error.value)
        trained(1, 0.5)
        words.wait(timeout=60)
        assert shown(words, listener) == {"a": "A!"}
    with pytest.raises(NoListener):
        words.wait(100)


def test_once_says_that_there_is_nothing_to_follow(database_url, store):
    words = words_in(database_url, ["a"])
    with pytest.raises(NoListener, match="nothing to follow"):
        done(words.listener(shouter(), BEST, on="word"))


def test_LS1_declaring_a_listener_touches_nothing(tmp_path, store):
    db = connect(f"sqlite:///{tmp_path}/none.db")
    db.collection("words", word=str).listener(shouter(), BEST, on="word")
    assert not (tmp_path / "none.db").exists()


def test_bad_options_are_refused_when_it_is_declared(sqlite_url, store):
    words = words_in(sqlite_url)
    with pytest.raises(BadField, match="no output"):
        words.listener(shouter(), BEST, on="word", index=["quiet"])
    with pytest.raises(BadStage, match="on_delete"):
        words.listener(shouter(), BEST, on="word", on_delete="keep")
    with pytest.raises(BadStage, match="announce"):
        words.listener(shouter(), BEST, on="word", announce=True)
