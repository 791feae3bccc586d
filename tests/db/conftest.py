"""Fixtures: an empty database for each test, of each kind that is served."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import documents
import pytest
from internet import PUBLIC, Internet
from servers import FreshDatabase, Server, running

_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The PostgreSQL server of the tests. A test may leave the server stopped."""
    with running() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[FreshDatabase]:
    """An empty database of PostgreSQL, with its server; `role` makes others who may log in."""
    postgres_server.ensure()
    database = FreshDatabase(postgres_server, f"test_{os.getpid()}_{next(_numbers)}")
    try:
        yield database
    finally:
        postgres_server.ensure()
        database.drop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty database of SQLite, with a write-ahead log."""
    return _sqlite(tmp_path / "test.db", "wal")


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[str]:
    """The URL of a server of MongoDB, without a database: MONGODB_URI, or one of SecantusDB."""
    with documents.running() as url:
        yield url


@pytest.fixture
def mongodb_url(mongodb_server: str) -> Iterator[str]:
    """An empty database of MongoDB."""
    with documents.fresh(mongodb_server, f"test_{os.getpid()}_{next(_numbers)}") as url:
        yield url


@pytest.fixture(params=["sqlite", "sqlite with a rollback journal", "postgresql", "mongodb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "mongodb":
        for name in (request.node.name, request.node.originalname):
            if name in documents.NOT_HERE:
                pytest.skip(f"not on MongoDB: {documents.NOT_HERE[name]}")
        return request.getfixturevalue("mongodb_url")
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").url
    return _sqlite(tmp_path / "test.db", "delete" if "rollback" in request.param else "wal")


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """An internet with one name, `images.example`, whose servers are those of the test."""
    return Internet({"images.example": [PUBLIC]}).install(monkeypatch)


def _sqlite(path: Path, journal: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
    return f"sqlite:///{path}"
