"""Commands at the end of a run, and when a pin moves: they are told how, and harm nothing."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import pytest

import pystore as ps
from pystore import Store, output, stage
from pystore.core.errors import BadSettings, PystoreWarning
from pystore.store.current import ProcessWide
from pystore.store.defaults import InForce
from pystore.ui import on_end, settings_file
from pystore.ui.cli import main

FILE = """
from pystore import output, stage

@stage
def train(fail=False, score=output("score.txt")):
    if fail:
        raise ValueError("no data")
    score.write_text("1")
"""

TELL = """
import json, os, sys
told = {k: v for k, v in os.environ.items() if k.startswith("PYSTORE_")}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({"args": sys.argv[2:], **told}) + "\\n")
print("said")
"""


class Here:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self._script, self._told = folder / "tell.py", folder / "told"
        self._script.write_text(TELL)
        (folder / "work.py").write_text(FILE)

    def command(self, *args: str) -> str:
        return shlex.join([sys.executable, str(self._script), str(self._told), *args])

    def told(self) -> list[dict[str, str]]:
        text = self._told.read_text() if self._told.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


def run(arguments: list[str]) -> int:
    """Runs a command in this process, and returns its code."""
    sys.modules.pop("work", None)  # the program of the run before
    return main.run(arguments)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    monkeypatch.setenv("PYSTORE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.delenv("PYSTORE_ON_END", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setattr(InForce, "defaults", InForce.defaults)
    settings_file.read.cache_clear()
    yield Here(tmp_path)
    settings_file.read.cache_clear()
    sys.modules.pop("work", None)


def test_OE1_a_run_that_is_done_tells_so_and_no_shell_reads_the_command(here):
    assert run(["run", "work.py", "--on-end", here.command("$HOME", "a;b")]) == 0
    (told,) = here.told()
    assert told["args"] == ["$HOME", "a;b"]
    assert told["PYSTORE_REFS"].startswith("rref:")
    assert told["PYSTORE_OUTCOME"] == "done"
    assert told["PYSTORE_DONE"] == "1 built"
    assert told["PYSTORE_ROOT"] == str(here.store)


def test_OE1_a_run_that_failed_tells_what_failed_and_fails_as_before(here):
    command = ["run", "work.py", "-p", "fail=true"]
    code = run(command)
    assert run([*command, "--on-end", here.command()]) == code != 0
    (told,) = here.told()
    assert told["PYSTORE_OUTCOME"] == "failed"
    assert told["PYSTORE_REFS"].startswith("dref:")
    assert "ValueError" in told["PYSTORE_ERROR"]


def test_a_command_of_the_settings_is_run_where_something_was_built(here, monkeypatch):
    monkeypatch.setenv("PYSTORE_ON_END", here.command())
    for _ in range(2):
        assert run(["run", "work.py"]) == 0
    assert len(here.told()) == 1


def test_what_it_prints_is_not_on_standard_output(here, capfd):
    assert run(["run", "work.py", "--json", "--on-end", here.command()]) == 0
    out = capfd.readouterr().out
    assert [json.loads(line) for line in out.splitlines()][-1]["event"] == "Ended"


@stage
def model(number=0, file=output("file")):
    file.write_text(str(number))


def test_a_pin_that_moves_is_told_and_one_that_stays_is_not(here, monkeypatch):
    monkeypatch.setenv("PYSTORE_ON_END", here.command())
    with Store(here.store).use():
        first, second = (ps.realize(model(number=n)) for n in range(2))
        for rref in (first, first, second):
            ps.pin(rref, "serving")
    told = here.told()
    assert [one["PYSTORE_REFS"] for one in told] == [first, second]
    assert {one["PYSTORE_PIN"] for one in told} == {"serving"}
    assert [one.get("PYSTORE_BEFORE") for one in told] == [None, first]
    assert {one["PYSTORE_OUTCOME"] for one in told} == {"promoted"}


def test_OE4_what_the_command_does_runs_no_such_command(here):
    on_end.call_command(here.command(), "done", {})
    (told,) = here.told()
    assert told["PYSTORE_ON_END"] == ""


def test_OE2_a_command_that_fails_is_a_warning(here, monkeypatch):
    monkeypatch.setenv("PYSTORE_ON_END", shlex.join([sys.executable, "-c", "raise SystemExit(3)"]))
    with Store(here.store).use():
        rref = ps.realize(model())
        with pytest.warns(PystoreWarning, match="it ended with 3"):
            ps.pin(rref, "serving")
        assert ps.pins() == {"serving": rref}


def test_OE2_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(on_end, "_PATIENCE", 2.0)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    command = shlex.join(["sh", "-c", f"sleep 1000 > {shlex.quote(str(fifo))} & wait"])
    before = time.monotonic()
    with pytest.warns(PystoreWarning, match="it was ended after 2 s"):
        on_end.call_command(command, "done", {})
    assert time.monotonic() - before < 900
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""  # nobody has it open any more
    os.close(reading)


def test_OE2_a_command_that_is_gone_is_a_warning(here, monkeypatch):
    monkeypatch.setenv("PYSTORE_ON_END", "no-such-program-at-all")
    with Store(here.store).use():
        rref = ps.realize(model())
        with pytest.warns(PystoreWarning, match="cannot be run"):
            ps.pin(rref, "serving")


@pytest.mark.parametrize("command", ["'open", " ", "no-such-program-at-all x"])
def test_OE3_a_command_that_cannot_be_run_is_an_error_before_work_starts(here, command):
    with pytest.raises(BadSettings, match="cannot be run"):
        on_end.words_of(command)
    assert run(["run", "work.py", "--on-end", command]) != 0
    assert not (here.store / "drv").exists()


def test_the_settings_file_has_it(here, tmp_path):
    (tmp_path / "settings.toml").write_text(f"on_end = {json.dumps(here.command())}\n")
    assert run(["run", "work.py"]) == 0
    assert len(here.told()) == 1
