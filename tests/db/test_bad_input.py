"""What cannot be is told by an error of its own: what is wrong, the facts, and what to try."""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from words import BEST, shouter

from pystore import PystoreWarning, Store
from pystore.db import (
    BadDatabase,
    BadField,
    BadRow,
    Database,
    NoListener,
    NoPermission,
    array,
    connect,
    field,
    image,
    json,
    text,
    uri,
)
from pystore.errors import BadStage, PystoreError

PASSWORD = "tOp-5ecret"


@pytest.fixture
def db(database_url: str, store: Store) -> Iterator[Database]:
    found: Any = connect(database_url)
    if not found.is_sql:
        found.named["users"].insert_one({"_id": 1})
        yield found
        found.close()
        return
    with found.write() as connection:
        for statement in (
            "CREATE TABLE users (id integer PRIMARY KEY, name text, n integer, record "
            + ("jsonb)" if found.is_postgres else "json)"),
            "CREATE TABLE visits (at integer)",
        ):
            connection.exec_driver_sql(statement)
    yield found
    found.close()


def told(call: Any, kind: type[PystoreError], *words: str) -> PystoreError:
    """The error of a call, which has these words in its text, and a remedy."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert [word for word in words if word not in text] == []
    assert caught.value.remedy
    assert PASSWORD not in text
    return caught.value


class TestTables:
    def test_no_such_table(self, db: Database):
        told(
            db.attach("user", name=str).find,
            BadDatabase,
            "no table user",
            "did you mean users?",
            "visits",
        )
        told(db.attach("xyz", name=str).count, BadDatabase, "no table xyz", "users, visits")
        told(db.collection("mine", n=int).find, BadDatabase, "no table mine")
        told(lambda: db["mnist"], BadDatabase, "no collection mnist", "db.collection")
        told(lambda: db.collection("mine"), BadField, "has no fields")

    def test_a_table_without_a_primary_key(self, db: Database):
        told(db.attach("visits", at=int).find, BadDatabase, "no primary key", "at")

    def test_a_field_that_is_no_column(self, db: Database):
        told(db.attach("users", nmae=str).find, BadField, "no column nmae", "did you mean name?")
        told(db.attach("users", x=text(at="rekord.x")).find, BadField, "no column rekord")
        told(lambda: db.attach("users", name=str)["nam"], BadField, "did you mean name?")
        told(lambda: db.attach("users", name=str).find(naem=5), BadField, "no field naem")

    def test_a_path_in_what_is_no_json(self, db: Database):
        told(db.attach("users", x=text(at="n.x")).find, BadField, "holds no JSON")

    @pytest.mark.parametrize("declared", [image(), bytes, array()])
    def test_a_type_that_the_column_cannot_hold(self, db: Database, declared: Any):
        told(db.attach("users", name=declared).find, BadField, "cannot hold", "type:")
        told(db.attach("users", n=declared).find, BadField, "cannot hold")

    def test_a_declaration_that_nobody_knows(self, db: Database):
        told(lambda: db.collection("t", x=complex), BadField, "nobody knows the field x")
        told(lambda: db.collection("t", x=5), BadField, "nobody knows")
        told(lambda: field(list, dump=bytes), BadField) if field(list).kind != "json" else None
        told(lambda: field(dump=bytes), BadField, "two functions")
        told(lambda: db.collection("t", x=text(at="a")), BadField, "has no path")
        told(lambda: uri(timeout=-1), BadField)

    def test_a_path_is_not_written(self, db: Database):
        rows = db.attach("users", x=text(at="record.x"))
        told(lambda: rows.insert({"id": 1, "x": "a"}), BadField, "its owner writes", "record")


class TestRows:
    def test_undeclared_and_missing_fields_with_the_number_of_the_row(self, db: Database):
        rows = db.collection("t", n=field(int, required=True), words=str)
        error = told(
            lambda: rows.insert([{"n": 1}, {"n": 2, "wrods": "a"}]), BadField, "did you mean words?"
        )
        assert error.facts["row"] == 1
        error = told(
            lambda: rows.insert([{"n": 1}, {"n": 1}, {"words": "a"}]), BadRow, "n is required"
        )
        assert error.facts["row"] == 2

    @pytest.mark.parametrize(
        "rows", [None, 5, "words", b"words", [5], ["ab"], [None], [[("n", 1)]]]
    )
    def test_what_is_no_row(self, db: Database, rows: Any):
        told(lambda: db.collection("t", n=int).insert(rows), BadRow, "given:")

    def test_what_is_no_picture(self, db: Database, tmp_path: Path):
        rows = db.collection("t", img=image(max_pixels=100))
        error = told(lambda: rows.insert([{}, {"img": b"words"}]), BadRow, "no picture")
        assert (error.facts["row"], error.facts["field"]) == (1, "img")
        told(
            lambda: rows.insert({"img": np.zeros((20, 20), np.uint8)}),
            BadRow,
            "too many pixels",
            "20 x 20",
        )
        told(lambda: rows.insert({"img": Image.new("CMYK", (2, 2))}), BadRow, "convert('RGB')")
        told(lambda: rows.insert({"img": tmp_path / "none.png"}), BadRow, "no such file")

    def test_comparisons_that_have_no_meaning(self, db: Database):
        rows = db.collection("t", img=image(), n=int, part=json())
        told(lambda: rows["img"] == b"x", BadField, "has no comparisons")
        told(lambda: rows["part"].is_in([{}]), BadField, "has no comparisons")
        told(lambda: rows["n"] > "5", BadRow, "of the kind int")
        told(lambda: rows["n"].is_in("123"), BadField, "several values")
        with pytest.raises(TypeError):
            bool((rows["n"] > 1) and (rows["n"] < 5))

    def test_numbers_of_rows_that_cannot_be(self, db: Database):
        rows = db.collection("t", n=int)
        rows.insert({"n": 1})
        for how in ({"limit": -1}, {"batch": 0}):
            told(lambda how=how: list(rows.iterate(**how)), BadField, "no so many rows")


class TestConnecting:
    @pytest.mark.parametrize(
        "url",
        [
            "mnist.db", "", "://", f"postgres:jim:{PASSWORD}@db/site",
            f"host=db password={PASSWORD}",
            f"mysql://jim:{PASSWORD}@db/site", f"sqlite+other:///{PASSWORD}",
            f"postgresql+asyncpg://jim:{PASSWORD}@db/site", f"postgresql://jim:a@{PASSWORD}@db/site",
            f"postgresql://jim:{PASSWORD}@db:port/site", "mongodb://db", Path("data.db"), 5,
        ],
    )  # fmt: skip
    def test_DB2_what_is_no_url_of_a_database(self, url: Any, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("DATABASE_URL", raising=False)
        told(lambda: connect(url), BadDatabase)

    def test_no_database_is_named(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("DATABASE_URL", raising=False)
        told(connect, BadDatabase, "DATABASE_URL")
        monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
        assert connect().name.endswith("/x.db")

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://jim:{PASSWORD}@127.0.0.1:1/site",
            f"postgresql://jim@127.0.0.1:1/site?password={PASSWORD}",
            f"postgresql://127.0.0.1:1/site?user=jim&password={PASSWORD}&connect_timeout=1",
        ],
    )
    def test_DB2_no_password_is_in_what_is_told(self, url: str):
        db = connect(url)
        rows = db.collection("t", n=int)
        error = told(rows.find, BadDatabase, "cannot be opened")
        shown = [db.name, repr(db), repr(rows), str(rows["n"]), str(error), repr(error.facts)]
        assert [one for one in shown if PASSWORD in one] == []
        assert "127.0.0.1" in db.name

    def test_DB2_a_wrong_password_is_not_told(self, postgres: Any):
        url = connect(postgres.url).url.set(username="nobody_here", password=PASSWORD)
        told(
            connect(url.render_as_string(hide_password=False)).collections,
            BadDatabase,
            "nobody_here",
        )

    def test_postgresql_without_its_driver(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "psycopg", None)
        db = connect("postgresql://jim@db/site")
        told(db.collections, BadDatabase, "not installed", "pip install 'pystore-stages[postgres]'")

    def test_a_file_that_cannot_be_opened(self, tmp_path: Path):
        told(
            connect(f"sqlite:///{tmp_path}/none/data.db").collections,
            BadDatabase,
            "cannot be opened",
        )
        (tmp_path / "words.db").write_text(
            "no database, but a text that is long enough to be read" * 9
        )
        told(connect(f"sqlite:///{tmp_path}/words.db").collections, BadDatabase, "cannot be opened")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_file_that_cannot_be_written(self, tmp_path: Path):
        self.written_to(tmp_path)

    def test_a_file_that_is_opened_to_be_read(self, tmp_path: Path):
        path = tmp_path / "data.db"
        connect(f"sqlite:///{path}").collection("t", n=int).insert({"n": 1})
        db = connect(f"sqlite:///file:{path}?mode=ro&uri=true")
        assert db["t"].count() == 1
        told(lambda: db["t"].insert({"n": 2}), NoPermission, "readonly")

    def written_to(self, folder: Path) -> None:
        path = folder / "data.db"
        connect(f"sqlite:///{path}").collection("t", n=int).insert({"n": 1})
        path.chmod(0o444)
        told(lambda: connect(f"sqlite:///{path}")["t"].insert({"n": 2}), NoPermission, "readonly")


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "policy"),
        [
            ("images.example/1.png", {}), ("file:///etc/passwd", {}),
            ("http://127.0.0.1/1.png", {}),
            ("http://10.0.0.1/1.png", {}),
            ("http://elsewhere.example/1.png", {"hosts": ["images.example"]}),
            ("ftp://images.example/1.png", {}),
        ],
    )  # fmt: skip
    def test_URLs_that_are_not_fetched_are_told_by_their_reason(
        self, db: Database, url: str, policy: dict[str, Any]
    ):
        rows = db.collection("links", link=uri(image(), **policy))
        rows.insert({"link": url})
        with (
            warnings.catch_warnings(),
            pytest.raises(BadStage, match="snapshot of no rows") as caught,
        ):
            warnings.simplefilter("error", PystoreWarning)
            rows.snapshot(x="link")
        assert caught.value.left_out.startswith("1 x ")
        assert "it was not fetched" not in caught.value.left_out


class TestListeners:
    def test_nobody_to_wait_for(self, db: Database):
        rows = db.collection("t", n=int)
        rows.insert({"n": 1})
        told(rows.wait, NoListener, "nothing listens to t")


# --- what is given in the place of a field, a name, or a time


@pytest.mark.parametrize(
    "how",
    [
        {"y": ["name"]},
        {"y": ("name",)},
        {"y": 3},
        {"x": 3},
        {"x": None},
        {"x": {"name"}},
        {"x": [["name"]]},
    ],
    ids=repr,
)
def test_a_snapshot_of_what_is_no_field(db: Database, how: dict[str, Any]):
    users = db.attach("users", name=str, n=int)
    told(lambda: users.snapshot(**{"x": "name", **how}), BadField, "x is the name of a field")
    told(lambda: users.snapshot(x="name", y=users["n"] < 3), BadField, "y is one name")


@pytest.mark.parametrize("name", ["", 3, ["a"], "a\0b", "a\nb"], ids=repr)
def test_a_snapshot_with_what_is_no_name(db: Database, name: Any):
    users = db.attach("users", name=str)
    told(lambda: users.snapshot(x="name", name=name), BadField, "this is no name of a snapshot")


@pytest.mark.parametrize("timeout", ["3", [3], -1, True, float("nan")], ids=repr)
def test_who_waits_gives_seconds(db: Database, timeout: Any):
    users = db.attach("users", name=str)
    told(lambda: users.wait(timeout), BadStage, "not a number of seconds")


# --- what the database does not take


def test_what_the_database_writes_itself_is_not_written(db: Database, store: Store):
    if not db.is_sql:
        pytest.skip("documents have no generated columns")
    with db.write() as connection:
        for statement in (
            "CREATE TABLE made (id integer PRIMARY KEY, n integer, name text, "
            "twice integer GENERATED ALWAYS AS (n * 2) STORED)",
            "INSERT INTO made (id, n, name) VALUES (1, 2, 'a')",
        ):
            connection.exec_driver_sql(statement)
    made = db.attach("made", n=int, twice=int, name=str)
    for call in (
        lambda: made.insert([{"id": 2, "twice": 7}]),
        lambda: made.update({"twice": 7}, id=1),
    ):
        told(call, BadRow, "does not take a row", "twice")
    assert made.find_one(id=1)["twice"] == 4
    size = shouter(outputs={"size": int})
    listener = made.listener(size, BEST, on="name", write_back="twice")
    told(listener.install, BadField, "the database writes twice itself")


def test_a_value_that_is_too_long_for_its_column_is_told(db: Database):
    if not (db.is_sql and db.is_postgres):
        pytest.skip("columns of others have no length")
    with db.write() as connection:
        connection.exec_driver_sql("CREATE TABLE made (id integer PRIMARY KEY, s varchar(3))")
    made = db.attach("made", s=str)
    told(lambda: made.insert([{"id": 1, "s": "four"}]), BadRow, "value too long")
    told(lambda: made.insert([{"id": 2**40, "s": "a"}]), BadRow, "out of range")
