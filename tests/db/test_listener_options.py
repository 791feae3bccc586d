"""Options of listeners: what they keep, forget, fetch again, index and announce."""

import json
import urllib.request

import psycopg
import pytest
import sqlalchemy as sa
from words import BEST, done, drop_fetched, shouter, shown, trained, words_in

import pystore as ps
from pystore.app import listening
from pystore.app.keeping import pin_names
from pystore.db import NoListener, connect
from pystore.db.announcing import announce, channel_of
from pystore.db.contents import Contents
from pystore.db.errors import NotFetched
from pystore.db.fetching import Fetched
from pystore.db.fields import field
from pystore.db.kept_files import KeptFiles
from pystore.db.uris import uri
from pystore.errors import TimedOut
from pystore.ui.cli.thread_limits import limit_threads

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def one(store) -> ps.RRef:
    return trained(1, 0.5)


# --- pins --------------------------------------------------------------------------------


def test_KE1_what_is_shown_and_filled_is_pinned_until_the_listener_is_removed(
    database_url, one, store
):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    names = {*pin_names(listener.ledger).values()}
    assert all(name.startswith("listener-words-shout-") for name in names)
    assert ps.pins() == dict.fromkeys(names, one)
    better = trained(2, 0.9)
    done(listener)
    done(listener)
    assert ps.pins() == dict.fromkeys(names, better)
    listener.remove()
    assert ps.pins() == {}


def test_KE1_two_databases_that_share_a_store_have_pins_of_their_own(tmp_path, one):
    here, there = (
        words_in(f"sqlite:///{tmp_path}/{name}.db", ["a"]).listener(shouter(), BEST, on="word")
        for name in ("here", "there")
    )
    done(here)
    better = trained(2, 0.9)
    done(there)
    assert sorted(ps.pins().values()) == sorted([one, one, better, better])
    there.remove()
    assert [*ps.pins().values()] == [one, one]


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("postgresql://jim:one@db/site", "postgresql+psycopg://ann:two@db/site"),
        ("sqlite:///data.db", "sqlite:///./data.db"),
    ],
)
def test_a_database_is_the_same_by_its_place(url, other):
    assert connect(url).place == connect(other).place
    assert connect(url).place != connect(url + "2").place


def test_who_waits_waits_for_the_listeners_of_that_database(one):
    here, there = words_in("sqlite://", ["a"]), words_in("sqlite://", ["b"])
    with here.listen(shouter(), BEST, on="word"):
        here.wait(60)
        with pytest.raises(NoListener):
            there.wait(60)


def test_who_waits_without_a_limit_is_told_what_for(store, monkeypatch):
    monkeypatch.setattr(listening, "TELL", 0.0)
    words = words_in("sqlite://", ["a"])
    with words.listen(shouter(), BEST, on="word"):
        with pytest.raises(ps.PystoreWarning, match="still waiting for the listener shout"):
            words.wait()
        with pytest.raises(TimedOut):
            words.wait(0.01)


# --- garbage -----------------------------------------------------------------------------


def kept_urls(rows) -> list[str]:
    made = rows.database.tables.fetched
    with rows.database.read() as connection:
        return sorted(connection.scalars(sa.select(made.c.url)))


def fetched_for(rows, urls: list[str]) -> None:
    """Keeps contents as if they had been fetched."""
    with rows.database.write() as connection:
        rows.database.tables.install(connection)
    source = rows.source("page")
    files = KeptFiles(source)
    files.keep([files.row(url, Fetched(url.encode(), None)) for url in urls])


def test_GB1_what_was_fetched_for_no_row_goes_and_what_a_row_names_stays(database_url, one):
    db = connect(database_url)
    rows = db.collection("pages", page=uri(bytes), note=str)
    urls = [f"https://images.example/{n}" for n in range(4)]
    rows.insert([{"page": url} for url in urls[:2]])
    json_type = "JSONB" if db.is_postgres else "JSON"
    with db.write() as connection:
        connection.execute(
            sa.text(f"CREATE TABLE site (id integer PRIMARY KEY, record {json_type})")
        )
        told = {"record": json.dumps({"at": {"url": urls[2]}})}
        connection.execute(sa.text("INSERT INTO site VALUES (1, :record), (2, '{}')"), told)
    site = db.attach("site", seen=uri(bytes, at="record.at.url"))
    fetched_for(rows, urls)
    assert db.gc()["fetched"] == 1 and kept_urls(rows) == urls
    assert db.gc(dry_run=False)["fetched"] == 1
    assert kept_urls(rows) == urls[:3]
    rows.delete(id=1)
    assert connect(database_url).gc()["fetched"] == 2  # a table that was not attached is not known
    listener = site.listener(shouter(), BEST, on="seen")
    listener.install()
    assert connect(database_url).gc(dry_run=False)["fetched"] == 1
    assert kept_urls(rows) == urls[1:3]


# --- deleted rows ------------------------------------------------------------------------


def test_DF1_what_was_made_of_a_deleted_row_goes_unless_another_row_has_it(database_url, one):
    words = words_in(database_url, ["a", "bb", "bb", "ccc"])
    others = connect(database_url).collection("others", word=str)
    others.insert([{"word": "a"}])
    listener = words.listener(shouter(), BEST, on="word", on_delete="forget")
    elsewhere = others.listener(shouter(), BEST, on="word")
    done(listener), done(elsewhere)
    words.delete(words["id"] != 2)
    assert done(listener) == 0
    db = words.database
    if db.is_sql:
        with db.read() as connection:
            values = connection.scalars(sa.select(db.tables.predictions.c.value)).all()
            assert connection.execute(sa.select(db.tables.deleted)).all() == []
    else:
        values = [one["value"] for one in db.ours("predictions").find()]
        assert db.ours("deleted").count_documents({}) == 0
    assert sorted(value["loud"] for value in values) == ["A!", "BB!"]


def test_without_forgetting_a_prediction_stays(database_url, one):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    words.delete(id=1)
    done(listener)
    words.insert([{"word": "a"}])
    assert done(listener) == 0


# --- what is fetched ---------------------------------------------------------------------


class Answering:
    """A fetcher of URLs whose answers a test sets; it says with which etag each was asked."""

    def __init__(self, answers) -> None:
        self.answers, self.asked, self.tags = answers, [], []

    def submit(self, tag, url, etag=None):
        self.asked.append((url, etag))
        self.tags.append(tag)

    def done(self, patience):
        told = [(tag, self.answers[tag]) for tag in self.tags]
        self.tags = []
        return told

    def close(self):
        pass


@pytest.fixture
def page(database_url, one, monkeypatch):
    """A collection of URLs of texts, a listener, and what the internet answers."""
    db = connect(database_url)
    pages = db.collection("words", word=uri(field(bytes), hosts=["x"], max_age=100.0), note=str)
    answers = {"http://x/a": Fetched(b"one", '"1"'), "http://x/b": Fetched(b"two", '"1"')}
    answering = Answering(answers)
    monkeypatch.setattr(Contents, "_opened", lambda self: answering)
    pages.insert([{"word": "http://x/a"}, {"word": "http://x/b"}, {"word": "http://x/a"}])

    def sizes(model, batch):
        return [{"loud": one.decode().upper(), "size": len(one)} for one in batch]

    listener = pages.listener(shouter(sizes), BEST, on="word", on_delete="forget")
    assert done(listener) == 2
    return pages, listener, answering


def older(database, by: float) -> None:
    if not database.is_sql:
        database.ours("fetched").update_many({}, {"$inc": {"at": -by}})
        return
    table = database.tables.fetched
    with database.write() as connection:
        connection.execute(sa.update(table).values(at=table.c.at - by))


def test_CT2_what_is_old_is_asked_for_again_and_only_what_has_changed_is_predicted(page):
    pages, listener, answering = page
    assert done(listener) == 0
    assert len(answering.asked) == 2
    older(pages.database, 200)
    answering.answers["http://x/a"] = Fetched(None, '"1"')
    answering.answers["http://x/b"] = Fetched(b"three", '"2"')
    assert done(listener) + done(listener) == 1
    assert sorted(answering.asked[2:]) == [("http://x/a", '"1"'), ("http://x/b", '"1"')]
    assert shown(pages, listener) == {"http://x/a": "ONE", "http://x/b": "THREE"}
    assert done(listener) == 0
    assert len(answering.asked) == 4


def test_CT1_a_url_that_does_not_answer_yet_holds_up_no_other_row(page):
    pages, listener, answering = page
    told = answering.done
    slow = "http://x/slow"
    answering.answers.update({slow: Fetched(b"late", None), "http://x/c": Fetched(b"quick", None)})
    seen = []

    def done_but_slow(patience):
        if "QUICK" in shown(pages, listener).values():
            seen.append(shown(pages, listener)[slow])
            answering.tags = answering.tags or [slow]
            return told(patience)
        waits = slow in answering.tags
        answering.tags = [tag for tag in answering.tags if tag != slow]
        assert waits or answering.tags or not seen
        return told(patience)

    answering.done = done_but_slow
    pages.insert([{"word": slow}, {"word": "http://x/c"}])
    assert done(listener) == 2
    assert seen[0] is None
    assert shown(pages, listener)[slow] == "LATE"


def test_CT2_what_does_not_answer_any_more_keeps_its_content_and_is_asked_later(page):
    pages, listener, answering = page
    older(pages.database, 200)
    gone = NotFetched("gone", remedy="ask again")
    answering.answers = dict.fromkeys(answering.answers, gone)
    assert done(listener) + done(listener) == 0
    assert shown(pages, listener) == {"http://x/a": "ONE", "http://x/b": "TWO"}
    asked = len(answering.asked)
    done(listener)
    assert len(answering.asked) == asked


def test_DF1_a_fetched_content_of_a_deleted_row_goes(page):
    pages, listener, _ = page
    pages.delete(id=2)
    pages.delete(id=1)  # another row has its URL
    done(listener)
    db = pages.database
    if db.is_sql:
        with db.read() as connection:
            urls = connection.scalars(sa.select(db.tables.fetched.c.url)).all()
    else:
        urls = [one["_id"] for one in db.ours("fetched").find()]
    assert urls == ["http://x/a"]


def test_a_content_that_is_gone_is_fetched_again_when_a_new_model_needs_it(page):
    pages, listener, _ = page
    drop_fetched(pages.database)
    better = trained(2, 0.9)
    done(listener)
    assert listener.rref == better
    assert shown(pages, listener) == {"http://x/a": "ONE", "http://x/b": "TWO"}


# --- indexes and announcements -----------------------------------------------------------


def test_an_index_on_an_output_is_used_by_the_view(database_url, one):
    words = words_in(database_url, [f"word {n}" for n in range(300)])
    listener = words.listener(shouter(), BEST, on="word", index=["loud", "size"])
    done(listener)
    query = f"SELECT id FROM {listener.views.names[0]} WHERE loud = 'WORD 7!'"
    how = "EXPLAIN" if words.database.is_postgres else "EXPLAIN QUERY PLAN"
    with words.database.read() as connection:
        if words.database.is_postgres:
            connection.exec_driver_sql("SET enable_seqscan = off")
        plan = str(connection.exec_driver_sql(f"{how} {query}").all())
        assert connection.exec_driver_sql(query).all() == [(8,)]
        made = connection.execute(sa.text(_INDEXES[words.database.is_postgres])).scalars().all()
    assert len(made) == 2
    assert "pystore_output_" in plan or not words.database.is_postgres


_INDEXES = {
    True: "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'pystore_output_%'",
    False: "SELECT name FROM sqlite_master WHERE name LIKE 'pystore_output_%'",
}


def test_rows_that_are_ready_are_announced(postgres, one):
    words = words_in(postgres.url, ["a"])
    listener = words.listener(shouter(bad="bad"), BEST, on="word", announce=True)
    listener.install()
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as web:
        web.execute(f'LISTEN "{channel_of("words", "shout")}"')
        words.insert([{"word": "bb"}, {"word": "bad"}])
        done(listener)
        told = [json.loads(one.payload) for one in web.notifies(timeout=60, stop_after=2)]
        assert sorted(key for keys in told if keys for key in keys) == [1, 2]


def test_an_announcement_fits_whatever_the_number_of_rows(postgres):
    db = connect(postgres.url)
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as web:
        web.execute("LISTEN ready")
        with db.write() as connection:
            announce(connection, "ready", [(n, "ü" * 9) for n in range(1000)])
        web.execute("NOTIFY ready, 'over'")
        told = []
        for one in web.notifies(timeout=60):
            assert len(one.payload.encode()) < 8000
            if one.payload == "over":
                break
            told += json.loads(one.payload)
    assert told == [[n, "ü" * 9] for n in range(1000)]


def test_readers_that_are_named_may_read_the_views(postgres, one):
    reader = postgres.role("web")
    words = words_in(postgres.url, ["a"])
    listener = words.listener(shouter(), BEST, on="word", readers=[postgres._roles[-1]])
    assert listener.grants_to_make() == []
    done(listener)
    with connect(reader).read() as connection:
        seen = connection.exec_driver_sql("SELECT loud FROM pystore.words_shout").scalars().all()
    assert seen == ["A!"]
    unnamed = words.listener(shouter(), BEST, on="word", name="unnamed")
    assert unnamed.grants_to_make()[0] == "GRANT USAGE ON SCHEMA pystore TO …"


def test_VW3_readers_go_on_to_read_a_view_that_was_made_anew(postgres, one):
    postgres.role("web")
    words = words_in(postgres.url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    for line in listener.views.grants([postgres._roles[-1]]):
        postgres.execute(line)
    other = words.listener(shouter(outputs={"noisy": str}), BEST, on="word")
    other.install()
    query = f"SELECT has_table_privilege('{postgres._roles[-1]}', 'pystore.words_shout', 'SELECT')"
    assert postgres.execute(query) == [(True,)]
    postgres.execute(f"DROP OWNED BY {postgres._roles[-1]}")


# --- the process -------------------------------------------------------------------------


def test_libraries_leave_a_processor_to_others_unless_somebody_has_said_more(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(4), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    limit_threads()
    import os

    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "7")


def test_metrics_tell_what_is_done(sqlite_url, one, monkeypatch):
    prometheus_client = pytest.importorskip("prometheus_client")
    from pystore.ui.cli.listening_metrics import serve_metrics

    started, start = [], prometheus_client.start_http_server

    def noted(*given, **options):
        started.append(start(*given, **options))

    monkeypatch.setattr(prometheus_client, "start_http_server", noted)
    words = words_in(sqlite_url, ["a", "bb"])
    listener = words.listener(shouter(), BEST, on="word")
    serve_metrics(listener, 0)  # the system chooses a port that nobody has
    [(server, thread)] = started
    done(listener)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "pystore_listener_calls_total 2.0" in text
    assert "pystore_listener_waits 0.0" in text
