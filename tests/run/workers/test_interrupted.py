"""Ctrl-C in a terminal: what runs may finish; again, and it is stopped."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import deeds
import pexpect
import pytest
from fifos import Fifo, gone

from pystore import realize, verify
from pystore.errors import Interrupted

INTERRUPTED = """
import os, signal, sys
def hear(*facts):
    os.write(1, b"heard")
    signal.default_int_handler(*facts)
signal.signal(signal.SIGINT, hear)
sys.path.insert(0, sys.argv[1])
import deeds
from pystore import Store, realize
store, fifos = Store(sys.argv[2], durable=False), sys.argv[3:]
targets = [deeds.waits(str(n), fifos[2 * n], fifos[2 * n + 1]) for n in range(2)]
print("ready", flush=True)
realize([*targets, *(deeds.number(n) for n in range(100))], store=store, workers=2)
"""


class Terminal:
    """A terminal in which two stages run, and many more are to follow."""

    def __init__(self, place: Path, fifo: Callable[[str], Fifo]) -> None:
        ups, self.downs = [[fifo(f"{way}-{n}") for n in range(2)] for way in ("up", "down")]
        fifos = [f.path for pair in zip(ups, self.downs, strict=True) for f in pair]
        arguments = ["-c", INTERRUPTED, str(Path(deeds.__file__).parent), str(place), *fifos]
        self.program = pexpect.spawn(sys.executable, arguments, timeout=30, encoding="utf-8")
        self.pids = [pid for up in ups for pid in up.heard()]

    def says(self) -> str:
        """All that it says until its end."""
        text = self.program.read()
        self.program.close()
        assert gone(*self.pids)
        return text


@pytest.fixture
def terminal(tmp_path, fifo):
    return Terminal(tmp_path / "store", fifo)


def outcomes(store):
    return [(dref.name, a.outcome) for dref in store.drefs() for a in store.attempts(dref)]


def test_ctrl_c_lets_what_runs_finish_and_starts_nothing_new(terminal, store):
    terminal.program.sendintr()
    terminal.program.expect("heard")
    for down in terminal.downs:
        down.say()
    assert "KeyboardInterrupt" in terminal.says()
    assert list(store.root.glob("tmp/*")) == [], "the workers have ended in order"
    assert outcomes(store) == [("waits", "succeeded")] * 2
    assert verify(store=store).sound


def test_ctrl_c_again_stops_at_once(terminal, store):
    terminal.program.sendintr()
    while terminal.program.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1):
        terminal.program.sendintr()
    assert "KeyboardInterrupt" in terminal.program.before
    assert gone(*terminal.pids)
    assert outcomes(store) == [("waits", "stopped")] * 2
    assert verify(store=store).sound


def test_a_call_that_is_asked_twice_to_stop_stops_at_once(store, fifo):
    up, down = fifo("up"), fifo("down")
    started = threading.Event()

    def listen():
        up.heard()
        started.set()

    listener = threading.Thread(target=listen)
    listener.start()
    with pytest.raises(Interrupted):
        realize(
            deeds.waits("it", up.path, down.path),
            store=store,
            workers=1,
            stop=lambda: 2 * started.is_set(),
        )
    listener.join()
    assert outcomes(store) == [("waits", "stopped")]
