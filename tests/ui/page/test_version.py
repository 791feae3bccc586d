"""Whether anything has changed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from project import importing

from pystore import (
    Build,
    Derivation,
    RRef,
    Store,
    build_outpath,
    match_latest,
    note,
    pin,
    realize,
    reject,
    rmref,
    tag,
    unpin,
    untag,
)
from pystore.store.changes import FINE
from pystore.ui.page.version import Version


def _write(b: Build) -> None:
    (build_outpath(b) / "out.txt").write_text("1")


STAGE = Derivation({"name": "stage"}, match_latest(), _write)
OTHER = Derivation({"name": "other"}, match_latest(), _write)
CHANGES: dict[str, Callable[[RRef], object]] = {
    "an attempt": lambda made: realize(STAGE, force_rebuild=True),
    "a derivation": lambda made: realize(OTHER),
    "a pin": lambda made: pin(made, "another"),
    "a pin less": lambda made: unpin("kept"),
    "a note": lambda made: note(made, "look"),
    "a tag": lambda made: tag(made, "new"),
    "a tag less": lambda made: untag(made, "old"),
    "a verdict": lambda made: reject(made, "leak"),
    "a removal": lambda made: (unpin("kept"), rmref(made)),
}
PROGRAM = """
import sys, time
from pystore import *
def told(b):
    build_metric(b, "loss", 1.0, step=0)
    print("begun", flush=True)
    for line in sys.stdin:
        build_metric(b, "loss", 0.5, step=1)
        print("told", flush=True)
with Store(sys.argv[1], durable=False).use():
    realize(Derivation({"name": "running"}, match_latest(), told))
"""


def settled(version: Version) -> str:
    """The version when the tick of the disk's clock is over."""
    before, now = "", version.now()
    while now != before:
        time.sleep(FINE)
        before, now = now, version.now()
    return now


@pytest.mark.parametrize("name", CHANGES)
def test_YV1_YV2_it_stays_until_something_changes(store: Store, name: str):
    made = realize(STAGE)
    pin(made, "kept")
    tag(made, "old")
    version = Version(store)
    before = settled(version)
    assert version.now() == before
    CHANGES[name](made)
    assert version.now() != before


def test_YV1_what_a_running_attempt_tells_and_its_death_are_changes(store: Store, tmp_path: Path):
    """No folder changes then."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    running = subprocess.Popen(
        [sys.executable, program, store.root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=importing(),
    )
    assert running.stdin and running.stdout
    assert running.stdout.readline() == "begun\n"
    version = Version(store)
    before = settled(version)
    running.stdin.write("\n")
    running.stdin.flush()
    assert running.stdout.readline() == "told\n"
    heard = settled(version)
    assert heard != before
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert version.now() != heard


def test_YV1_another_process_has_another_version(store: Store):
    realize(STAGE)
    assert settled(Version(store)) != settled(Version(store))
