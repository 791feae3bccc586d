"""Ctrl-C, SIGTERM, a closed terminal: a clean store, and word of what is kept."""

import os
import re
import signal

import pexpect
import pytest
from command import PROGRAM as COMMAND
from command import environment, in_terminal, pystore_command
from fifos import heard

from pystore import Store, verify
from pystore.store.current import ProcessWide
from pystore.ui.cli import main
from pystore.ui.cli.interruption import Presses

PROGRAM = """
import os
from pathlib import Path

from pystore import build_scratch, output, stage

@stage
def data(numbers=output("numbers.txt")):
    numbers.write_text("1")

@stage
def train(build, numbers=data(), score=output("score.txt")):
    epoch = build_scratch(build) / "epoch"
    if not epoch.exists():
        epoch.write_text("3")
        score.write_text("half of it")
        Path("started").write_text("")  # opens when the test reads
        Path("go").read_text()          # blocks until the test writes
    score.write_text(epoch.read_text())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(PROGRAM)
    for fifo in ("started", "go"):
        os.mkfifo(tmp_path / fifo)
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    yield tmp_path
    Store(tmp_path / "store").destroy()


def start(here, *arguments):
    """The command, once its stage runs; it writes to `started` then, and waits for `go`."""
    child = in_terminal("run", *arguments, "slow.py", cwd=here, PYSTORE_ROOT=str(here / "store"))
    heard(here / "started")
    return child


def end(child):
    """What it says on its last lines, and its exit code."""
    child.expect(pexpect.EOF)
    child.close()
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]|\^C", "", child.before.replace("\r", ""))
    told = re.sub(r"\b[0-9a-f]{32}\b", "#", told)
    return told[told.index("pystore: interrupted") :], child.exitstatus


def check_clean(here):
    """The store is sound, and gc leaves no litter."""
    store = Store(here / "store")
    assert verify(store).sound
    assert [a.outcome for d in store.drefs() for a in store.attempts(d) if d.name == "data"] == [
        "succeeded"
    ]
    assert main.run(["gc", "--delete", "--yes"]) == 0
    assert [p.name for p in store.parts.tmp.iterdir() if not p.name.startswith("live-")] == []
    assert list(store.parts.layout.trash.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_what_is_kept_and_goes_on_from_there(number, code, here):
    child = start(here)
    if number == signal.SIGINT:
        child.sendintr()
    else:
        child.kill(number)
    assert end(child) == (
        "pystore: interrupted\n"
        "  done:        1 built\n"
        "  stopped:     attempt 0 of dref:#-train\n"
        f"  wrote:       {here}/store/tmp/#-#-train\n"
        f"  checkpoint:  {here}/store/drv/#-train/attempts/#.0.scratch\n"
        "  try: run it again: what was built is kept, and it goes on from its checkpoint\n",
        code,
    )
    again = pystore_command("run", "-q", "slow.py", cwd=here, PYSTORE_ROOT=here / "store")
    assert again.stdout.startswith("slow.py:train: 1 built, 1 up to date\n")
    assert "score.txt:  3.0\n" in again.stdout
    check_clean(here)


STUBBORN = """
from pathlib import Path

from pystore import output, stage

@stage
def fit(score=output("score.txt")):
    for _ in range({times}):
        try:
            Path("started").write_text("")
            Path("go").read_text()
        except KeyboardInterrupt:
            print("I go on")
    score.write_text("1")

@stage
def use(model=fit(), page=output("page.txt")):
    page.write_text("x")
"""


def test_a_stage_that_swallows_ctrl_c_is_the_last_one(here):
    (here / "slow.py").write_text(STUBBORN.format(times=1))
    child = start(here)
    child.sendintr()
    assert end(child) == (
        "pystore: interrupted\n"
        "  done:  1 built\n"
        "  try: run it again: what was built is kept\n",
        130,
    )  # fmt: skip
    assert [dref.name for dref in Store(here / "store").drefs()] == ["fit"]


def test_a_third_ctrl_c_ends_by_force_what_swallows_the_others(here):
    (here / "slow.py").write_text(STUBBORN.format(times=9))
    child = start(here, "-q")  # nobody reads the terminal meanwhile: bars would fill it
    for _ in range(2):
        child.sendintr()
        heard(here / "started")
    child.expect_exact("stopping; Ctrl-C again ends it by force")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == signal.SIGINT
    assert verify(Store(here / "store")).sound


def test_a_closed_terminal_stops_it_without_a_traceback(here):
    line = f"exec {' '.join(COMMAND)} run -q slow.py 2>errors"
    env = environment(PYSTORE_ROOT=str(here / "store"))
    child = pexpect.spawn("sh", ["-c", line], cwd=here, env=env, timeout=60)
    heard(here / "started")
    child.ptyproc.fileobj.close()  # the terminal goes away
    child.closed = child.ptyproc.closed = True
    assert child.wait() == 129
    told = (here / "errors").read_text()
    assert told.startswith("pystore: interrupted\n")
    assert "Traceback" not in told
    check_clean(here)


def test_ctrl_c_lets_workers_finish_what_they_began(here):
    child = start(here, "-j", "1")
    child.sendintr()
    child.expect_exact("what runs may finish; Ctrl-C again ends it now")
    (here / "go").write_text("")
    told, code = end(child)
    assert code == 130
    assert told.startswith("pystore: interrupted\n  done:  2 built\n  try: run it again")
    check_clean(here)


def test_a_second_ctrl_c_ends_the_workers_too(here):
    child = start(here, "-j", "1")
    child.sendintr()
    child.expect_exact("what runs may finish; Ctrl-C again ends it now")
    child.sendintr()
    told, code = end(child)
    assert code == 130
    assert told.startswith("pystore: interrupted\n  done:")
    check_clean(here)


def test_a_second_signal_counts_while_the_first_is_handled(monkeypatch):
    presses, said = Presses(workers=1), []

    def say(text):
        said.append(text)
        if len(said) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(presses, "_say", say)
    with pytest.raises(KeyboardInterrupt), presses.heeded():
        signal.raise_signal(signal.SIGINT)
    assert (presses.count(), len(said)) == (2, 2)


def test_a_handler_that_is_none_of_python_stays(monkeypatch):
    """As one that a library has set before Python began: nobody can ask for it."""
    real = signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda number: None if number == signal.SIGHUP else real(number)
    )
    before = real(signal.SIGHUP)
    with Presses(workers=None).heeded():
        assert real(signal.SIGHUP) == before
