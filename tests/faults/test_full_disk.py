"""A disk that is full: no training is lost (S6), and a listener beside it goes on (WK1)."""

import errno
import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import oracle
import pytest
from figures import figure
from project import importing
from small_disk import fill_up, small_disk

import pystore as ps
from pystore import Derivation, match_latest
from pystore.app import in_use
from pystore.store import verdicts
from pystore.store.gc import collect


@pytest.fixture
def small(tmp_path: Path):
    """A file system of one mebibyte, and few files."""
    with small_disk(tmp_path / "mount", "nr_inodes=400") as mount:
        yield mount


def fill(b: ps.Build) -> None:
    """Leaves not a byte for the commit."""
    (b.outpath / "weights.bin").write_bytes(b"w" * 100_000)
    fill_up(b.outpath.parents[3] / "ballast")


def test_S6_a_commit_refused_by_a_full_disk_can_be_tried_again(small):
    store = ps.Store(small / "store")
    target = Derivation({"name": "long"}, match_latest(), fill)
    with pytest.raises(OSError) as caught:
        ps.realize(target, store=store)
    assert caught.value.errno == errno.ENOSPC
    (note,) = [n for n in caught.value.__notes__ if "is kept in" in n]
    (small / "ballast").unlink()
    rref = ps.commit(note.rpartition(" ")[2], store=store)
    assert (store.path(rref) / "weights.bin").stat().st_size == 100_000
    assert ps.realize(target, store=store) == rref
    collect(store, [rref], dry_run=False)
    assert oracle.unsound(small / "store") == []
    figure("disk full at the commit, then freed", "commit(staging) loses nothing", "committed")


# --- a listener whose store is on such a disk, and whose database is elsewhere

LISTENING = """
import errno, os
import pystore as ps
from pystore.app import predictor
from pystore.db import connect

@ps.stage
def fitted(score: float = 0.5, out=ps.output("score.txt")):
    out.write_text(f"{score}\\n")

@predictor(of=fitted, outputs={"size": int})
def count(model, words):
    return [{"size": len(word)} for word in words]

@count.load
def load(view):
    if os.path.exists("no-room"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return view

words = connect("sqlite:///words.db").collection("words", word=str)
listener = words.listener(count, ps.match_best("score.txt"), on="word", every=0.05)
"""


@pytest.fixture
def listening(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A program that listens, loaded as a module, with a row and a model; its store is current."""
    (tmp_path / "words_of_full_disk.py").write_text(LISTENING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("words_of_full_disk")
    del sys.modules["words_of_full_disk"]
    with ps.Store(small / "store").use():
        module.words.insert([{"word": "a"}])
        ps.realize(module.fitted(), progress=False)
        yield module


def full(mount: Path) -> list[Path]:
    """Leaves neither bytes nor room for names; returns what to remove."""
    ballast, made = mount / "ballast", []
    fill_up(ballast)
    try:
        while True:
            (mount / f"empty{len(made)}").touch()
            made.append(mount / f"empty{len(made)}")
    except OSError as error:
        assert error.errno == errno.ENOSPC
    return [ballast, *made]


def until(holds: Callable[[], bool], goes_on: Callable[[], bool]) -> None:
    """Waits until something holds, as long as something else goes on."""
    while not holds():
        assert goes_on()
        time.sleep(0.02)


@pytest.mark.timeout(300)
def test_WK1_US1_a_listener_at_work_beside_a_full_store_goes_on_and_says_so(small, listening):
    words, listener = listening.words, listening.listener
    better = ps.realize(listening.fitted(0.9), progress=False)
    ps.reject(better, "not yet")
    listener.start()
    listener.wait(60)
    verdicts.lift(str(next((small / "store").glob("drv/*-fitted/attempts"))), better, "rejected")
    ballast = full(small)
    words.insert([{"word": "bb"}])
    until(lambda: "No space left" in (listener.note or ""), lambda: listener.is_running)
    until(lambda: words.find_one(id=2)["_outputs"] != {}, lambda: listener.is_running)
    for path in ballast:
        path.unlink()
    until(lambda: listener.note is None, lambda: listener.is_running)
    listener.wait(60)
    assert listener.rref == better and {*ps.pins().values()} == {better}
    assert [row["_outputs"] for row in words.find()] == [{"count": {"size": n}} for n in (1, 2)]
    listener.remove()
    assert oracle.unsound(small / "store") == []


@pytest.mark.timeout(300)
def test_WK1_a_listener_that_starts_beside_a_full_store_waits_for_room(small, listening, tmp_path):
    ballast = full(small)
    service = subprocess.Popen(
        [sys.executable, "-m", "pystore", "listen", "words_of_full_disk.py:listener"],
        cwd=tmp_path,
        env={**importing(), "PYSTORE_ROOT": str(small / "store")},
    )
    db, goes_on = listening.words.database, lambda: service.poll() is None
    until(lambda: "No space left" in str(db.show().to_dict()["listeners"]), goes_on)
    for path in ballast:
        path.unlink()
    until(lambda: listening.words.find_one()["_outputs"] == {"count": {"size": 1}}, goes_on)
    service.terminate()
    assert service.wait() == 0
    figure("store's disk full beside a listener", "says so, loses nothing, goes on", "as it should")


@pytest.mark.timeout(300)
def test_US1_a_model_that_cannot_be_loaded_for_want_of_room_is_not_passed_over(
    small, listening, monkeypatch, tmp_path
):
    monkeypatch.setattr(in_use, "_LATER", 0.05)
    no_room = tmp_path / "no-room"
    no_room.touch()
    listener = listening.listener.start()
    until(lambda: "is not taken yet" in (listener.note or ""), lambda: listener.is_running)
    no_room.unlink()
    listener.wait(60)
    assert listener.rref is not None and listener.note is None
    listener.remove()
