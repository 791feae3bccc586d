"""Tests of connections: which transactions wait for the disk."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from servers import FreshDatabase
from sqlalchemy import make_url

from pystore.db import BadDatabase, connect
from pystore.db.connections import Connections

FULL, NORMAL = 2, 1  # of `PRAGMA synchronous`


@pytest.mark.parametrize(("journal", "of_work"), [("wal", NORMAL), ("delete", FULL)])
def test_the_work_of_a_listener_does_not_wait_for_the_disk_beside_a_log(
    sqlite_url: str, journal: str, of_work: int
) -> None:
    database = Connections(make_url(sqlite_url))
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as own:
        own.execute(f"PRAGMA journal_mode = {journal}")
    for _ in range(2):  # one connection, in turn
        with database.work() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == of_work
        with database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == FULL
    database.close()


def test_the_work_of_a_listener_has_settings_of_its_own(postgres: FreshDatabase) -> None:
    database = Connections(make_url(postgres.url))
    for _ in range(2):
        with database.work() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "off"
            assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "off"
        with database.write() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "on"
    database.close()


def test_DB4_who_only_reads_makes_no_file(tmp_path: Path) -> None:
    db = connect(f"sqlite:///{tmp_path}/users.db")
    users = db.attach("users", said=str)
    assert db.listeners() == []
    assert db.collections() == []
    assert "has nothing of ours" in str(db.show())
    for asks in (users.find, users.count, lambda: users.snapshot(x="said")):
        with pytest.raises(BadDatabase, match="there is no table users"):
            asks()
    with pytest.raises(BadDatabase, match="there is no such database"):
        db.check_is_there()
    assert [*tmp_path.iterdir()] == []
    words = db.collection("words", said=str)
    words.insert([{"said": "a"}])  # which makes it, with a log
    db.check_is_there()
    assert words.find_one()["said"] == "a"
    with db.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///file:{}/a.db?uri=true"])
def test_DB4_what_is_no_path_is_opened_as_it_is(tmp_path: Path, url: str) -> None:
    words = connect(url.format(tmp_path)).collection("words", said=str)
    words.insert([{"said": "a"}])
    assert len(words) == 1
    words.database.check_is_there()
