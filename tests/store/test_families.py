"""A family is removed as a whole, or it stays and says who needs it."""

import os
import subprocess
import sys

import pytest
from project import importing

from pystore import output, pin, realize, stage, unpin
from pystore.errors import BadName, InUse, NotInStore
from pystore.store.families import remove_family


@stage
def data(n=10, numbers=output("numbers.txt")):
    numbers.write_text("x" * n)


@stage
def train(numbers=data(), rate=1, score=output("score.txt")):
    score.write_text(f"{rate}\n")


@pytest.fixture
def trained(store):
    """Two trainings on one dataset."""
    return [realize(train(rate=rate), store=store) for rate in (1, 2)]


def names(store):
    return sorted(dref.name for dref in store.drefs())


def test_a_dry_run_removes_nothing(store, trained):
    found = remove_family(store, "train")
    assert str(found) == "would remove 2 derivations, 2 realizations, 2 attempts of train"
    assert (found.removed, {*found.realizations}) == (False, {*trained})
    assert names(store) == ["data", "train", "train"]


def test_FA1_a_family_goes_as_a_whole(store, trained):
    found = remove_family(store, "train", dry_run=False)
    assert str(found) == "removed 2 derivations, 2 realizations, 2 attempts of train"
    assert names(store) == ["data"]
    again = realize(train(rate=1), store=store)
    assert [attempt.number for attempt in store.attempts(again.dref)] == [0]


@pytest.mark.parametrize("dry_run", [True, False])
def test_FA1_nothing_goes_while_a_pin_keeps_one_of_it(store, trained, dry_run):
    pin(trained[1], "serving", store=store)
    with pytest.raises(InUse) as caught:
        remove_family(store, "train", dry_run=dry_run)
    assert caught.value.pinned_as == f"serving: {trained[1]}"
    assert caught.value.remedy == "pystore unpin serving"
    assert names(store) == ["data", "train", "train"]
    unpin("serving", store=store)
    assert remove_family(store, "train", dry_run=False).removed


def test_FA1_nothing_goes_while_something_that_stays_was_built_from_it(store, trained):
    with pytest.raises(InUse) as caught:
        remove_family(store, "data", dry_run=False)
    assert all(rref in caught.value.needed_by for rref in trained)
    assert names(store) == ["data", "train", "train"]


@stage
def chain(before=None, length=0, file=output("file.txt")):
    file.write_text(str(length))


def test_FA1_what_was_built_from_others_of_the_family_goes_with_them(store):
    realize(chain(before=chain(before=chain(length=1), length=2), length=3), store=store)
    assert len(remove_family(store, "chain", dry_run=False).drefs) == 3
    assert names(store) == []


def test_FA1_nothing_goes_while_another_process_uses_it(store, trained):
    text = """
import sys
from pystore import Store, view
held = view(sys.argv[2], store=Store(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", text, str(store.root), trained[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=importing(),
    )
    assert child.stdin is not None and child.stdout is not None
    with child:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(InUse) as caught:
            remove_family(store, "train", dry_run=False)
        host = os.uname().nodename
        assert caught.value.used_by == f"process {child.pid} on {host}: {trained[0]}"
        assert names(store) == ["data", "train", "train"]
        child.stdin.close()
    assert remove_family(store, "train", dry_run=False).removed


def test_a_name_that_is_not_there_is_told(store, trained):
    with pytest.raises(NotInStore) as caught:
        remove_family(store, "trian", dry_run=False)
    assert caught.value.there_are == "data, train"
    with pytest.raises(BadName):
        remove_family(store, "no/name", dry_run=False)
