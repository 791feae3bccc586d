"""Tests of connections: which transactions wait for the disk."""

import sqlite3
from contextlib import closing

import pytest
from servers import FreshDatabase
from sqlalchemy import make_url

from pystore.db.connections import Connections

FULL, NORMAL = 2, 1  # of `PRAGMA synchronous`


@pytest.mark.parametrize(("journal", "of_work"), [("wal", NORMAL), ("delete", FULL)])
def test_the_work_of_a_listener_does_not_wait_for_the_disk_beside_a_log(
    sqlite_url: str, journal: str, of_work: int
) -> None:
    database = Connections(make_url(sqlite_url))
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
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
