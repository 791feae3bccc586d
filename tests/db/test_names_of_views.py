"""Views: each listener has views of its own, and takes no name of anybody else."""

from typing import Any

import pytest
from words import BEST, done, shouter, trained, words_in

from pystore.db import BadField, connect

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def _model(store: Any) -> None:
    trained(1, 0.5)


def _run(collection: Any, *statements: str) -> list[Any]:
    with collection.database.write() as connection:
        return [
            found.all() if found.returns_rows else None
            for found in map(connection.exec_driver_sql, statements)
        ]


def test_VW4_two_listeners_whose_views_would_have_one_name(sqlite_url):
    db = connect(sqlite_url)
    one, other = db.collection("a", word=str), db.collection("A_B", word=str)
    one.insert([{"word": "mine"}])
    other.insert([{"word": "theirs"}])
    first = one.listener(shouter(), BEST, on="word", name="b_c")
    assert done(first) == 1
    for collection, name in ((other, "c"), (one, "b_c_failed")):
        second = collection.listener(shouter(mark="?"), BEST, on="word", name=name)
        with pytest.raises(BadField, match="another one is called"):
            second.install()
        second.remove()
    assert _run(one, "SELECT loud FROM a_b_c") == [[("MINE!",)]]
    assert [row["name"] for row in db.listeners()] == ["b_c"]
    first.install()  # its own views are made anew


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
def test_VW4_what_its_owner_has_called_so_stays(sqlite_url, kind):
    words = words_in(sqlite_url, ["a"])
    _run(words, f"CREATE {kind} Words_Shout AS SELECT 'owner' AS who")
    listener = words.listener(shouter(), BEST, on="word")
    with pytest.raises(BadField, match="another one is called"):
        listener.install()
    listener.remove()
    assert _run(words, "SELECT who FROM words_shout") == [[("owner",)]]
    assert done(words.listener(shouter(), BEST, on="word", name="other")) == 1


@pytest.mark.parametrize("name", ["Word", "ID", "MODEL", "model", "note"])
def test_an_output_is_not_called_like_a_column_in_capitals_either(sqlite_url, name):
    words = words_in(sqlite_url, ["a"])
    listener = words.listener(shouter(outputs={name: str}), BEST, on="word")
    with pytest.raises(BadField, match="called like a column"):
        listener.install()


@pytest.mark.parametrize("name", ['lo"ud', "lo\0ud", "", "lo\ud800ud"], ids=ascii)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_output_that_no_path_of_json_leads_to_is_refused(request, kind, name):
    given = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres")
    words = words_in(getattr(given, "url", given), ["a"])
    listener = words.listener(shouter(outputs={name: str}), BEST, on="word")
    with pytest.raises(BadField, match="no path of JSON"):
        listener.install()
    assert words.database.listeners() == []
