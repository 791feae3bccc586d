"""Connections: how MongoDB is reached, and the collections of ours there.

MD1  A password never stands in a message, nor anything else that a URL says after its `?`.
MD2  What a newer pystore has made is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NoReturn

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection as Documents
from pymongo.database import Database as Named
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from ...core.errors import FormatTooNew
from ..connections import Connections
from ..errors import BadDatabase, NoPermission
from ..tables import VERSION

Document = dict[str, Any]

_URL = re.compile(r"(mongodb(?:\+srv)?://)(?:([^/?#]*)@)?([^/?#@]+)/([^/?#.\s$\"\\]+)(\?.*)?")
_REFUSED = (13, 18)  # what a server says of rights: Unauthorized, AuthenticationFailed
_TWICE = 11000
_PREFIX = "pystore."


class DocumentConnections(Connections):
    """The connections to one database of MongoDB. A value that was sent elsewhere opens its own."""

    url: Any
    is_sql = False
    is_postgres = False
    is_private = False
    file = None

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        if found is None:
            raise BadDatabase(
                "this is no URL of a database of MongoDB",
                given="(hidden, since it may hold a password)",
                remedy="mongodb://host/name: the name of the database stands after the slash",
            )
        scheme, user, hosts, self._database, _ = found.groups()
        who = "" if user is None else f"{user.split(':')[0]}{':***' if ':' in user else ''}@"
        self.url, self._name = url, f"{scheme}{who}{hosts}/{self._database}"

    # What is said of databases of SQL is here what it means for MongoDB.

    @property
    def name(self) -> str:
        """The URL without its password, and without its options (MD1)."""
        return self._name

    def check_is_there(self) -> None:
        """Nothing is checked: a server makes a database when something is written."""

    @property
    def engine(self) -> NoReturn:
        """Raises BadDatabase: there is no SQL."""
        raise BadDatabase(
            "MongoDB has no SQL, no tables of ours, and no triggers",
            database=self.name,
            remedy="`pystore listen FILE:NAME` makes what a listener needs there; there is nothing "
            "to print or to upgrade",
        )

    @property
    def tables(self) -> Any:
        """Raises BadDatabase: there are no tables."""
        return self.engine

    @property
    def place(self) -> str:
        """Tells the database from others, whoever connects to it."""
        return self._name.rpartition("@")[2]

    # --- what is there

    @cached_property
    def client(self) -> MongoClient[Document]:
        """The client of pymongo. Raises BadDatabase for options that it does not know."""
        try:
            return MongoClient(self.url, serverSelectionTimeoutMS=5000, appname="pystore")
        except (PyMongoError, ValueError) as error:
            raise BadDatabase(
                "the database cannot be opened",
                database=self.name,
                because=type(error).__name__,
                remedy="look at the options of the URL, after its `?`",
            ) from None

    @property
    def named(self) -> Named[Document]:
        """The database itself; times have a zone, and any year."""
        options: CodecOptions[Document] = CodecOptions(
            tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
        )
        return self.client.get_database(self._database, codec_options=options)

    def ours(self, name: str) -> Documents[Document]:
        """A collection of ours."""
        return self.named[_PREFIX + name]

    def names(self) -> list[str]:
        """The collections and views in the database, but ours."""
        found = self.named.list_collection_names()
        return sorted(one for one in found if not one.startswith((_PREFIX, "system.")))

    @cached_property
    def is_replicated(self) -> bool:
        """Whether it has transactions and tells changes: a replica set, or a cluster of these."""
        told = self.client.admin.command("hello")
        return "setName" in told or told.get("msg") == "isdbgrid"

    def check(self) -> bool:
        """Whether there is anything of ours. Raises FormatTooNew (MD2)."""
        found = self.ours("meta").find_one({"_id": "version"})
        if found is not None and found["version"] > VERSION:
            raise FormatTooNew(
                "what is there is of a newer pystore",
                found=found["version"],
                known=VERSION,
                remedy="pip install --upgrade pystore-stages",
            )
        return found is not None

    def install(self) -> None:
        """Makes what is missing of the collections of ours."""
        if not self.check():
            new = {"$setOnInsert": {"version": VERSION}}
            self.ours("meta").update_one({"_id": "version"}, new, upsert=True)
        made = self.ours("predictions")
        made.create_index([("model", 1), ("open", 1), ("due", 1)])
        made.create_index([("key", 1)])
        self.ours("models").create_index([("rref", 1), ("code", 1)], unique=True)
        self.ours("fetched").create_index([("key", 1)])

    # --- reading and writing

    @contextmanager
    def read(self, *, one_state: bool = False) -> Iterator[Any]:
        """Yields a session; with `one_state`, all of it sees the database as it was.

        A server that is no replica set has no such state: there the session sees each change.
        """
        with self._told():
            is_snapshot = one_state and self.is_replicated
            with self.client.start_session(snapshot=is_snapshot or None) as session:
                yield session

    @contextmanager
    def write(self) -> Iterator[Any]:
        """Yields nothing to write with: each write takes place at its call."""
        with self._told():
            yield None

    def look(self) -> Any:
        """A connection of a listener that reads."""
        return self.read()

    def work(self) -> Any:
        """A connection of a listener that writes."""
        return self.write()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Names the database in errors of connecting and of rights."""
        try:
            yield
        except OperationFailure as error:
            if error.code not in _REFUSED:
                raise
            raise NoPermission(
                "the database refuses this",
                database=self.name,
                because=said(error),
                remedy="let its owner grant the role readWrite on this database",
            ) from error
        except PyMongoError as error:
            if isinstance(error, BulkWriteError) or not is_away(error):
                raise
            raise BadDatabase(
                "the database cannot be opened",
                database=self.name,
                because=said(error),
                remedy="look at the host, and whether the server runs",
            ) from error

    def all_or_none(self, into: Documents[Document], documents: Sequence[Document]) -> list[Any]:
        """Inserts documents, all or none; returns their keys.

        Where there are no transactions, those that were inserted before one that is refused are
        taken away again.
        """
        if self.is_replicated:
            with self.client.start_session() as session:
                return session.with_transaction(
                    lambda one: into.insert_many(documents, session=one).inserted_ids
                )
        try:
            return into.insert_many(documents).inserted_ids
        except BulkWriteError as error:
            into.delete_many(
                {"_id": {"$in": [one["_id"] for one in documents[: refused(error)[0]]]}}
            )
            raise

    def drop_idle(self) -> None:
        """Asks again which kind of server it is; the driver itself gives up lost connections.

        The client stays: other threads may be at work with it.
        """
        self.__dict__.pop("is_replicated", None)

    def close(self) -> None:
        """Closes all connections; the next use opens new ones."""
        client = self.__dict__.pop("client", None)
        self.__dict__.pop("is_replicated", None)
        if client is not None:
            client.close()

    def __getstate__(self) -> dict[str, Any]:
        return {key: vars(self)[key] for key in ("url", "_name", "_database")}


def is_away(error: PyMongoError) -> bool:
    """Whether a server was not reached, or was left."""
    return not isinstance(error, OperationFailure) or error.has_error_label("RetryableWriteError")


def said(error: Exception) -> str:
    """What a driver says, in one line without the state of all servers."""
    text = str(error).strip()
    return text.split(", Timeout:")[0].split(", full error:")[0].splitlines()[0][:200]


def refused(error: BulkWriteError) -> list[int]:
    """The numbers of the writes that were refused."""
    return [one["index"] for one in (error.details or {})["writeErrors"]]


def insert_new(into: Documents[Document], documents: Sequence[Document]) -> list[Document]:
    """Inserts the documents whose keys are not there yet; returns these."""
    if not documents:
        return []
    try:
        into.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        there = {*_of_keys(error)}
        return [one for number, one in enumerate(documents) if number not in there]
    return [*documents]


def write_all(into: Documents[Document], updates: Iterable[UpdateOne]) -> None:
    """Makes updates; one that would insert a key that is there is left out."""
    wanted = [*updates]
    if wanted:
        try:
            into.bulk_write(wanted, ordered=False)
        except BulkWriteError as error:
            _of_keys(error)


def _of_keys(error: BulkWriteError) -> list[int]:
    """The writes that were refused for their keys. Raises the error where there are others."""
    if any(one["code"] != _TWICE for one in (error.details or {})["writeErrors"]):
        raise error
    return refused(error)
