"""pystore listen, listeners, db: a listener of a file, from the command line."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from command import PROGRAM, environment, pystore_command

TRAIN = """
from pystore import match_best, output, realize, stage
from pystore.app import predictor
from pystore.db import connect

db = connect("sqlite:///site.db")
people = db.attach("people", name=str)

@stage
def trained(by: int = 1, size=output("by.txt"), score=output("score.txt")):
    size.write_text(str(by))
    score.write_text(str(by))

@predictor(of=trained, outputs={"letters": int})
def count(by, names):
    if any("!" in name for name in names):
        raise ValueError("no name")
    return [{"letters": len(name) * by} for name in names]

@count.load
def load(view):
    return int(view.size.read_text())

listener = people.listener(count, match_best("score.txt"), on="name")

if __name__ == "__main__":
    realize(trained())
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with somebody else's table, and a file that listens to it."""
    with sqlite3.connect(tmp_path / "site.db") as connection:
        connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO people (name) VALUES (?)", [("Ada",), ("Grace",)])
    connection.close()
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return pystore_command(*arguments, cwd=site, PYSTORE_ROOT=str(site / "store"))


def train(site: Path) -> None:
    run(site, "init", "store")
    done = run(site, "run", "train.py:trained")
    assert done.returncode == 0, done.stderr


def rows(site: Path, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(site / "site.db") as connection:
        found = connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
    connection.close()
    return found


def test_once_does_what_is_due_and_ends(site: Path):
    train(site)
    done = run(site, "listen", "train.py:listener", "--once")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [row[:3] for row in rows(site, "people_count")] == [(1, "Ada", 3), (2, "Grace", 5)]


def test_once_ends_with_1_when_rows_fail_for_good(site: Path):
    with sqlite3.connect(site / "site.db") as connection:
        connection.execute("INSERT INTO people (name) VALUES ('Eve')")
        connection.execute("UPDATE people SET name = x'00ff' WHERE name = 'Eve'")
    connection.close()
    train(site)
    done = run(site, "listen", "train.py:listener", "--once")
    assert done.returncode == 1 and "1 row failed for good" in done.stderr
    [(key, error, phase, *_)] = rows(site, "people_count_failed")
    assert (key, phase) == (3, "decode") and "text" in str(error)
    assert [row[2] for row in rows(site, "people_count")] == [3, 5, None]


def test_once_says_that_nothing_is_trained(site: Path):
    done = run(site, "listen", "train.py:listener", "--once")
    assert done.returncode == 2 and "nothing to follow" in done.stderr
    assert "try: train first" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.timeout(120)
def test_CL1_a_signal_ends_it_with_0(site: Path):
    train(site)
    env = environment(PYSTORE_ROOT=str(site / "store"))
    service = subprocess.Popen(
        [*PROGRAM, "listen", "train.py:listener"], cwd=site, env=env, stderr=subprocess.PIPE
    )
    assert service.stderr is not None
    assert service.stderr.readline() == b"listening to people as count\n"
    end = time.monotonic() + 60
    while time.monotonic() < end and [row[2] for row in rows(site, "people_count")] != [3, 5]:
        service.poll()
    alive = json.loads(run(site, "listeners", "sqlite:///site.db", "--json").stdout)
    service.send_signal(signal.SIGTERM)
    assert service.wait(60) == 0, service.stderr.read()
    assert [(one["name"], one["is_alive"], one["rows"]) for one in alive] == [("count", True, 2)]


def test_what_a_pin_names_at_a_remote_is_fetched_and_followed(site: Path):
    train(site)
    ref = run(site, "pin", "serving", "trained@latest").stdout.split()[-1]
    assert run(site, "push", "--pin", "serving", str(site / "far")).returncode == 0
    text = TRAIN.replace('match_best("score.txt"), on="name"', 'pin="serving", on="name"')
    (site / "train.py").write_text(text)
    done = pystore_command(
        "listen", "train.py:listener", "--once", "--from", site / "far",
        cwd=site, PYSTORE_ROOT=str(site / "another"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [row[2:4] for row in rows(site, "people_count")] == [(3, ref), (5, ref)]


def test_CL2_a_snapshot_without_a_name_is_refused(site: Path):
    text = TRAIN.replace("listener = people.listener(count, match_best", "listener = "
                         "people.listener(count, target=trained(by=people.snapshot(x='name')),"
                         " matcher=match_best")  # fmt: skip
    text = text.replace("by: int = 1", "by=1")
    (site / "train.py").write_text(text)
    done = run(site, "listen", "train.py:listener", "--once")
    assert done.returncode == 2 and "a snapshot without a name" in done.stderr
    (site / "train.py").write_text(text.replace("x='name'", "x='name', name='first'"))
    done = run(site, "listen", "train.py:listener", "--once")
    assert done.returncode == 2 and "the snapshot first was not taken yet" in done.stderr


def test_a_late_listener_is_told_by_the_exit_code(site: Path):
    train(site)
    run(site, "listen", "train.py:listener", "--once")
    assert run(site, "listeners", "sqlite:///site.db", "--max-behind", "60").returncode == 0
    with sqlite3.connect(site / "site.db") as connection:
        connection.execute("INSERT INTO people (name) VALUES ('Mary')")
    connection.close()
    done = run(site, "listeners", "sqlite:///site.db", "--max-behind", "60")
    assert (done.returncode, done.stderr) == (1, "behind: count\n")
    assert "1 pending" in done.stdout and "not running" in done.stdout


def test_the_sql_is_printed_installed_and_taken_away(site: Path):
    printed = run(site, "db", "sql", "train.py:listener")
    assert printed.returncode == 0, printed.stderr
    for part in ("CREATE TABLE IF NOT EXISTS pystore_rows_people_name", "CREATE TRIGGER",
                 "CREATE VIEW people_count"):  # fmt: skip
        assert part in printed.stdout.replace('"', ""), part
    assert rows(site, "people") == [(1, "Ada"), (2, "Grace")]
    with sqlite3.connect(site / "site.db") as connection:
        connection.executescript(printed.stdout)  # as its owner would
        before = connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.executescript(run(site, "db", "sql", "train.py:listener", "--remove").stdout)
        left = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        ).fetchall()
    connection.close()
    assert len(before) > 10 and left == []
    assert run(site, "db", "install", "train.py:listener").returncode == 0
    assert "up to date" in run(site, "db", "upgrade", "sqlite:///site.db").stdout


def test_a_listener_that_the_file_has_not_is_named(site: Path):
    done = run(site, "listen", "train.py:other", "--once")
    assert done.returncode == 2 and "no listener of this name" in done.stderr
    assert "listener" in done.stderr


def test_what_was_made_of_a_row_is_listed_and_deleted(site: Path):
    train(site)
    run(site, "listen", "train.py:listener", "--once")
    found = json.loads(run(site, "forget", "train.py:people", "1", "--on", "name", "--json").stdout)
    assert (found["rows"], found["predictions"], found["is_deleted"]) == ([1], 1, False)
    done = run(site, "forget", "train.py:people", found["key"], "--on", "name", "--delete")
    assert done.returncode == 0 and "deleted: predictions 1" in done.stdout
    assert [row[2] for row in rows(site, "people_count")] == [None, 5]
    assert "has no row" in run(site, "forget", "train.py:people", "99", "--on", "name").stderr


def test_a_key_of_digits_is_the_text_that_it_is(site: Path):
    with closing(sqlite3.connect(site / "site.db")) as owner, owner:
        owner.execute("CREATE TABLE codes (id text PRIMARY KEY, name text)")
        owner.execute("INSERT INTO codes VALUES ('7', 'Ann'), ('007', 'Bob')")
    (site / "codes.py").write_text(
        "from pystore.db import connect\n"
        "codes = connect('sqlite:///site.db').attach('codes', name=str)\n"
    )
    run(site, "init", "store")
    how = ("codes.py:codes", "--json", "--on", "name")
    told = [run(site, "forget", *how, key) for key in ("7", "007")]
    assert len({json.loads(one.stdout)["key"] for one in told}) == 2


def test_a_model_that_has_seen_a_forgotten_row_is_shown_so(site: Path):
    of_rows = TRAIN.replace(
        "def trained(", 'def trained(rows=people.snapshot(x="name", name="all"), '
    )
    (site / "train.py").write_text(of_rows)
    run(site, "init", "store")
    environ = environment(PYSTORE_ROOT=str(site / "store"))
    subprocess.run([sys.executable, "train.py"], cwd=site, env=environ, check=True)
    how = ("train.py:people", "2", "--on", "name", "--remote", "nowhere")
    [model] = json.loads(run(site, "forget", *how, "--json").stdout)["models"]
    assert "forgotten" not in run(site, "show", model).stdout
    assert "not looked at: nowhere" in run(site, "forget", *how, "--delete").stdout
    shown = run(site, "show", model).stdout
    assert re.search("forgotten +was made of rows that were forgotten at 2", shown)


@pytest.mark.parametrize("command", [["listeners", "--max-behind", "60"], ["db", "upgrade"]])
def test_a_database_that_is_not_there_is_no_database_where_nothing_is_late(
    site: Path, command: list[str]
) -> None:
    done = run(site, *command, "sqlite:///side.db")
    assert done.returncode != 0
    assert "there is no such database" in done.stderr
    assert not (site / "side.db").exists()
    assert "no listeners" in run(site, "listeners", "sqlite:///site.db").stderr
