"""Predictions in columns of the table itself follow what the view shows."""

from typing import Any

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


_RAISES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.guess = 'BB!' THEN RAISE 'not this'; END IF; RETURN NEW; END $$
"""
REFUSED = {
    "sqlite": ["ALTER TABLE words ADD COLUMN guess text CHECK (guess <> 'BB!')"],
    "a condition": ["ALTER TABLE words ADD COLUMN guess text CHECK (guess <> 'BB!')"],
    "a reference": [
        "CREATE TABLE known (loud text PRIMARY KEY)",
        "INSERT INTO known VALUES ('A!'), ('C!'), ('D!')",
        "ALTER TABLE words ADD COLUMN guess text REFERENCES known",
    ],
    "a domain": [
        "CREATE DOMAIN mild AS text CHECK (VALUE <> 'BB!')",
        "ALTER TABLE words ADD COLUMN guess mild",
    ],
    "a trigger": [
        "ALTER TABLE words ADD COLUMN guess text",
        _RAISES,
        "CREATE TRIGGER refuse BEFORE UPDATE ON words FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
}


@pytest.mark.parametrize("why", REFUSED)
def test_WB1_a_row_that_refuses_what_is_shown_is_told_and_holds_up_no_other(request, one, why):
    is_sqlite = why == "sqlite"
    url = request.getfixturevalue("sqlite_url") if is_sqlite else _url_of(request)
    words = words_in(url, ["a", "bb", "c"])
    with words.database.write() as connection:
        for statement in REFUSED[why]:
            connection.exec_driver_sql(statement)
    listener = words.listener(shouter(), BEST, on="word", write_back={"loud": "guess"})
    done(listener)
    assert _guesses(words) == ["A!", None, "C!"]
    assert "the row (2,) is not written back" in listener.note
    words.update({"word": "bb"}, id=1)
    words.update({"word": "d"}, id=2)
    done(listener)
    assert _guesses(words) == [None, "D!", "C!"]  # and not what another content had


def test_WB1_what_a_row_keeps_that_refuses_null_as_well_is_told(sqlite_url, one):
    words = words_in(sqlite_url, ["a"])
    with words.database.write() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE words ADD COLUMN guess text NOT NULL DEFAULT '?' CHECK (guess <> 'BB!')"
        )
    listener = words.listener(shouter(), BEST, on="word", write_back={"loud": "guess"})
    done(listener)
    words.update({"word": "bb"}, id=1)
    done(listener)
    assert _guesses(words) == ["A!"]
    assert "what stood there stays" in listener.note


@pytest.mark.parametrize("kind", ["double precision", "real", "numeric", "numeric(8, 3)"])
def test_a_column_of_any_kind_of_fractions_takes_a_float(postgres, one, kind):
    words = words_in(postgres.url, ["a"])
    with words.database.write() as connection:
        connection.exec_driver_sql(f"ALTER TABLE words ADD COLUMN sure {kind}")
    said = shouter(lambda _, batch: [{"p": 0.25} for _ in batch], outputs={"p": float})
    done(words.listener(said, BEST, on="word", write_back={"p": "sure"}))
    with words.database.read() as connection:
        assert connection.exec_driver_sql("SELECT sure FROM words").scalar_one() == 0.25


def _url_of(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres").url)


def _guesses(words: Any) -> list[Any]:
    with words.database.read() as connection:
        return [*connection.exec_driver_sql("SELECT guess FROM words ORDER BY id").scalars()]


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
