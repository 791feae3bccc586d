"""Listeners beside faults: killed, cut off, refused, and beside owners who change their tables."""

import os
import random
import secrets
import signal
import sqlite3
import threading
import time
import warnings
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from documents import before_each_message, step_before_each_message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from words import BEST, done, in_view, shouter, shown, trained, words_in

import pystore as ps
from pystore.core.errors import PystoreWarning
from pystore.db import connect
from pystore.db.documents import slots
from pystore.db.errors import BadDatabase, BadField, NoPermission
from pystore.db.slots import Slot
from pystore.db.tracking import Mark

pytestmark = pytest.mark.timeout(300)
LONG = bool(os.environ.get("PYSTORE_TEST_LONG"))
PATIENCE = 60.0  # [s]


@pytest.fixture
def one(store) -> ps.RRef:
    return trained(1, 0.5)


def until(holds, patience: float = PATIENCE) -> None:
    """Waits until something holds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def plain(url: str) -> str:
    """The URL as drivers take it."""
    return url.replace("+psycopg", "")


def fork(work) -> int:
    """The pid of a process that does some work, and ends with 0 if all went well."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        warnings.simplefilter("ignore")
        work()
        code = 0
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# --- killed ------------------------------------------------------------------------------


def count_down(database, left: float) -> Counter:
    """Kills this process before that many statements, commits, and their ends."""
    seen: Counter = Counter()

    def step(*_):
        seen["steps"] += 1
        if seen["steps"] > left:
            os.kill(os.getpid(), signal.SIGKILL)

    if not database.is_sql:
        step_before_each_message(step)
        return seen
    for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(database.engine, event, step)
    return seen


def prepared(url: str):
    """A collection that is listened to, with rows to do, and another model to show."""
    ps.pin(trained(1, 0.5), "serving")
    words = words_in(url, [f"word {n}" for n in range(12)])
    listener = words.listener(shouter(), pin="serving", on="word", batch=5)
    done(listener)
    ps.pin(trained(2, 0.9), "serving")
    words.insert([{"word": f"new {n}"} for n in range(7)])
    words.update({"word": "changed"}, id=3)
    words.delete(id=4)
    words.database.close()
    return words, listener


def all_is_right(words, listener) -> None:
    outputs = shown(words, listener)
    assert outputs == {word: f"{word.upper()}!!" for word in outputs}
    assert len(outputs) == 18
    if not words.database.is_sql:
        assert words.database.ours("predictions").count_documents({"open": 1}) == 0
        assert listener.tracking.rows.count_documents({"key": None}) == 0
        return
    made, state = words.database.tables.predictions, listener.tracking.state
    with words.database.read() as connection:
        waiting = sa.select(made).where(made.c.value.is_(None))
        assert connection.execute(waiting).all() == []
        assert connection.execute(sa.select(state).where(state.c.key.is_(None))).all() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mongodb"])
def test_FI1_a_listener_killed_at_any_moment_leaves_one_prediction_a_row(
    kind, request, tmp_path, store, one, monkeypatch
):
    """Each kill is followed by a start: nothing is lost, nothing is stale, nothing is left."""
    url = f"sqlite:///{tmp_path}/0.db" if kind == "sqlite" else None
    fresh = request.getfixturevalue("postgres") if kind == "postgresql" else None
    documents = request.getfixturevalue("mongodb_url") if kind == "mongodb" else None
    monkeypatch.setattr("pystore.db.documents.slots._LEASE", 0.4)
    numbers = iter(range(1000))

    def database() -> str:
        number = next(numbers)
        if documents is not None:
            return f"{documents}_{number}"
        if fresh is None:
            return str(url).replace("0.db", f"{number}.db")
        if number:
            fresh.execute("DROP SCHEMA IF EXISTS pystore CASCADE")
            fresh.execute("DROP TABLE IF EXISTS words")
        return fresh.url

    def run_killed(left: float) -> int:
        words, listener = prepared(database())

        def work():
            seen = count_down(words.database, left)
            done(listener)
            (tmp_path / "steps").write_text(str(seen["steps"]))

        code = ended(fork(work))
        done(listener)
        all_is_right(words, listener)
        words.database.close()
        return code

    assert run_killed(float("inf")) == 0
    steps = int((tmp_path / "steps").read_text())
    count = 50 if LONG else 12
    points = random.Random(7).sample(range(steps * 9 // 10), count)
    assert {run_killed(point) for point in points} == {-signal.SIGKILL}


def test_SL1_what_a_killed_process_had_claimed_is_free_at_once(database_url, one):
    words = words_in(database_url, ["a"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    words.database.close()

    def claim_and_die():
        with closing(Slot(words.database, listener.source.name)):  # another process has the first
            slot = Slot(words.database, listener.source.name)
            with words.database.write() as connection:
                connection.exec_driver_sql("INSERT INTO words (word) VALUES ('b')")
                assert len(listener.tracking.claim(connection, 10, slot.number)) == 1
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(fork(claim_and_die)) == -signal.SIGKILL
    began = time.time()
    with listener.start():
        listener.wait(PATIENCE)
    assert shown(words, listener) == {"a": "A!", "b": "B!"}
    assert time.time() - began < 30  # its claim would have ended after a minute


# --- beside others -----------------------------------------------------------------------


def listen_until_stopped(words, told: Path) -> None:
    """Listens until SIGTERM, and tells how many rows the models were asked about."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    listener = words.listener(shouter(), BEST, on="word", batch=20)
    listener.install()
    listener.run(stop)
    told.write_text(str(listener.calls))


def write_words(url: str, name: str, count: int) -> None:
    """Inserts words, in transactions that begin with a write, and changes some in any order."""
    chance = random.Random(name)
    if url.startswith("mongodb"):
        write_documents(url, name, count)
        return
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)
        mark = "?"
    else:
        connection = psycopg.connect(plain(url))
        mark = "%s"
    mine: list[int] = []
    for at in range(0, count, 10):
        for n in range(at, at + 10):
            cursor = connection.execute(
                f"INSERT INTO words (word, note) VALUES ({mark}, '-') RETURNING id",
                (f"{name} {n}",),
            )
            mine.append(cursor.fetchone()[0])
        for pk in chance.sample(mine, min(4, len(mine))):
            sql = f"UPDATE words SET note = note || '+' WHERE id = {mark}"
            connection.execute(sql, (pk,))
        connection.commit()
    connection.close()


def write_documents(url: str, name: str, count: int) -> None:
    """The same, where each statement is seen at once."""
    chance, mine = random.Random(name), []
    words = words_in(url)
    for at in range(0, count, 10):
        new = [{"word": f"{name} {n}", "note": "-"} for n in range(at, at + 10)]
        mine += words.insert(new)
        for pk in chance.sample(mine, 4):
            words.update({"note": f"changed {at}"}, id=pk)
    words.database.close()


def test_two_listeners_and_two_writers_lose_nothing_and_waste_nothing(database_url, one, tmp_path):
    words = words_in(database_url)
    words.insert([{"word": "first", "note": "-"}])
    done(words.listener(shouter(), BEST, on="word"))
    words.database.close()
    told = [tmp_path / "calls 0", tmp_path / "calls 1"]
    listeners = [fork(lambda path=path: listen_until_stopped(words, path)) for path in told]
    writers = [fork(lambda name=name: write_words(database_url, name, 500)) for name in ("x", "y")]
    assert [ended(pid) for pid in writers] == [0, 0]
    watch = words.listener(shouter(), BEST, on="word")
    until(lambda: None not in shown(words, watch).values())
    for pid in listeners:
        os.kill(pid, signal.SIGTERM)
    assert [ended(pid) for pid in listeners] == [0, 0]
    outputs = shown(words, watch)
    assert len(outputs) == 1001
    assert outputs == {word: f"{word.upper()}!" for word in outputs}
    assert sum(int(path.read_text()) for path in told) <= 1000 * 1.01


def test_TK2_a_row_that_its_writer_holds_is_left_alone_and_no_other_waits(postgres, one):
    """The writer holds one row, and wants others next: a listener that waits could fail it."""
    words = words_in(postgres.url, ["a", "b", "c"])
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    with psycopg.connect(plain(postgres.url)) as writer:
        words.update({"word": "a2"}, id=1)
        words.update({"word": "c2"}, id=3)
        with words.database.write() as connection:
            claims = listener.tracking.claim(connection, 10, 0)
        writer.execute("UPDATE words SET word = 'c3' WHERE id = 3")
        marks = [Mark.done(claim, listener.source.key((f"{claim.pk[0]}",))) for claim in claims]
        with words.database.write() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '1ms'"))
            left = listener.tracking.mark(connection, marks)
            assert [mark.claim.pk for mark in left] == [(3,)]
            assert listener.tracking.redo(connection, [(3,)]) == 0
            assert listener.tracking.retry(connection) == 0
        writer.rollback()
        with words.database.write() as connection:
            assert listener.tracking.mark(connection, left) == []


def test_writers_who_change_rows_in_any_order_are_never_told_of_a_deadlock(postgres, one):
    words = words_in(postgres.url, [f"word {n}" for n in range(40)])
    done(words.listener(shouter(), BEST, on="word"))
    words.database.close()
    told = []
    over = threading.Event()

    def write(name: int) -> None:
        chance = random.Random(name)
        mine = list(range(1 + 20 * name, 21 + 20 * name))
        with psycopg.connect(plain(postgres.url)) as connection:
            connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
            for turn in range(60):
                for pk in chance.sample(mine, 6):
                    word = f"{name} {turn} {pk}"
                    connection.execute("UPDATE words SET word = %s WHERE id = %s", (word, pk))
                connection.commit()

    writers = [threading.Thread(target=write, args=(name,)) for name in range(2)]
    with words.listen(shouter(), BEST, on="word", every=0.02, batch=7) as listener:
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            listener.reconcile()
        over.set()
        listener.wait(PATIENCE)
        outputs = shown(words, listener)
    assert told == []
    assert outputs == {word: f"{word.upper()}!" for word in outputs}


# --- the server, and what is refused -----------------------------------------------------


def test_WK1_a_restarted_server_and_cut_connections_stop_nothing(postgres, one):
    words = words_in(postgres.url, ["a"])
    with warnings.catch_warnings(), words.listen(shouter(), BEST, on="word") as listener:
        warnings.simplefilter("ignore", PystoreWarning)
        listener.wait(PATIENCE)
        for word, crash in (("bb", False), ("ccc", True)):
            postgres.server.restart(crash=crash)
            postgres.execute(f"INSERT INTO words (word) VALUES ('{word}')")
            until(lambda word=word: _reads(postgres, word) == f"{word.upper()}!")
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        postgres.execute("INSERT INTO words (word) VALUES ('dddd')")
        until(lambda: _reads(postgres, "dddd") == "DDDD!")
        assert listener.is_running


def _reads(postgres, word: str) -> str | None:
    """What a reader sees now for a word."""
    query = f"SELECT loud FROM pystore.words_shout JOIN words USING (id) WHERE word = '{word}'"
    rows = postgres.execute(query)
    return rows[0][0] if rows else None


def test_WK1_a_file_that_others_have_locked_stops_nothing(sqlite_url, one, monkeypatch):
    monkeypatch.setattr("pystore.db.connections._PATIENCE", 0.05)
    words = words_in(sqlite_url, ["a"])
    with warnings.catch_warnings(), words.listen(shouter(), BEST, on="word") as listener:
        warnings.simplefilter("ignore", PystoreWarning)
        listener.wait(PATIENCE)
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: listener.note is not None)
            assert "locked" in listener.note
            other.execute("INSERT INTO words (word) VALUES ('bb')")
        until(lambda: shown(words, listener).get("bb") == "BB!")


def test_WK1_a_store_that_is_away_stops_nothing(database_url, one, store):
    words = words_in(database_url, ["a"])
    away = store.root.with_name("away")
    with words.listen(shouter(), BEST, on="word", every=0.02) as listener:
        listener.wait(PATIENCE)
        store.root.rename(away)
        words.insert([{"word": "bb"}])
        until(lambda: shown(words, listener).get("bb") == "BB!")
        away.rename(store.root)
        better = trained(2, 0.9)
        until(lambda: listener.rref == better)


def test_SL2_a_pooler_that_gives_each_transaction_a_server_is_refused(postgres, one, monkeypatch):
    backends = iter(range(1000))
    monkeypatch.setattr("pystore.db.slots.backend_of", lambda execute: next(backends))
    words = words_in(postgres.url, ["a"])
    with pytest.raises(BadDatabase, match="pooler"):
        done(words.listener(shouter(), BEST, on="word"))


def test_SL3_a_listener_has_two_connections(postgres, one):
    words = words_in(postgres.url, ["a"], guess=str)
    words.database.close()
    fresh = connect(postgres.url).attach("words", word=str)
    listener = fresh.listener(
        shouter(), BEST, on="word", write_back={"loud": "guess"}, on_delete="forget"
    )
    listener.start()
    for number in range(5):
        postgres.execute(f"INSERT INTO words (word) VALUES ('word {number}')")
        listener.wait(60)
    listener.stop()
    fresh.database.close()  # who waits has a connection of his own
    listener.start()
    postgres.execute("INSERT INTO words (word) VALUES ('last')")
    read = "SELECT guess FROM words ORDER BY id DESC LIMIT 1"
    while postgres.execute(read) != [("LAST!",)]:
        assert listener.is_running
    # The server itself works in a database now and then, and ends a session after its client has.
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    until(lambda: postgres.execute(count) == [(2,)])
    listener.stop()
    fresh.database.close()


# --- what an owner does ------------------------------------------------------------------

SITE = "CREATE TABLE site (id integer PRIMARY KEY, word text, record json, note varchar(20))"


@pytest.fixture
def site(postgres, one):
    """A table of somebody else, its listener at work, and what its owner was told."""
    postgres.execute(SITE)
    postgres.execute("INSERT INTO site SELECT n, 'word ' || n FROM generate_series(1, 5) AS n")
    table = connect(postgres.url).attach("site", word=str)
    listener = table.listener(shouter(), BEST, on="word", name="loud")
    done(listener)
    yield listener
    listener.database.close()


def loud(postgres) -> dict[str, str | None]:
    """What readers see now."""
    return dict(
        postgres.execute(
            "SELECT s.word, v.loud FROM site AS s JOIN pystore.site_loud AS v USING (id)"
        )
    )


def right(postgres) -> bool:
    outputs = loud(postgres)
    count = postgres.execute("SELECT count(*) FROM site")[0][0]
    return len(outputs) == count and all(v == f"{k.upper()}!" for k, v in outputs.items())


def met(listener) -> str:
    """What reconcile says; then the listener does what is due."""
    told = str(listener.reconcile())
    done(listener)
    return told


def test_TG1_IS2_dropped_tables_fail_no_write_and_are_made_again(postgres, site):
    for name in ("rows_site_word", "predictions", "listeners", "models"):
        postgres.execute(f"DROP TABLE pystore.{name} CASCADE")
    postgres.execute("INSERT INTO site VALUES (6, 'six')")
    postgres.execute("UPDATE site SET word = 'new' WHERE id = 1")
    postgres.execute("DELETE FROM site WHERE id = 2")
    postgres.execute("TRUNCATE site")
    postgres.execute("INSERT INTO site VALUES (7, 'seven')")
    assert "were gone: models, listeners, predictions" in met(site)
    assert right(postgres)
    postgres.execute("DROP SCHEMA pystore CASCADE")
    postgres.execute("INSERT INTO site VALUES (8, 'eight')")
    assert "were gone" in met(site)
    assert right(postgres)


def test_WK2_a_listener_at_work_goes_on_when_its_tables_are_dropped(postgres, site):
    with warnings.catch_warnings(), site.start():
        warnings.simplefilter("ignore", PystoreWarning)
        site.wait(PATIENCE)
        until(lambda: _is_dropped(postgres))
        postgres.execute("INSERT INTO site VALUES (8, 'eight')")
        until(lambda: _there(postgres) and right(postgres))


def _is_dropped(postgres) -> bool:
    """Drops the tables, unless the server takes this for the one to end of two that wait."""
    try:
        postgres.execute("DROP SCHEMA IF EXISTS pystore CASCADE")
    except psycopg.errors.DeadlockDetected:
        return False
    return True


def _there(postgres) -> bool:
    return postgres.execute("SELECT to_regclass('pystore.site_loud')")[0][0] is not None


def test_TG1_a_writer_whose_rights_are_few_is_told_of_nothing(postgres, site):
    url = postgres.role("web", "INSERT ON site")
    with psycopg.connect(plain(url)) as writer:
        writer.execute("INSERT INTO site VALUES (6, 'six')")
    assert done(site) == 1
    assert right(postgres)


def test_TG1_IS3_revoked_rights_fail_no_write_and_are_told(postgres, site):
    role = postgres.role(
        "listens", "CREATE ON DATABASE " + postgres._name, "SELECT, TRIGGER ON site"
    )
    postgres.execute("DROP SCHEMA pystore CASCADE")
    name = role.split("//")[1].split(":")[0]
    mine = connect(role).attach("site", word=str).listener(shouter(), BEST, on="word", name="loud")
    assert done(mine) == 5
    assert right(postgres)
    postgres.execute(f"REVOKE SELECT, TRIGGER ON site FROM {name}")
    postgres.execute("INSERT INTO site VALUES (6, 'six')")
    with pytest.raises(NoPermission, match="refuses"):
        done(mine)
    postgres.execute("ALTER SCHEMA pystore OWNER TO postgres")
    postgres.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA pystore FROM {name}")
    postgres.execute("INSERT INTO site VALUES (7, 'seven')")
    mine.database.close()
    postgres.execute(f"DROP OWNED BY {name} CASCADE")
    postgres.execute("INSERT INTO site VALUES (8, 'eight')")


def test_IS3_without_the_right_to_make_triggers_it_says_what_to_grant(postgres, one):
    postgres.execute(SITE)
    postgres.execute("INSERT INTO site VALUES (1, 'a')")
    url = postgres.role("looks", "CREATE ON DATABASE " + postgres._name, "SELECT ON site")
    site = connect(url).attach("site", word=str)
    with pytest.raises(NoPermission) as error:
        done(site.listener(shouter(), BEST, on="word"))
    assert 'GRANT SELECT, TRIGGER ON "site" TO' in str(error.value)
    assert "triggers=False" in str(error.value)
    assert done(site.listener(shouter(), BEST, on="word", triggers=False)) == 1
    site.database.close()
    postgres.execute(f"DROP OWNED BY {postgres._roles[-1]} CASCADE")


def test_VW2_a_reader_with_rights_on_our_view_only_reads_it(postgres, site):
    reader = postgres.role("reads")
    site.views._readers = (postgres._roles[-1],)
    done(site)
    with psycopg.connect(plain(reader)) as connection:
        assert (
            len(connection.execute("SELECT id, loud, model FROM pystore.site_loud").fetchall()) == 5
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM site")


ALTERED = {
    "another type of what is listened to": "ALTER TABLE site ALTER word TYPE varchar(200)",
    "a longer key": "ALTER TABLE site ALTER id TYPE bigint",
    "another column is gone": "ALTER TABLE site DROP COLUMN note",
    "another column is renamed": "ALTER TABLE site RENAME note TO remark",
    "the key is a text": "ALTER TABLE site ALTER id TYPE text",
    "the key has another name": "ALTER TABLE site RENAME id TO number",
}


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
def test_VW2_IS2_the_owner_alters_the_table(postgres, site, statement):
    key = "number" if "number" in statement else "id"
    with psycopg.connect(plain(postgres.url), autocommit=True) as owner:
        owner.execute("UPDATE site SET word = 'warm' WHERE id = 1")  # its session has a plan
        owner.execute(statement)
        owner.execute(f"INSERT INTO site ({key}, word) VALUES (6, 'six')")
        owner.execute("UPDATE site SET word = 'changed' WHERE word = 'word 2'")
        owner.execute("DELETE FROM site WHERE word = 'word 3'")
        if "bigint" in statement:
            owner.execute("INSERT INTO site (id, word) VALUES (5000000000, 'large')")
    told = met(site)
    if "text" in statement or "number" in statement:
        assert "the key of site has become" in told
    if key == "number":
        postgres.execute("ALTER TABLE site RENAME number TO id")
        met(site)
    assert right(postgres)


@pytest.mark.parametrize(
    ("statement", "back", "error"),
    [
        ("ALTER TABLE site RENAME word TO term", "ALTER TABLE site RENAME term TO word", BadField),
        ("ALTER TABLE site RENAME TO place", "ALTER TABLE place RENAME TO site", BadDatabase),
    ],
)
def test_WK2_what_is_listened_to_has_another_name(postgres, site, statement, back, error):
    with warnings.catch_warnings(), site.start():
        warnings.simplefilter("ignore", PystoreWarning)
        site.wait(PATIENCE)
        postgres.execute(statement)
        name = "place" if "place" in statement else "site"
        postgres.execute(f"INSERT INTO {name} VALUES (6, 'six')")
        postgres.execute(f"UPDATE {name} SET note = 'x' WHERE id = 1")
        with pytest.raises(error):
            site.reconcile()
        until(lambda: site.note is not None)
        postgres.execute(back)
        until(lambda: right(postgres))


def test_a_dropped_column_that_is_listened_to_is_told(postgres, site):
    postgres.execute("ALTER TABLE site DROP COLUMN word")
    postgres.execute("INSERT INTO site (id) VALUES (6)")
    with pytest.raises(BadField, match="no column word"):
        site.reconcile()


def test_truncate_takes_all_entries(postgres, site):
    postgres.execute("TRUNCATE site")
    postgres.execute("INSERT INTO site VALUES (1, 'word 1')")
    assert done(site) == 0
    assert loud(postgres) == {"word 1": "WORD 1!"}


def test_IS2_RK1_rows_that_were_restored_while_triggers_were_off_are_looked_at(postgres, site):
    with psycopg.connect(plain(postgres.url)) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("TRUNCATE site")
        owner.execute("INSERT INTO site VALUES (1, 'restored'), (2, 'word 2'), (9, 'nine')")
    told = met(site)
    assert "was restored or rewritten" in told
    assert "1 row without an entry; 3 rows gone" in told
    assert right(postgres)


def test_IS1_a_writer_who_is_open_for_long_holds_up_nobody_else(postgres, one, monkeypatch):
    monkeypatch.setattr("pystore.db.installation._TRIES", 3)
    postgres.execute(SITE)
    table = connect(postgres.url).attach("site", word=str)
    with psycopg.connect(plain(postgres.url)) as slow:
        slow.execute("INSERT INTO site VALUES (1, 'a')")
        installation = table.listener(shouter(), BEST, on="word").installation
        installation._tries = 3
        with pytest.raises(BadDatabase, match="is locked by somebody"):
            installation.install()
        postgres.execute("INSERT INTO site VALUES (2, 'bb')")
    installation._tries = 60
    assert installation.install().added == 2


# --- whatever happens in turn ------------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "c", "d", None])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), WORDS),
        st.tuples(st.just("update"), st.integers(1, 6), WORDS),
        st.tuples(st.just("delete"), st.integers(1, 6)),
        st.tuples(st.just("move"), st.integers(1, 6)),
        st.tuples(st.just("train"), st.integers(1, 3), st.sampled_from([0.1, 0.5, 0.9])),
        st.tuples(st.just("work")),
        st.tuples(st.just("crash"), st.integers(1, 25)),
    ),
    max_size=12,
)


class Crash(BaseException):
    """The end of a process, between two of its statements."""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mongodb"])
@settings(
    max_examples=150 if LONG else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_FI1_TK1_the_view_is_a_fold_over_the_rows(
    kind, request, tmp_path_factory, store, monkeypatch, steps
):
    """Whatever is done to rows and models in whatever order, and wherever a process ends."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('fold')}/test.db"
    elif kind == "mongodb":
        monkeypatch.setattr(slots, "_LEASE", 0.4)
        url = f"{request.getfixturevalue('mongodb_url')}_{secrets.token_hex(4)}"
    else:
        postgres = request.getfixturevalue("postgres")
        postgres.execute("DROP SCHEMA IF EXISTS pystore CASCADE")
        postgres.execute("DROP TABLE IF EXISTS words")
        url = postgres.url
    trained(1, 0.3)
    words = words_in(url, ["a"])
    rows: dict[int, str | None] = {1: "a"}
    for step in steps:
        match step:
            case ("insert", word):
                [pk] = words.insert([{"word": word}])
                rows[pk] = word
            case ("update", pk, word) if pk in rows:
                words.update({"word": word}, id=pk)
                rows[pk] = word
            case ("delete", pk) if pk in rows:
                words.delete(id=pk)
                del rows[pk]
            case ("move", pk) if pk in rows and kind != "mongodb":
                with words.database.write() as connection:
                    connection.exec_driver_sql(f"UPDATE words SET id = {pk + 100} WHERE id = {pk}")
                rows[pk + 100] = rows.pop(pk)
            case ("train", width, score):
                trained(width, score)
            case ("work",):
                done(words.listener(shouter(), BEST, on="word", batch=2))
            case ("crash", left):
                crash(url, left)
    listener = words.listener(shouter(), BEST, on="word")
    done(listener)
    marks = "!" * ps.view(listener.rref).width
    seen = {row["id"]: row["loud"] for row in in_view(words, listener)}
    assert seen == {pk: word and word.upper() + marks for pk, word in rows.items()}
    words.database.close()


def crash(url: str, left: int) -> None:
    """Works until that many statements, and is gone, with its claims left behind."""
    words = words_in(url)
    count = {"left": left}

    def step(*_):
        count["left"] -= 1
        if count["left"] == 0:
            raise Crash

    is_sql = words.database.is_sql
    if is_sql:
        sa.event.listen(words.database.engine, "before_cursor_execute", step)
    try:
        with nullcontext() if is_sql else before_each_message(step):
            done(words.listener(shouter(), BEST, on="word", batch=2))
    except Crash:
        pass
    finally:
        words.database.close()
