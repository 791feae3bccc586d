"""What is told of a database, beside a listener that writes to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from PIL import Image

from pystore import Store, match_latest, realize, stage
from pystore.app import predictor
from pystore.db import connect, image


@stage
def letters(build):
    (build.outpath / "done.txt").write_text("done")


@predictor(of=letters)
def length(view, names):
    return [len(name) for name in names]


@contextmanager
def one_connection_at_a_time(engine: sa.Engine) -> Iterator[None]:
    """Fails when this thread takes a connection while it has another one.

    Where SQLite has a rollback journal, a writer waits until all readers have ended, and who
    begins to read waits for the writer: so a thread that reads twice at once waits for itself.
    """
    thread, taken, most = threading.get_ident(), [0], [0]

    def take(*_: object) -> None:
        if threading.get_ident() == thread:
            taken[0] += 1
            most[0] = max(most[0], taken[0])

    def give_back(*_: object) -> None:
        if threading.get_ident() == thread:
            taken[0] -= 1

    sa.event.listen(engine, "checkout", take)
    sa.event.listen(engine, "checkin", give_back)
    try:
        yield
    finally:
        sa.event.remove(engine, "checkout", take)
        sa.event.remove(engine, "checkin", give_back)
    assert most[0] == 1


def test_who_looks_holds_no_reader_while_it_opens_another(store: Store, database_url: str):
    realize(letters())
    people = connect(database_url).collection("people", name=str)
    people.insert([{"name": "Ada"}, {"name": "Grace"}])
    listener = people.listen(length, match_latest(), on="name")
    people.wait(100)
    fresh = connect(database_url)  # knows nothing of the tables yet
    with one_connection_at_a_time(fresh.engine):
        assert [one["name"] for one in fresh.listeners()] == ["length"]
    fresh = connect(database_url)
    with one_connection_at_a_time(fresh.engine):
        assert fresh["people"].lineage(1, "length").prediction == 3
    fresh = connect(database_url)
    with one_connection_at_a_time(fresh.engine):
        assert fresh["people"].count(name="Ada") == 1
    fresh = connect(database_url)
    with one_connection_at_a_time(fresh.engine):
        assert "length" in str(fresh.show())
        assert fresh["people"].find_one(name="Ada")["_outputs"] == {"length": 3}
    listener.remove()


def test_the_page_shows_the_latest_rows_of_each_database(store: Store, database_url: str):
    pytest.importorskip("jinja2", reason="pages need `pip install 'pystore-stages[ui]'`")
    from starlette.testclient import TestClient

    from pystore.ui.page.application import application

    realize(letters())
    people = connect(database_url).collection("people", name=str, face=image())
    people.insert([{"name": "Ada"}, {"name": "Grace", "face": Image.new("L", (4, 4))}])
    listener = people.listen(length, match_latest(), on="name")
    people.wait(100)
    listener.stop()
    page = application({"store": store}, token="a" * 32, database=database_url)
    with TestClient(page, "http://localhost", cookies={page.cookie: "a" * 32}) as client:
        told = client.get("/collections?format=json").json()
        assert [row["length"] for row in told["rows"][0]["rows"]] == ["5", "3"]
        assert told["listeners"][0]["shown"].startswith("rref:")
        shown = client.get("/picture/people?field=face&key=2")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
        assert client.get("/picture/people?field=face&key=1").status_code == 404
