"""Pushes that die: a reader misses what is not there yet, and the next push completes it."""

import os
import shutil
import signal

import builders
import pytest
from figures import figure
from scenarios import score

from pystore import Store, pull, push, realize, verify
from pystore.errors import NotInStore
from pystore.store.remote.place import FolderPlace

WRITE = FolderPlace.write


def killing(at: int, after: bool):
    """A `write` of a place that kills its process at the `at`-th object."""
    left = [at]

    def write(self, name, content):
        left[0] -= 1
        if after or left[0]:
            WRITE(self, name, content)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    return write


@pytest.fixture
def theirs(tmp_path):
    store = Store(tmp_path / "theirs", durable=False)
    return store, realize(score, store=store)


def objects(store, rref, place, monkeypatch):
    """How many objects a push writes."""
    names = []
    monkeypatch.setattr(FolderPlace, "write", lambda s, n, c: (names.append(n), WRITE(s, n, c)))
    push(rref, place, store=store)
    monkeypatch.undo()
    shutil.rmtree(place)
    return len(names)


def test_a_push_that_is_killed_at_any_object_is_completed_by_the_next(
    theirs, tmp_path, monkeypatch
):
    store, rref = theirs
    total, points = objects(store, rref, tmp_path / "lab", monkeypatch), 0
    for at in range(1, total + 1):
        for after in (False, True):
            place = tmp_path / f"lab-{at}-{after}"

            def die(place=place, at=at, after=after):
                FolderPlace.write, FolderPlace.workers = killing(at, after), 1
                push(rref, place, store=store)

            _, status = os.waitpid(builders.fork(die), 0)
            assert os.WTERMSIG(status) == signal.SIGKILL
            points += 1
            half = Store(tmp_path / f"half-{at}-{after}", durable=False)
            if (at, after) != (total, True):
                with pytest.raises(NotInStore):
                    pull(rref, place, store=half)
            assert verify(half).sound
            push(rref, place, store=store)
            pull(rref, place, store=half)
            assert verify(half).sound
            assert realize(score, store=half, build=False) == rref
    figure(
        "kill -9 before and after every object of a push",
        "0 wrong at a reader; the next push completes",
        f"{points} points: 0 wrong, all completed",
    )
