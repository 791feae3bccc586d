"""Tests of waking: a wait ends for each commit, and for nothing else."""

import sqlite3
import threading
from contextlib import closing

import pytest
from servers import FreshDatabase
from sqlalchemy import make_url

from pystore.db.connections import Connections
from pystore.db.slots import Slot
from pystore.db.waking import _Files, wake_of

NEVER = threading.Event()


class Frozen(_Files):
    """What sees the files as the test says, whatever becomes of them."""

    stamp = 0

    def _look(self) -> list[tuple[int, int]]:
        return [(self.stamp, 0)]


def _database(url: str) -> Connections:
    return Connections(make_url(url))


def _writer(database: Connections) -> "closing[sqlite3.Connection]":
    assert database.file is not None
    return closing(sqlite3.connect(database.file, isolation_level=None))


def test_WQ1_a_wait_ends_at_the_commit_and_not_when_the_pages_are_written(sqlite_url: str) -> None:
    database = _database(sqlite_url)
    with _writer(database) as writer:
        writer.execute("CREATE TABLE t (n)")
        wake = Frozen(database)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES (1)")
        wake.stamp = 1  # the pages are written; the disk is slow
        assert not wake.wait(0.0, NEVER)
        writer.execute("COMMIT")
        assert wake.wait(0.0, NEVER)
        assert not wake.wait(0.0, NEVER)
    wake.close()


def test_WQ1_two_changes_with_one_time_end_two_waits(sqlite_url: str) -> None:
    database = _database(sqlite_url)
    with _writer(database) as writer:
        writer.execute("CREATE TABLE t (n)")
        wake = Frozen(database)
        wake.stamp = 1
        for n in range(2):
            writer.execute("INSERT INTO t VALUES (?)", (n,))
            assert wake.wait(0.0, NEVER)
    wake.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_change_of_the_files_ends_a_wait(sqlite_url: str, journal: str) -> None:
    database = _database(sqlite_url)
    with _writer(database) as writer:
        writer.execute(f"PRAGMA journal_mode = {journal}")
        writer.execute("CREATE TABLE t (n)")
        slot = Slot(database, "rows")
        wake = wake_of(slot, "")
        assert not wake.wait(0.0, NEVER)
        writer.execute("INSERT INTO t VALUES (1)")
        assert wake.wait(0.0, NEVER)
        assert not wake.wait(0.0, NEVER)
    wake.close()
    slot.close()


def test_a_file_that_is_locked_keeps_a_wait(sqlite_url: str) -> None:
    database = _database(sqlite_url)
    with _writer(database) as writer:
        writer.execute("PRAGMA journal_mode = delete")
        writer.execute("CREATE TABLE t (n)")
        wake = Frozen(database)
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("INSERT INTO t VALUES (1)")
        wake.stamp = 1
        assert not wake.wait(0.0, NEVER)
        writer.execute("COMMIT")
        assert wake.wait(0.0, NEVER)
    wake.close()


def test_WQ1_a_notification_that_came_before_a_wait_ends_it(postgres: FreshDatabase) -> None:
    slot = Slot(_database(postgres.url), "rows")
    wake = wake_of(slot, "rows")
    postgres.execute("NOTIFY rows")
    assert wake.wait(60.0, NEVER)  # the server tells other connections a moment later
    assert not wake.wait(0.0, NEVER)
    postgres.execute("NOTIFY rows")
    assert wake.wait(60.0, NEVER)
    wake.close()
    slot.close()
