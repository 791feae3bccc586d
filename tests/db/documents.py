"""A server of MongoDB for tests: that of MONGODB_URI, or SecantusDB within this process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

OWN = os.environ.get("MONGODB_URI")

NOT_HERE: dict[str, str] = {}


@contextmanager
def running() -> Iterator[str]:
    """A server that answers; skips the test where there is none."""
    if OWN:
        yield OWN
        return
    secantus = pytest.importorskip("secantus", reason="needs MONGODB_URI, or SecantusDB")
    with (
        tempfile.TemporaryDirectory(prefix="pystore-mongodb-") as folder,
        secantus.SecantusDBServer(port=0, storage_path=folder) as server,
    ):
        yield server.uri


@contextmanager
def fresh(server: str, name: str) -> Iterator[str]:
    """The URL of an empty database of a server, which is dropped in the end."""
    parts = urlsplit(server)
    url = parts._replace(path=f"/{name}").geturl()
    try:
        yield url
    finally:
        with MongoClient(url) as client:
            client.drop_database(name)
