"""Predictions in columns of the table itself follow what the view shows."""

import pytest
import sqlalchemy as sa
from words import BEST, done, shouter, trained, words_in

import pystore as ps
from pystore.db import BadDatabase, BadField, connect, json
from pystore.db.errors import NoPermission
from pystore.errors import TimedOut

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def one(store) -> ps.RRef:
    return trained(1, 0.5)


def column(words, name="guess"):
    """What stands in a column, by the words."""
    return {row["word"]: row[name] for row in words.find()}


def test_WB1_a_column_follows_rows_and_models(database_url, one):
    words = words_in(database_url, ["a", "bb", "bb"], guess=str, long=int)
    back = {"loud": "guess", "size": "long"}
    listener = words.listener(shouter(), BEST, on="word", write_back=back)
    assert done(listener) == 2
    assert column(words) == {"a": "A!", "bb": "BB!"}
    assert [row["long"] for row in words.find()] == [1, 2, 2]
    words.update({"word": "ccc"}, id=2)
    words.insert([{"word": "dd"}])
    assert done(listener) == 2
    assert column(words) == {"a": "A!", "bb": "BB!", "ccc": "CCC!", "dd": "DD!"}
    trained(2, 0.9)
    done(listener)
    assert column(words) == {"a": "A!!", "bb": "BB!!", "ccc": "CCC!!", "dd": "DD!!"}
    ps.reject(listener.rref, "too loud")
    assert done(listener) == 0
    assert column(words)["a"] == "A!"


def test_WB1_a_row_without_a_prediction_has_none_in_its_column(database_url, one):
    words = words_in(database_url, ["a", "bb"], guess=str)
    listener = words.listener(shouter(bad="x"), BEST, on="word", write_back={"loud": "guess"})
    done(listener)
    words.update({"word": "xx"}, id=1)
    words.update({"word": None}, id=2)
    done(listener)
    assert [row["guess"] for row in words.find()] == [None, None]


def test_WB1_what_somebody_else_writes_there_is_put_right(database_url, one):
    words = words_in(database_url, ["a", "bb"], guess=str)
    listener = words.listener(shouter(), BEST, on="word", write_back={"loud": "guess"})
    done(listener)
    words.update({"guess": "?"}, id=1)
    assert done(listener) == 0  # nothing was predicted again
    assert column(words) == {"a": "A!", "bb": "BB!"}


def test_a_column_of_json_takes_all_outputs(database_url, one):
    words = words_in(database_url, ["ü"], told=json())
    done(words.listener(shouter(), BEST, on="word", write_back="told"))
    assert column(words, "told") == {"ü": {"loud": "Ü!", "size": 1}}


@pytest.mark.parametrize("value", ["a", 2, 0.5, True, None, {"a": [1]}])
def test_a_column_of_json_takes_an_output_without_a_name(database_url, one, value):
    words = words_in(database_url, ["a"], told=json())
    guess = shouter(lambda model, batch: [value] * len(batch), outputs={})
    done(words.listener(guess, BEST, on="word", write_back="told"))
    assert column(words, "told") == {"a": value}


def test_wait_ends_when_all_is_written(database_url, one):
    words = words_in(database_url, [f"w{n}" for n in range(1200)], guess=str)
    with words.listen(shouter(), BEST, on="word", write_back={"loud": "guess"}):
        words.wait(60)
        assert None not in column(words).values()
        words.insert([{"word": "last"}])
        words.wait(60)
        assert column(words)["last"] == "LAST!"


def test_WB2_a_row_that_its_writer_holds_is_written_later(postgres, one):
    words = words_in(postgres.url, ["a", "bb"], guess=str)
    listener = words.listener(shouter(), BEST, on="word", write_back={"loud": "guess"})
    listener.install()
    with words.database.write() as connection:
        connection.execute(sa.text("UPDATE words SET note = 'mine' WHERE word = 'a'"))
        listener.start()
        while column(words)["bb"] is None:
            assert listener.is_running
        assert column(words)["a"] is None
        with pytest.raises(TimedOut):
            listener.wait(0.1)
    listener.wait(60)
    listener.stop()
    assert column(words) == {"a": "A!", "bb": "BB!"}


def test_two_listeners_fill_no_column_together(database_url, one):
    words = words_in(database_url, ["a"], guess=str)
    done(words.listener(shouter(), BEST, on="word", write_back={"loud": "guess"}))
    other = words.listener(shouter(), BEST, on="note", name="other", write_back={"loud": "guess"})
    with pytest.raises(BadDatabase, match="the listener shout fills guess already"):
        other.install()


@pytest.mark.parametrize(
    "back", ["word", {"quiet": "guess"}, {}, {"loud": "word"}, {"loud": "guess", "size": "guess"}]
)
def test_what_cannot_be_written_back_is_refused_when_it_is_declared(sqlite_url, one, back):
    words = words_in(sqlite_url, ["a"], guess=str)
    with pytest.raises(BadField, match="write_back names"):
        words.listener(shouter(), BEST, on="word", write_back=back)


@pytest.mark.parametrize("back", ["guess", "nowhere", {"size": "guess"}, {"loud": "short"}])
def test_a_column_that_cannot_take_it_is_refused(postgres, one, back):
    words = words_in(postgres.url, ["a"], guess=str)
    with words.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE words ADD COLUMN short varchar(3)"))
    with pytest.raises(BadField, match="cannot take"):
        words.listener(shouter(), BEST, on="word", write_back=back).install()


def test_a_value_that_its_column_cannot_hold_is_told_and_holds_up_no_other(postgres, one):
    words = words_in(postgres.url, ["a", "bb", "c"])
    with words.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE words ADD COLUMN long smallint"))
    said = shouter(lambda _, batch: [{"loud": w, "size": 10 ** (4 * len(w))} for w in batch])
    listener = words.listener(said, BEST, on="word", write_back={"size": "long"})
    done(listener)
    with words.database.read() as connection:
        found = connection.execute(sa.text("SELECT long FROM words ORDER BY id")).scalars().all()
    assert found == [10_000, None, 10_000]
    assert "the row (2,) is not written back: value" in listener.note


def test_a_role_that_may_not_write_is_told_what_to_grant(postgres, one):
    postgres.execute("CREATE TABLE site (id bigint PRIMARY KEY, word text, guess text)")
    postgres.execute("INSERT INTO site VALUES (1, 'a')")
    grants = ("CREATE ON DATABASE " + postgres._name, "SELECT, TRIGGER ON site")
    site = connect(postgres.role("jim", *grants)).attach("site", word=str, guess=str)
    listener = site.listener(shouter(), BEST, on="word", write_back={"loud": "guess"})
    with pytest.raises(NoPermission, match="may not write into guess") as raised:
        listener.install()
    postgres.execute(raised.value.remedy)
    done(listener)
    assert column(site) == {"a": "A!"}
