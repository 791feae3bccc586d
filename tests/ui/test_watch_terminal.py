"""The bars, behind a real pseudo-terminal: what the screen shows at the end, whatever happens."""

import fcntl
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest
from command import environment

HEAD = """\
import fcntl, os, sys, threading
from pathlib import Path
from pystore import *

HERE = Path(sys.argv[1])

def step_by_step(b):
    # Stops at the gate, where a test has shut it, so that the test can look at the screen.
    print("made by python")
    build_progress(b, 1, 4, "epochs")
    os.write(2, b"made by C\\n")
    with open(HERE / "gate", "a") as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
    build_progress(b, 4, 4, "epochs")
    (build_outpath(b) / "x").write_text("1")

def target(name="train", work=step_by_step, **config):
    return Derivation({"name": name, **config}, match_latest(), build_wrapper(work))

store = Store(HERE / "store", durable=False)
"""


class Terminal:
    """A program behind a pseudo-terminal of 100 by 20, and what is on its screen."""

    def __init__(self, here: Path, script: str, **env: str) -> None:
        self.here = here
        file = here / "program.py"
        file.write_text(f"{HEAD}\nwith store.use():\n    {script}\n")
        self.screen = pyte.HistoryScreen(100, 20, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            sys.executable,
            [str(file), str(here)],
            env=environment(**env),
            dimensions=(20, 100),
            timeout=60,
        )

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display).rstrip()

    def until(self, text: str) -> "Terminal":
        """Reads until the screen shows this."""
        end = time.monotonic() + 60
        while text not in self.text:
            assert time.monotonic() < end, f"no {text!r} in\n{self.text}"
            assert self._read(), f"ended without {text!r}:\n{self.text}"
        return self

    def end(self) -> str:
        """What the screen shows when the program has ended."""
        limit = time.monotonic() + 60
        while self._read():
            assert time.monotonic() < limit, f"does not end:\n{self.text}"
        self.child.wait()
        return self.text

    def _read(self) -> bool:
        try:
            data = self.child.read_nonblocking(65536, timeout=0.1)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Shuts the gate at which realizers stop; calling it opens it."""
    with (tmp_path / "gate").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)


def plain(text: str) -> list[str]:
    """The lines of a screen, with times left out."""
    return re.sub(r"\b(\d+\.\d|\d\d|\d+ min \d\d) s\b", "# s", text).splitlines()


DONE = [
    "made by python",
    "made by C",
    "    built train in # s",
    "          1 of 1 done · # s",
]


def test_bars_come_below_what_is_printed_and_leave_nothing(tmp_path, gate):
    terminal = Terminal(tmp_path, "realize(target())").until("1/4 epochs")
    assert "building train" in terminal.text
    assert "0 of 1 done" in terminal.text
    gate()
    assert plain(terminal.end()) == DONE
    assert terminal.screen.cursor.x == 0


def test_what_is_there_already_shows_nothing(tmp_path):
    script = "realize(target(), progress=False); print('again'); realize(target())"
    assert Terminal(tmp_path, script).end().splitlines()[-1] == "again"


def test_a_failure_leaves_its_error_and_no_bar(tmp_path):
    script = "realize(target(work=lambda b: [step_by_step(b), 1 / 0]))"
    shown = Terminal(tmp_path, script).end()
    assert "ZeroDivisionError" in shown
    assert "━" not in shown
    caught = f"try: {script}\n    except PystoreError: pass"
    assert plain(Terminal(tmp_path, caught).end())[-1] == "          0 of 1 done · 1 failed · # s"


def test_ctrl_c_leaves_no_bar_and_the_cursor_where_it_belongs(tmp_path, gate):
    script = "try: realize(target())\n    except KeyboardInterrupt: print('stopped')"
    terminal = Terminal(tmp_path, script).until("1/4 epochs")
    terminal.child.sendintr()
    shown = terminal.end()
    assert "━" not in shown
    assert plain(shown)[-3:] == [
        "  stopped train: KeyboardInterrupt",
        "          0 of 1 done · 1 stopped · # s",
        "stopped",
    ]
    assert not terminal.screen.cursor.hidden


def test_there_is_nothing_to_restore_when_it_is_killed(tmp_path, gate):
    terminal = Terminal(tmp_path, "realize(target())").until("1/4 epochs")
    terminal.child.kill(signal.SIGKILL)
    terminal.end()
    assert b"\x1b[?" not in terminal.raw  # no mode was changed: cursor, screen, echo


def test_a_line_that_is_not_ended_stays_on_its_own(tmp_path):
    script = "realize(target(work=lambda b: print('50 %', end='\\r100 %')))"
    assert plain(Terminal(tmp_path, script).end()) == [
        "100 %",
        "    built train in # s",
        "          1 of 1 done · # s",
    ]


def test_what_is_captured_is_in_the_log_and_not_on_the_screen(tmp_path):
    script = "realize(target(), capture=True); print('after')"
    assert plain(Terminal(tmp_path, script).end()) == [*DONE[2:], "after"]
    (log,) = tmp_path.glob("store/drv/*/attempts/*.log")
    assert log.read_text() == "made by python\nmade by C\n"


def test_what_goes_to_a_file_stays_there(tmp_path):
    script = "sys.stdout = open(HERE / 'out', 'w'); realize(target())"
    assert plain(Terminal(tmp_path, script).end()) == DONE[1:]
    assert (tmp_path / "out").read_text() == "made by python\n"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_gets_lines_where_they_are_asked_for(tmp_path, term):
    assert Terminal(tmp_path, "realize(target())", TERM=term).end().splitlines() == DONE[:2]
    script = "realize(target('other'), progress=True)"
    assert "pystore: built other in" in Terminal(tmp_path, script, TERM=term).end()


TWO_CALLS = """
    def call(name, **options):
        with store.use():
            realize(target(name), **options)
    threads = [threading.Thread(target=call, args=(name,)) for name in ("one", "two")]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    call("three")
"""


def test_WT3_of_two_calls_at_once_one_draws_and_the_other_writes_lines(tmp_path, gate):
    terminal = Terminal(tmp_path, TWO_CALLS).until("1/4 epochs").until("pystore: building")
    assert terminal.text.count("━━") > 0
    gate()
    shown = terminal.end()
    lines = [line for line in shown.splitlines() if line.startswith("pystore: built")]
    assert len(lines) == 1
    assert shown.count("    built") == 2  # who was first, and who came when it had ended
    assert "━" not in shown


def test_waiting_for_another_process_names_it(tmp_path, gate):
    first = Terminal(tmp_path, "realize(target())").until("1/4 epochs")
    second = Terminal(tmp_path, "realize(target())").until("waiting for train")
    assert f"process {first.child.pid} on " in second.text
    gate()
    first.end()
    assert plain(second.end()) == ["          1 of 1 done · 1 reused · # s"]


def test_bars_of_workers_are_drawn_by_the_process_that_waits_for_them(tmp_path, gate):
    script = "realize([target(n=1), target(n=2)], executor=Workers(2))"
    terminal = Terminal(tmp_path, script).until("0 of 2 done").until("1/4 epochs")
    gate()
    shown = terminal.end()
    assert "2 of 2 done" in shown
    assert "━" not in shown


def test_more_than_fits_scrolls(tmp_path):
    script = """
    def chatter(b):
        for number in range(200):
            print("line", number)
            build_progress(b, number, 200)
    realize(target(work=chatter))
    """
    terminal = Terminal(tmp_path, script.strip())
    shown = terminal.end()
    past = [
        "".join(row[x].data for x in range(100)).rstrip() for row in terminal.screen.history.top
    ]
    lines = [line for line in [*past, *shown.splitlines()] if line.startswith("line")]
    assert lines == [f"line {number}" for number in range(200)]
    assert "━" not in shown
