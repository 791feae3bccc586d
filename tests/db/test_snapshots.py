"""Snapshots name what rows hold, wherever the rows are, and are written as they were named."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from documents import url_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_warnings import ours
from PIL import Image
from project import importing
from words import drop_fetched

from pystore import PystoreWarning, Store, realize, rref2path, stage, view
from pystore.app import Rows
from pystore.app.snapshot_rows import Digest, Reader
from pystore.db import BadDatabase, BadField, BadRow, Database, connect, image, json, text, uri
from pystore.db.choose import port_of
from pystore.errors import BadStage

EACH_EXAMPLE = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def pictures(count: int, seed: int = 0) -> Iterator[tuple[Any, int]]:
    """Pictures [8, 8] with their labels."""
    draw = np.random.RandomState(seed)
    for row in range(count):
        yield draw.randint(0, 255, (8, 8)).astype(np.uint8), row % 2


@pytest.fixture
def db(database_url: str, store: Store) -> Iterator[Database]:
    found = connect(database_url)
    yield found
    found.close()


def filled(db: Database, count: int = 40, shuffled: int | None = None, **more: Any) -> Any:
    """Rows of pictures with labels, in this order or another."""
    rows = [{"img": one, "class": kind} for one, kind in pictures(count)]
    if shuffled is not None:
        random.Random(shuffled).shuffle(rows)
    fields = {"img": image(), "class": int, "words": str}
    found = db.collection("bars", fields, **more)
    found.insert(rows)
    return found


def held(derivation: Any) -> Rows:
    """The rows that were written."""
    return Rows(rref2path(realize(derivation, progress=False)))


class TestNaming:
    def test_SN1_the_order_of_the_rows_makes_no_difference(self, db: Database):
        one = filled(db).snapshot(x="img", y="class")
        db["bars"].delete(db["bars"]["id"] > 0)
        other = filled(db, shuffled=5).snapshot(x="img", y="class")
        assert one.dref == other.dref
        assert (one.config["count"], one.config["name"]) == (40, "bars")
        db["bars"].insert([{"img": next(pictures(1))[0], "class": 0}])  # equal rows count
        assert db["bars"].snapshot(x="img", y="class").dref != one.dref

    def test_SN1_each_database_names_the_same(self, store: Store, sqlite_url: str, postgres: Any):
        drefs = set()
        for number, url in enumerate([sqlite_url, postgres.url]):
            db = connect(url)
            rows = filled(db, shuffled=number, at=datetime, record=json(), share=float, ok=bool)
            share = {"share": 0.1, "at": datetime(2026, 1, 2, tzinfo=UTC), "ok": True}
            rows.update(
                {**share, "record": {"b": [1.0, None], "a": "ü"}, "words": "ü"}, rows["id"] > 0
            )
            every = ["img", "words", "at", "record", "share", "ok"]
            drefs.add(
                tuple(
                    str(rows.snapshot(**how).dref)
                    for how in (
                        {"x": "img", "y": "class"},
                        {"x": every, "y": "class"},
                        {"x": "img"},
                        {"x": "words", "y": "share"},
                        {"x": "img", "y": "class", "fold": "train"},
                    )
                )
            )
            db.close()
        assert len(drefs) == 1
        assert len(set(*drefs)) == 5

    @pytest.mark.parametrize(
        ("x", "y"), [("img", "other"), ("img", None), ("other", "class"), (["img", "class"], None)]
    )
    def test_SN1_other_fields_are_another_derivation(self, db: Database, x: Any, y: Any):
        rows = filled(db, other=int)
        rows.update({"other": 1}, rows["id"] > 0)
        assert rows.snapshot(x=x, y=y).dref != rows.snapshot(x="img", y="class").dref

    def test_SN1_a_label_of_another_kind_is_another_label(self, db: Database):
        drefs = set()
        for kind, label in [(int, 1), (str, "1"), (float, 1.0), (bytes, b"1"), (bool, True)]:
            name = f"t-{kind.__name__}"
            rows = db.collection(name, img=bytes, label=kind)
            rows.insert({"img": b"x", "label": label})
            made = rows.snapshot(x="img", y="label")
            drefs.add(made.config["snapshot"])
            assert held(made)[0] == (b"x", label)
        assert len(drefs) == 5

    @EACH_EXAMPLE
    @given(
        st.lists(st.tuples(st.binary(max_size=3), st.integers(0, 2)), min_size=1, max_size=12),
        st.randoms(),
    )
    def test_SD2_the_digest_is_one_of_a_multiset(
        self, tmp_path_factory: Any, pairs: Any, order: Any
    ):
        def root(some: list[tuple[bytes, int]]) -> str:
            db = connect("sqlite://")
            rows = db.collection("t", a=bytes, b=int)
            rows.insert([{"a": a, "b": b} for a, b in some])
            reader = Reader(rows, ["a"], "b", None)
            digest = Digest(reader)
            with reader.reading():
                digest.note_all()
            assert digest.count == len(some)
            db.close()
            return digest.root()

        mixed = list(pairs)
        order.shuffle(mixed)
        assert root(mixed) == root(pairs)
        assert root([*pairs, pairs[0]]) != root(pairs)
        assert root([(a, b + 1) for a, b in pairs]) != root(pairs)


class TestFolds:
    def test_FL1_folds_share_no_content_and_leave_out_none(self, db: Database):
        rows = filled(db, 60)
        rows.insert([{"img": one, "class": kind} for one, kind in pictures(30)])
        keys = {}
        for fold in ("train", "valid", "test"):
            made = rows.snapshot(x="img", y="class", fold=fold)
            keys[fold] = held(made).keys()
            assert len(keys[fold]) == made.config["count"] == len(rows.find(fold=fold))
        assert sum(map(len, keys.values())) == 90
        assert sum(len(set(one)) for one in keys.values()) == len(set().union(*keys.values())) == 60

    def test_FL1_rows_that_come_leave_folds_as_they_are(self, db: Database):
        rows = filled(db, 30)
        before = set(held(rows.snapshot(x="img", fold="valid")).keys())
        rows.insert([{"img": one, "class": kind} for one, kind in pictures(50, seed=3)])
        assert before < set(held(rows.snapshot(x="img", fold="valid")).keys())

    def test_an_empty_fold_is_an_error(self, db: Database):
        with pytest.raises(BadStage, match="snapshot of no rows"):
            filled(db, 3).snapshot(x="img", fold=(0.0, 1e-9))
        with pytest.raises(BadField, match="no such fold"):
            db["bars"].snapshot(x="img", fold="vaild")
        rows = db["bars"]
        with pytest.raises(BadStage, match="snapshot of no rows"):
            rows.where(rows["class"] > 5).snapshot(x="img")


OTHER = """
import os
from pystore.db import connect, image
from pystore.app.snapshot_rows import Reader
def read(self): raise AssertionError("a row is read")
Reader.pages = read
rows = connect(os.environ["URL"])["bars"]
print(rows.snapshot(x="img", y="class", name="gold").dref)
"""


class TestNamed:
    def test_SN3_a_name_is_taken_once(self, db: Database, store: Store):
        rows = filled(db)
        gold = rows.snapshot(x="img", y="class", name="gold")
        rows.insert([{"img": one, "class": kind} for one, kind in pictures(5, seed=9)])
        assert rows.snapshot(x="img", y="class", name="gold").dref == gold.dref
        url = url_of(db)
        env = {**importing(), "URL": url, "PYSTORE_ROOT": str(store.root)}
        done = subprocess.run(
            [sys.executable, "-c", OTHER], env=env, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(gold.dref), done.stderr
        again = rows.snapshot(x="img", y="class", name="gold", retake=True)
        assert again.dref != gold.dref
        assert rows.snapshot(x="img", y="class", name="gold").dref == again.dref
        assert again.dref == rows.snapshot(x="img", y="class").dref  # the name makes no difference
        assert [row["name"] for row in db.show().to_dict()["snapshots"]] == ["gold"]
        assert port_of(db).snapshot_names() == {str(again.dref): "gold"}

    def test_SN3_a_name_is_of_the_same_fields(self, db: Database):
        rows = filled(db, other=int)
        rows.update({"other": 3}, rows["id"] > 0)
        rows.snapshot(x="img", y="class", fold="train", name="gold")
        for how in (
            {"x": "img", "y": "other"},
            {"x": ["img", "class"], "y": "class"},
            {"x": "img"},
        ):
            with pytest.raises(BadDatabase, match="taken with another"):
                rows.snapshot(**how, fold="train", name="gold")
        with pytest.raises(BadDatabase, match="another fold"):
            rows.snapshot(x="img", y="class", fold="valid", name="gold")
        with pytest.raises(BadDatabase, match="another fields"):
            other = db.attach("bars", img=image(max_pixels=1e6), **{"class": int})
            other.snapshot(x="img", y="class", fold="train", name="gold")

    def test_SN4_another_condition_is_told(self, db: Database):
        rows = filled(db)
        rows.where(rows["class"] == 1).snapshot(x="img", name="gold")
        with pytest.warns(PystoreWarning, match="another condition"):
            rows.where(rows["class"] > 0).snapshot(x="img", name="gold")

    def test_SN4_other_values_in_a_condition_are_told(self, db: Database):
        rows = filled(db)
        first = rows.where(rows["class"] < 1).snapshot(x="img", name="gold")
        with pytest.warns(PystoreWarning, match="other values in it.*class.*retake=True") as told:
            again = rows.where(rows["class"] < 2).snapshot(x="img", name="gold")
        assert again.dref == first.dref
        assert "typeof" not in str(told[0].message)
        taken = rows.where(rows["class"] < 2).snapshot(x="img", name="gold", retake=True)
        assert taken.dref != first.dref
        assert rows.where(rows["class"] < 2).snapshot(x="img", name="gold").dref == taken.dref

    def test_SN4_another_path_of_a_field_is_told(self, sqlite_url: str, store: Store):
        db = connect(sqlite_url)
        with db.write() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id integer PRIMARY KEY, a text, b text)")
            connection.exec_driver_sql("INSERT INTO t VALUES (1, 'x', 'y')")
        first = db.attach("t", said=text(at="a")).snapshot(x="said", name="gold")
        with pytest.warns(PystoreWarning, match="with other paths: {'said': 'a'}"):
            again = db.attach("t", said=text(at="b")).snapshot(x="said", name="gold")
        assert again.dref == first.dref

    def test_SN4_values_in_another_order_are_the_same(self, db: Database):
        rows = filled(db)
        for values in ([0, 1], [1, 0]):
            some = rows.where(rows["class"].is_in(values) & rows["img"].exists)
            some.snapshot(x="img", name="gold")

    def test_SN3_two_that_take_it_together_get_the_same(self, db: Database, monkeypatch: Any):
        rows = filled(db)
        port = type(port_of(db))
        taken, record = [], port.record_snapshot

        def late(self: Any, *args: Any, **how: Any) -> Any:
            if not taken:  # meanwhile, another process takes it with another row
                taken.append(None)
                rows.insert([{"img": one, "class": kind} for one, kind in pictures(1, seed=7)])
                taken[0] = rows.snapshot(x="img", y="class", name="gold")
            return record(self, *args, **how)

        monkeypatch.setattr(port, "record_snapshot", late)
        assert rows.snapshot(x="img", y="class", name="gold").dref == taken[0].dref

    def test_OW2_names_go_with_a_table_that_is_replaced(self, db: Database):
        old = filled(db).snapshot(x="img", name="gold")
        new = filled(db, 10, replace=True).snapshot(x="img", name="gold")
        assert old.dref != new.dref


class TestWriting:
    def test_SN2_rows_that_have_changed_are_not_written_under_an_earlier_name(
        self, db: Database, store: Store
    ):
        rows = filled(db)
        made = rows.snapshot(x="img", y="class")
        other = Store(store.root.parent / "other", durable=False)
        with other.use():
            assert realize(made, progress=False)  # the rows are as they were
        rows.update({"class": 7}, id=3)
        third = Store(store.root.parent / "third", durable=False)
        with third.use(), pytest.raises(BadStage, match="have changed since"):
            realize(made, progress=False)
        rows.delete(rows["id"] > 0)
        with third.use(), pytest.raises(BadStage, match="have changed since"):
            realize(made, progress=False)

    def test_SN2_a_writer_beside_it_gives_no_wrong_name(self, db: Database):
        rows = filled(db, 30)
        end = threading.Event()
        url = url_of(db)

        def write() -> None:
            mine = connect(url)
            own, at = mine["bars"], 0
            while not end.is_set():
                at += 1
                own.insert([{"img": one, "class": at % 3} for one, _ in pictures(2, seed=at)])
                own.update({"class": at % 5}, id=at % 30 + 1)
                own.delete(id=at % 50 + 31)
            mine.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(8):
                made = rows.snapshot(x="img", y="class")
                path = rref2path(realize(made, progress=False))
                assert root_of(path) == made.config["snapshot"]
        finally:
            end.set()
            writer.join()

    def test_appended_rows_add_few_bytes(self, db: Database, monkeypatch: Any, store: Store):
        from pystore.app import stored_rows

        monkeypatch.setattr(stored_rows, "CHUNK", 50)
        rows = db.collection("t", raw=bytes, n=int)
        draw = np.random.RandomState(0)
        rows.insert([{"raw": draw.bytes(2000), "n": n} for n in range(1000)])
        first = rref2path(realize(rows.snapshot(x="raw", y="n"), progress=False))
        rows.insert([{"raw": draw.bytes(2000), "n": n} for n in range(10)])
        second = rref2path(realize(rows.snapshot(x="raw", y="n"), progress=False))
        before = {one.read_bytes() for one in first.glob("*.parquet")}
        added = [
            one.stat().st_size for one in second.glob("*.parquet") if one.read_bytes() not in before
        ]
        assert sum(added) <= 0.03 * sum(map(len, before))
        linked = [one for one in second.glob("*.parquet") if one.stat().st_nlink > 1]
        assert len(linked) >= 20  # equal files are stored once

    def test_rows_without_a_label_are_an_error_with_their_key(self, db: Database):
        rows = filled(db)
        rows.update({"class": None}, id=17)
        with pytest.raises(BadRow, match="a row has no class") as caught:
            rows.snapshot(x="img", y="class")
        assert caught.value.row == 17
        labelled = rows.where(rows["class"].exists)
        assert labelled.snapshot(x="img", y="class").config["count"] == 39
        assert rows.snapshot(x="img").config["count"] == 40

    def test_a_label_of_another_kind_is_an_error_with_its_key(self, sqlite_url: str, store: Store):
        db = connect(sqlite_url)
        with db.write() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id integer PRIMARY KEY, a text, n integer)")
            connection.exec_driver_sql("INSERT INTO t VALUES (1, 'x', 5), (2, 'y', 'five')")
        with pytest.raises(BadRow, match="a row has no n") as caught:
            db.attach("t", a=str, n=int).snapshot(x="a", y="n")
        assert (caught.value.row, caught.value.because) == (2, "this is no int")

    @pytest.mark.parametrize("x", [[], ["img", "img"], ["nothing"], "clas"])
    def test_x_names_fields(self, db: Database, x: Any):
        with pytest.raises(BadField):
            filled(db).snapshot(x=x)

    def test_SD1_what_is_no_picture_is_left_out_and_told_once(self, db: Database, store: Store):
        rows = filled(db, 20)
        rows.update({"img": None}, rows["id"] <= 2)
        with db.write() as connection:  # somebody else writes into it
            connection.execute(
                sa.text("UPDATE bars SET img = :x WHERE id IN (5, 6, 7)"), {"x": b"no picture"}
            )
        others = db.attach("bars", img=image(), **{"class": int})
        with pytest.warns(PystoreWarning) as told:
            made = others.snapshot(x="img", y="class")
        [one] = [str(one.message) for one in ours(told)]
        assert one == (
            "5 rows left out of a snapshot: 2 x nothing is there; "
            "3 x this is no picture that can be decoded"
        )
        assert (made.config["count"], len(held(made))) == (15, 15)

    def test_a_table_of_any_name_has_snapshots(self, db: Database):
        name = 'users "ü" 1'
        with db.write() as connection:
            quoted = db.quoted(name)
            connection.exec_driver_sql(f"CREATE TABLE {quoted} (id integer PRIMARY KEY, a text)")
        rows = db.attach(name, a=str)
        rows.insert({"id": 1, "a": "x"})
        assert held(rows.snapshot(x="a", name="gold"))[0] == ("x", None)


def root_of(folder: Path) -> str:
    """The digest of rows that were written, by what stands in the files."""
    from blake3 import blake3

    rows = Rows(folder)
    label = rows.fields["class"]
    told = []
    for at in range(len(rows)):
        key, stored = rows.stored(at)
        content = label.content(stored["class"])
        told.append(key + blake3(b"int:" + content).digest(16))
    return blake3(b"".join(sorted(told))).hexdigest(32)


class TestUrls:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[str]:
        """A website with pictures."""
        folder = tmp_path / "site"
        folder.mkdir()
        for number, (one, _) in enumerate(pictures(6)):
            Image.fromarray(one).save(folder / f"{number}.png")
        (folder / "words.png").write_text("no picture")

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()

    def users(self, db: Database, site: str) -> Any:
        links = [f"{site}/{n}.png" for n in range(6)]
        links += [
            f"{site}/gone.png",
            f"{site}/gone.png",
            f"{site}/words.png",
            None,
            "no url",
            links[0],
        ]
        link = uri(image(), hosts=["127.0.0.1"], private=True, timeout=5)
        users = db.collection("users", link=link, label=str)
        users.insert([{"link": one, "label": "ab"[n % 2]} for n, one in enumerate(links)])
        return users

    def test_SD1_what_cannot_be_fetched_is_left_out_and_told_once(self, db: Database, site: str):
        users = self.users(db, site)
        with pytest.warns(PystoreWarning) as told:
            made = users.snapshot(x="link", y="label")
        [one] = [str(one.message) for one in ours(told)]
        assert one.startswith(
            "4 rows left out of a snapshot: 2 x the server answers 404 Not Found; "
        )
        assert "1 x nothing is there" in one
        rows = held(made)
        assert (len(rows), rows.fields["link"].kind) == (8, "image")

    def test_SN1_pictures_have_one_name_wherever_they_come_from(self, db: Database, site: str):
        users = self.users(db, site)
        seen = users.where(users["id"] <= 6)
        fetched = seen.snapshot(x="link", y="label")
        own = connect("sqlite://").collection("users", link=image(), label=str)
        own.insert([{"link": rows_bytes(one[0]), "label": "ab"[n % 2]}
                    for n, one in enumerate(pictures(6))])  # fmt: skip
        assert own.snapshot(x="link", y="label").config["snapshot"] == fetched.config["snapshot"]

    def test_a_lost_snapshot_is_fetched_again(self, db: Database, site: str, store: Store):
        users = self.users(db, site)
        made = users.where(users["id"] <= 6).snapshot(x="link")
        drop_fetched(db)
        with Store(store.root.parent / "other", durable=False).use():
            assert len(held(made)) == 6

    def test_URLs_are_no_labels_and_one_field_at_most(self, db: Database, site: str):
        both = db.collection("t", a=uri(image()), b=uri(image()))
        both.insert({"a": site, "b": site})
        for how in ({"x": ["a", "b"]}, {"x": "a", "y": "b"}):
            with pytest.raises(BadField):
                both.snapshot(**how)
        with pytest.raises(BadField, match="the content that its URLs lead to"):
            both.find(fold="train", by="a")


def rows_bytes(picture: Any) -> bytes:
    """The bytes of the file that the website has."""
    import io

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@stage
def measured(rows=None, scale=1.0):
    x, _ = rows.arrays()
    assert (len(rows.frame()), len(rows.images()), len(rows.torch())) == (len(x),) * 3
    return None


class TestUses:
    def test_a_stage_reads_it(self, db: Database):
        rows = filled(db)
        made = rows.snapshot(x="img", y="class", fold="train")
        built = realize(measured(rows=made), progress=False)
        assert rref2path(built).exists()
        again = rows.snapshot(x="img", y="class", fold="train")
        assert measured(rows=again).dref == measured(rows=made).dref

    def test_a_view_gives_its_rows(self, db: Database):
        rows = filled(db)
        with view(realize(rows.snapshot(x="img", y="class"), progress=False)) as found:
            assert found.arrays()[0].shape == (40, 8, 8)
            assert found.frame()["class"].tolist() == [kind for _, kind in pictures(40)]

    def test_workers_build_upon_it(self, db: Database):
        rows = filled(db)
        made = rows.snapshot(x="img", y="class")
        built = realize(measured(rows=made), workers=1, progress=False)
        assert rref2path(built).exists()

    def test_words_of_a_field_come_back_with_functions(self, db: Database):
        rows = db.collection("t", words=text(), n=int)
        rows.insert([{"words": "ü", "n": 1}, {"words": "", "n": 2}])
        found = held(rows.snapshot(x="words", y="n"))
        assert [*found] == [("ü", 1), ("", 2)]
