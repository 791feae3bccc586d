"""Documents of somebody else in MongoDB: keys, paths, hostile names, changes that are told."""

import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from documents import url_of
from project import importing
from pymongo.errors import OperationFailure
from words import BEST, done, failed, in_view, shouter, shown, trained, words_in

import pystore as ps
from pystore.db import BadDatabase, BadField, BadRow, connect, field, text
from pystore.db import json as json_field
from pystore.db.documents import slots, waking
from pystore.db.documents.connections import DocumentConnections
from pystore.errors import BadStage, FormatTooNew, PystoreError, PystoreWarning

HOSTILE = [
    {"$where": "sleep(1000)"},
    {"$gt": ""},
    {"$ref": "other", "$id": 5},
    {"$set": {"a": 1}},
    {"a.b": 1, "$": 2, "": 3},
    [{"$ne": None}],
    "$word",
    "$$ROOT",
]


@pytest.fixture
def one(store) -> ps.RRef:
    """The only model."""
    return trained(1, 0.5)


@pytest.fixture
def db(mongodb_url: str):
    """An empty database."""
    found = connect(mongodb_url)
    yield found
    found.close()


def others(db: Any, documents: list[dict[str, Any]], **fields: Any) -> Any:
    """A collection of somebody else."""
    db.named["words"].insert_many(documents)
    return db.attach("words", fields or {"word": str})


# --- connecting --------------------------------------------------------------------------


def test_MD1_a_message_has_no_password_and_no_options():
    url = "mongodb://jim:tOp-5ecret@localhost:1/site?authSource=hidden&connectTimeoutMS=200"
    db = connect(f"{url}&serverSelectionTimeoutMS=200")
    assert db.name == "mongodb://jim:***@localhost:1/site"
    with pytest.raises(BadDatabase, match="cannot be opened") as error:
        db.collections()
    assert "tOp-5ecret" not in f"{error.value}{error.value.__cause__}{db!r}"
    with pytest.raises(BadDatabase, match="name of the database") as error:
        connect("mongodb://jim:tOp-5ecret@localhost/")
    assert "tOp-5ecret" not in str(error.value)


def test_without_pymongo_the_error_names_the_extra():
    program = """
import sys
sys.modules["pymongo"] = None
from pystore.db import connect
connect("mongodb://localhost/site")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=importing(), capture_output=True, text=True
    )
    assert "pip install 'pystore-stages[mongo]'" in done.stderr


def test_MD2_what_a_newer_pystore_has_made_is_refused(db):
    words = db.collection("words", word=str)
    words.insert({"word": "a"})
    db.ours("meta").update_one({}, {"$set": {"version": 99}})
    for call in (db.collections, lambda: db.collection("other", n=int).insert({"n": 1})):
        with pytest.raises(FormatTooNew, match="of a newer pystore"):
            call()
    assert words.count() == 1


def test_what_mongodb_does_not_have_is_said(db, one):
    words = words_in(url_of(db), ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    soon = datetime(2026, 1, 1, 0, 0, 0, 1, UTC)
    wrong: list[tuple[Any, type[PystoreError], str]] = [
        (listener.statements, BadDatabase, "no SQL"),
        (lambda: db.tables, BadDatabase, "no SQL"),
        (lambda: words.listener(shouter(), BEST, on="word", index=["loud"]), BadField, "index="),
        (lambda: words.listener(shouter(), BEST, on="word", write_back="n"), BadField, "_back="),
        (lambda: words.listener(shouter(), BEST, on="word", announce=True), BadStage, "PostgreSQL"),
        (lambda: words.update({"id": 5}, id=1), BadRow, "changes no key"),
        (lambda: words.insert({"word": "x" * 17_000_000}), BadRow, "does not take"),
        (lambda: words.where({"$where": "1"}), BadField, "no condition"),
        (lambda: db.collection("t", at=datetime).insert({"at": soon}), BadRow, "milliseconds"),
        (lambda: db.attach("words", x=text(at="a.b")).insert({"x": "a"}), BadField, "its owner"),
        (lambda: db.collection("t", {"a.b": int}), BadField, "a path"),
        (lambda: db.collection("t", {"$a": int}), BadField, "something else"),
        (lambda: db.attach("word", word=str).find(), BadDatabase, "did you mean words?"),
    ]  # fmt: skip
    for call, kind, said in wrong:
        with pytest.raises(kind) as error:
            call()
        assert said in str(error.value)
        assert error.value.remedy


# --- what documents hold -----------------------------------------------------------------

KEYS = [
    ["b", "a'", "ü", "$a", "a.b"],
    [ObjectId(), ObjectId()],
    [{"shop": "x", "day": 1}, {"day": 1, "shop": "x"}, {"shop": "y", "day": 1}],
    [uuid.UUID(int=3).bytes, b"\0"],
    [5, 2**62, -1, 2.5, "5", datetime(2026, 1, 1, tzinfo=UTC)],
]


@pytest.mark.parametrize("keys", KEYS, ids=["texts", "objects", "documents", "bytes", "mixed"])
def test_keys_of_any_kind(db, one, keys):
    words = others(db, [{"_id": key, "word": f"word {n}"} for n, key in enumerate(keys)])
    listener = words.listener(shouter(), BEST, on="word")
    assert done(listener) == len(keys)
    for n, key in enumerate(keys):
        found = words.find_one(_id=key)
        assert found["_outputs"]["shout"]["loud"] == f"WORD {n}!"
        assert words.lineage(key, "shout").rref == one
    assert [row["word"] for row in words.iterate(batch=1)] == [row["word"] for row in words.find()]
    db.named["words"].delete_one({"_id": keys[0]})
    assert done(listener) == 0
    assert len(in_view(words, listener)) == len(keys) - 1


RECORDS: list[Any] = [
    {"img": "u", "n": 5, "ok": True, "deep": {"null": 1, "a,b": 2, "a b": 3, "{x}": 4}},
    {"img": None, "n": "5", "ok": 1},
    {"n": True, "ok": "true", "img": 5},
    {"n": 7.0, "ok": False, "img": ""},
    [1, 2],
    {"n": Decimal128("1E2"), "img": {"a": [1.0, 2]}},
    None,
    [{"n": 5, "img": "in a list"}],
    {"n": Int64(6), "img": [None], "other": ObjectId()},
]


@pytest.fixture
def people(db):
    """Documents with records of any kind."""
    return others(
        db,
        [{"_id": n, "record": one} for n, one in enumerate(RECORDS)] + [{"_id": len(RECORDS)}],
        img=text(at="record.img"), n=field(int, at="record.n"), ok=field(bool, at="record.ok"),
        share=field(float, at="record.n"), whole=json_field(at="record"),
    )  # fmt: skip


def test_what_is_missing_null_or_of_another_kind(people):
    told = people.find()
    assert [row["n"] for row in told] == [5, "5", True, 7, None, 100, None, None, 6, None]
    assert [row["ok"] for row in told][:4] == [True, True, "true", False]
    assert told[4]["whole"] == [1, 2]
    assert "ObjectId" in str(told[8]["whole"])  # no JSON: shown, and of no content

    def found(condition: Any) -> list[int]:
        return [row["_id"] for row in people.find(condition)]

    img, n = people["img"], people["n"]
    assert found(img.exists) == [0, 2, 3, 5, 8]
    assert found(~img.exists) == found(img == None) == [1, 4, 6, 7, 9]  # noqa: E711
    assert found(n >= 1) == [0, 3, 5, 8]
    assert found(n.is_in([5, 7, 1])) == [0, 3]
    assert found(n != 5) == found(~(n == 5)) == [3, 5, 8]  # MC1
    assert found((n == 5) | (n == 7)) == found(~((n != 5) & (n != 7))) == [0, 3]
    assert found(people["share"] < 6.5) == [0, 8]
    assert found(people["ok"] == True) == [0]  # noqa: E712
    assert found(img == "5") == []
    assert found(img <= "v") == [0, 3]


def test_MC1_a_condition_and_its_negation_share_no_document(people):
    for condition in (people["n"] > 5, people["img"] == "u", people["ok"] == True):  # noqa: E712
        yes = {row["_id"] for row in people.find(condition)}
        no = {row["_id"] for row in people.find(~condition)}
        assert not yes & no
        assert yes | no < set(range(10))
    with pytest.raises(TypeError, match="by & and"):
        bool(people["n"] > 5)
    rows = people.where((people["n"] > 5) & people["img"].exists)
    assert "5" not in rows.condition_text.replace("$", "")
    assert "record.n" in rows.condition_text


@pytest.mark.parametrize("key", ["null", "a,b", "a b", "{x}"])
def test_keys_are_taken_as_they_are(db, people, key):
    rows = db.attach("words", n=field(int, at=f"record.deep.{key}"))
    assert rows.count(rows["n"] == RECORDS[0]["deep"][key]) == 1


@pytest.mark.parametrize("value", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_MH1_hostile_values_are_values(db, one, value):
    plain = value if isinstance(value, str) else json.dumps(value)
    rows = db.collection("words", word=str, record=json_field())
    rows.insert([{"word": plain, "record": value}, {"word": "other", "record": {}}])
    assert rows.find_one()["record"] == value
    assert rows.count(word=plain) == 1
    assert rows.update({"record": value}, word="other") == 1
    assert [row["record"] for row in rows.find()] == [value, value]

    def echo(model, batch):
        return [{"loud": json.dumps(record), "size": 1} for record in batch]

    listener = rows.listener(shouter(echo), BEST, on="record")
    assert done(listener) == 1
    assert {row["loud"] for row in in_view(rows, listener)} == {json.dumps(value)}
    given = rows.snapshot(x="record", y="word").run().frame()
    assert [*given["word"]] == [plain, "other"]


def test_MO1_documents_of_others_stay_as_they_are(db, one):
    before = [{"_id": n, "word": "a", "_outputs": "mine", "n": [n]} for n in range(3)]
    words = others(db, before)
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    words.snapshot(x="word", name="first")
    assert words.find_one()["_outputs"]["shout"]["loud"] == "A!"
    assert [*db.named["words"].find().sort("_id", 1)] == before
    assert [*db.named["words"].index_information()] == ["_id_"]
    listener.remove()
    assert [*db.named["words"].find().sort("_id", 1)] == before
    assert db.names() == ["words"]
    assert done(words.listener(shouter(), BEST, on="word")) == 0  # predictions stay


def test_a_name_of_somebody_else_is_no_view_of_ours(db, one):
    db.named["words_shout"].insert_one({"mine": 1})
    words = words_in(url_of(db), ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    with pytest.raises(BadDatabase, match="words_shout already"):
        listener.install()
    assert db.listeners() == []
    listener.remove()
    assert db.named["words_shout"].count_documents({}) == 1
    with pytest.raises(BadField, match="none of ours"):
        db.collection("words_shout", n=int, replace=True).insert({"n": 1})


def test_VW4_two_listeners_whose_views_would_have_one_name(db, one):
    words = words_in(url_of(db), ["a"])
    first = words.listener(shouter(), BEST, on="word")
    done(first)
    second = words.listener(shouter(mark="?"), BEST, on="word", name="shout_failed")
    with pytest.raises(BadDatabase, match="words_shout_failed already"):
        second.install()
    second.remove()
    assert [row["loud"] for row in in_view(words, first)] == ["A!"]
    assert db.named["words_shout_failed"].count_documents({}) == 0
    assert {"words_shout", "words_shout_failed"} < {*db.names()}


# --- changes that are told ---------------------------------------------------------------


def test_MP1_no_prediction_of_an_earlier_content_is_found(db, one):
    words = words_in(url_of(db), ["a", "bb"])
    done(words.listener(shouter(), BEST, on="word"))
    db.named["words"].update_one({"_id": 1}, {"$set": {"word": "changed"}})
    db.named["words"].update_one({"_id": 2}, {"$set": {"word": "a"}})
    outputs = [row["_outputs"] for row in words.find()]
    assert outputs[0] == {}
    assert outputs[1]["shout"]["loud"] == "A!"
    why_not = words.lineage(1, "shout").why_not
    assert why_not == "nothing was predicted for it yet, or it has no content"


def test_MW2_who_waits_waits_for_what_others_have_written(db, one):
    words = words_in(url_of(db), ["a"])
    with words.listen(shouter(), BEST, on="word", every=30.0) as listener:
        words.wait(60)
        theirs = db.named["words"]
        for n in range(20):
            theirs.insert_one({"_id": 100 + n, "word": f"new {n}"})
            theirs.update_one({"_id": 1}, {"$set": {"word": f"changed {n}", "n": n}})
            words.wait(60)
            assert shown(words, listener)[f"new {n}"] == f"NEW {n}!"
            assert shown(words, listener)[f"changed {n}"] == f"CHANGED {n}!"
        theirs.delete_one({"_id": 100})
        words.wait(60)
        assert len(in_view(words, listener)) == 20
        calls = listener.calls
        theirs.update_many({}, {"$set": {"note": "relabelled"}})
        words.wait(60)
        assert listener.calls == calls


def test_MT1_a_change_that_is_told_twice_or_late_makes_work_once(db, one):
    words = words_in(url_of(db), ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    rows, stream = listener.tracking.rows, waking.stream_of(listener.tracking)
    words.update({"word": "b"}, id=1)
    told = None
    while told is None:
        told = stream.try_next()
    at, pk = told["clusterTime"], (1,)
    listener.tracking.told({pk: at}, {})
    assert rows.find_one()["key"] is None
    assert done(listener) == 1
    before = rows.find_one()
    listener.tracking.told({pk: at}, {})
    listener.tracking.told({}, {pk: at})
    assert rows.find_one() == before
    stream.close()


def test_MW1_a_lost_stream_costs_no_document(db, one):
    words = words_in(url_of(db), ["a"])
    with words.listen(shouter(), BEST, on="word", every=0.05) as listener:
        words.wait(60)
        client = words.database.client
        with pytest.warns(PystoreWarning, match="told no more"):
            stream = listener.installation._changes._stream
            stream.close()
            words.insert([{"word": "new"}])
            words.update({"word": "changed"}, id=1)
            words.wait(60)
            assert listener.installation._changes._stream is not stream
        assert words.database.client is client  # which other threads use
    assert shown(words, listener) == {"changed": "CHANGED!", "new": "NEW!"}


@pytest.mark.parametrize("why", ["a server without a replica set", "a server without changes"])
def test_MW1_where_no_changes_are_told_each_document_is_looked_at(db, one, monkeypatch, why):
    if "set" in why:
        monkeypatch.setattr(DocumentConnections, "is_replicated", False)
    else:

        def refuse(*_: Any, **__: Any) -> Any:
            raise OperationFailure(
                "The $changeStream stage is only supported on replica sets", 40573
            )

        monkeypatch.setattr("pymongo.synchronous.database.Database.watch", refuse)
    words = words_in(url_of(db), ["a"])
    with words.listen(shouter(), BEST, on="word", every=0.05) as listener:
        words.wait(60)
        db.named["words"].insert_one({"_id": 2, "word": "new"})
        words.update({"word": "changed"}, id=1)
        words.wait(60)
        assert shown(words, listener) == {"changed": "CHANGED!", "new": "NEW!"}


def test_an_insert_is_all_or_none_without_transactions(db, monkeypatch):
    monkeypatch.setattr(DocumentConnections, "is_replicated", False)
    words = db.collection("words", word=str)
    words.insert([{"id": 3, "word": "there"}])
    with pytest.raises(BadRow, match="does not take"):
        words.insert([{"id": 1, "word": "a"}, {"id": 3, "word": "b"}, {"id": 4, "word": "c"}])
    assert [row["id"] for row in words.find()] == [3]


def test_MG1_a_document_that_comes_during_a_swap_has_the_new_model(db, one):
    """Another process takes a model between the look at who needs one and the mark."""
    words = words_in(url_of(db), ["a"])
    slow = words.listener(shouter(), BEST, on="word")
    quick = words.listener(shouter(), BEST, on="word")
    done(slow)
    words.insert([{"word": "new"}])
    better, mark = [], slow.tracking.mark

    def late(connection, marks):
        if not better:
            better.append(trained(2, 0.9))
            with quick.start():
                while quick.rref != better[0]:
                    assert quick.is_running
        return mark(connection, marks)

    slow.tracking.mark = late
    done(slow)
    assert slow.rref == better[0]
    assert shown(words, slow) == {"a": "A!!", "new": "NEW!!"}


def test_MG2_a_view_that_was_dropped_is_made_again(db, one):
    words = words_in(url_of(db), ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    for name in (*listener.views.names, "pystore.meta", "pystore.predictions"):
        db.named.drop_collection(name)
    assert "gone" in str(listener.reconcile())
    assert done(listener) == 1
    assert shown(words, listener) == {"a": "A!"}


def test_MZ1_what_a_killed_process_had_claimed_is_free_after_some_seconds(db, one, monkeypatch):
    monkeypatch.setattr(slots, "_LEASE", 2.0)
    words = words_in(url_of(db), ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    listener.install()
    living, gone = (slots.DocumentSlot(db, listener.source.name) for _ in range(2))
    assert (living.number, gone.number) == (0, 1)
    gone._stop.set()  # no sign of life any more
    assert len(listener.tracking.claim(None, 10, gone.number)) == 1
    listener.run(once=True)
    assert shown(words, listener) == {"a": "A!"}
    assert [*living.dead([0, 1, 2])] == [1, 2]
    living.close()


def test_SN2_rows_that_change_while_a_snapshot_is_taken_give_no_wrong_name(db, one, monkeypatch):
    words = words_in(url_of(db), ["a", "b"])
    from pystore.app.snapshot_rows import Digest

    noted = Digest.note_all

    def late(self: Any) -> None:
        noted(self)
        words.insert([{"word": "meanwhile"}])

    monkeypatch.setattr(Digest, "note_all", late)
    try:
        made = words.snapshot(x="word")
    except BadStage as error:
        assert "have changed" in str(error)
    else:
        assert len(made.run().frame()) == 2


def test_outputs_that_mongodb_cannot_keep_are_failures(db, one):
    words = words_in(url_of(db), ["a", "b"])

    def too_large(model, batch):
        return [{"loud": one, "size": 2**70 if one == "b" else 1} for one in batch]

    listener = words.listener(shouter(too_large), BEST, on="word")
    done(listener)
    assert shown(words, listener) == {"a": "a", "b": None}
    assert failed(words, listener)[0]["error"].startswith("size has more than 64 bits")
    assert listener.failed_for_good() == 1
    with pytest.raises(BadField, match="cannot be called"):
        words.listener(shouter(outputs={"a.b": int}), BEST, on="word")


# --- the command line --------------------------------------------------------------------

PROGRAM = """
import json, os
from pystore import match_latest, realize, stage
from pystore.app import predictor
from pystore.db import connect

db = connect(os.environ["URL"])
words = db.attach("words", word=str)

@stage
def fit(build, rows=words.snapshot(x="word", name="first")):
    (build.outpath / "size.json").write_text(json.dumps(len(rows.frame())))

@predictor(of=fit, outputs={"loud": str})
def shout(size, batch):
    return [{"loud": one.upper() + "!" * size} for one in batch]

@shout.load
def load(view):
    return json.loads((view.path / "size.json").read_text())

listener = words.listener(shout, match_latest(), on="word")

if __name__ == "__main__":
    realize(fit())
"""


def test_pystore_listen_works_for_documents_of_somebody_else(db, tmp_path, store):
    words = others(db, [{"word": "a"}, {"word": "bb"}])
    (tmp_path / "shouting.py").write_text(PROGRAM)
    env = {**importing(), "URL": url_of(db), "PYSTORE_ROOT": str(store.root)}

    def run(*command: str) -> str:
        told = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
        return told.stdout

    run("shouting.py")
    run("-m", "pystore", "listen", "shouting.py:listener", "--once")
    assert [row["_outputs"]["shout"]["loud"] for row in words.find()] == ["A!!", "BB!!"]
    assert "2 rows, 0 pending, 0 failed" in run("-m", "pystore", "listeners", url_of(db))
    key = str(words.find_one()["_id"])
    told = run("-m", "pystore", "forget", "shouting.py:words", key, "--on", "word")
    assert f"rows {key}" in told
    assert "predictions 1" in told
    assert "first" in str(db.show())
    assert db.gc() == {"predictions": 0, "models": 0, "fetched": 0}


def test_keys_that_others_have_given_are_passed_over(db):
    words = db.collection("words", word=str)
    assert words.insert([{"word": "a"}, {"word": "b"}]) == [1, 2]
    db.named["words"].insert_many([{"_id": 3, "word": "theirs"}, {"_id": "x", "word": "theirs"}])
    assert words.insert([{"word": "c"}, {"word": "d"}]) == [5, 6]
    assert [row["word"] for row in words.find()] == ["a", "b", "theirs", "c", "d", "theirs"]


def test_a_person_is_forgotten(db, one):
    words = words_in(url_of(db), ["a", "bb", "a"])
    done(words.listener(shouter(), BEST, on="word"))
    found = words.forget(1, on="word")
    assert (found.rows, found.predictions) == ([1, 3], 1)
    assert words.forget(1, on="word", dry_run=False).is_deleted
    assert [row["_outputs"] == {} for row in words.find()] == [True, False, True]
