"""The databases that tests get are empty, apart, and gone afterwards."""

import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from project import importing
from servers import PATIENCE, FreshDatabase, programs
from sqlalchemy import NullPool, create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_gets_an_empty_database(database_url: str, time: int):
    engine = create_engine(database_url)
    assert inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
    engine.dispose()


def test_a_role_may_do_what_it_is_granted_and_no_more(postgres: FreshDatabase):
    postgres.execute("CREATE TABLE t (id int)")
    url = postgres.role("web", "INSERT ON t")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(text("INSERT INTO t VALUES (7)"))
        connection.commit()
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("SELECT * FROM t"))
    assert postgres.execute("SELECT * FROM t") == [(7,)]


@pytest.mark.parametrize(("crash", "fsync"), [(False, "on"), (True, "off")])
def test_a_restart_cuts_connections_and_keeps_rows(
    postgres: FreshDatabase, crash: bool, fsync: str
):
    postgres.execute("CREATE TABLE t AS SELECT 7 AS id")
    with closing(postgres.server.connection()) as held:
        postgres.server.restart(crash=crash, fsync=fsync == "on")
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    assert postgres.execute("SHOW fsync") == [(fsync,)]
    assert postgres.execute("SELECT * FROM t") == [(7,)]


def test_a_test_may_leave_the_server_stopped(postgres: FreshDatabase):
    postgres.server.stop()


PROGRAM = """
from servers import OwnServer, programs
server = OwnServer(programs())
server.make()
server.start()
print(server.url.query["host"], flush=True)
input()
"""


@pytest.mark.skipif(programs() is None, reason="needs a PostgreSQL server")
def test_a_server_ends_with_its_tests_however_they_end():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parent,
        env=importing(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = program.stdout.readline().strip()
    program.kill()
    program.communicate()
    try:
        end = time.monotonic() + PATIENCE
        while (Path(folder) / "data" / "postmaster.pid").exists() and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=folder, user="postgres")
    finally:
        shutil.rmtree(folder)
