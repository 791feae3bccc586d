"""What is told of a database, beside a listener that writes to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pystore import Store, match_latest, realize, stage
from pystore.app import predictor
from pystore.db import connect


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
