"""Streams: any text can be written in any encoding, and no log steers a terminal."""

import io
import os
import pty
import subprocess

import pytest
from command import PROGRAM, environment

from pystore.ui.cli.streams import calm, prepare  # prepare registers how text is shown

STAGES = """
from pystore import stage, output, build_metric
@stage
def train(build, town: str = "Zürich ★", o=output("result.txt")):
    print("runs ★")
    build_metric(build, "precision_é", 0.5)
    o.write_text("0.5")
@stage
def bad(town: str = "★"):
    raise ValueError("bad ★ é")
"""
COMMANDS = [
    ["run", "möbel.py:train"], ["ls"], ["show", "train"], ["logs", "train"], ["metrics", "train"],
    ["tree", "train"], ["log"], ["graph", "train"], ["find", "train"], ["run", "möbel.py:bad"],
    ["path", "train"],
]  # fmt: skip
WITHOUT_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}, WITHOUT_UTF8],
    ids=["latin-1", "ascii", "a locale without UTF-8"],
)
def test_what_an_encoding_lacks_ends_no_command(tmp_path, variables):
    folder = tmp_path / "proj é"
    folder.mkdir()
    (folder / "möbel.py").write_text(STAGES, encoding="utf-8")
    env = environment(PYSTORE_ROOT=str(folder / "store"), **variables)
    for command in COMMANDS:
        done = subprocess.run([*PROGRAM, *command], cwd=folder, env=env, capture_output=True)
        said = done.stdout + done.stderr
        assert done.returncode == ("möbel.py:bad" in command), (command, said)
        assert b"Traceback" not in said
        assert b"UnicodeEncodeError" not in said


def test_a_path_that_is_no_utf8_is_written_as_it_is():
    prepare()
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="pystore escaped")
    stream.write("a\udcff ★")
    stream.flush()
    assert stream.buffer.getvalue() == b"a\xff " + "★".encode()
    assert "★ é".encode("latin-1", "pystore escaped") == b"\\u2605 \xe9"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


LOG = "one\t1\r\n 10%\r 20%\rtwo \x1b]0;title\x07\x1b[31mred\x9b ★".encode() + b"\xff\n"


def test_a_log_shows_on_a_terminal_what_could_steer_it():
    pieces = [LOG[n : n + 1] for n in range(len(LOG))]
    shown = b"".join(calm(iter(pieces), Terminal())).decode()
    assert shown.splitlines()[:3] == ["one\t1", " 10%", " 20%"]
    assert shown.splitlines()[-1] == r"two \x1b]0;title\x07\x1b[31mred\x9b ★\xff"
    assert b"".join(calm(iter(pieces), io.StringIO())) == LOG


def test_logs_is_calm_on_a_terminal_and_exact_in_a_pipe(tmp_path):
    (tmp_path / "loud.py").write_text(
        "from pystore import stage\n@stage\ndef loud():\n    print('\\x1b]0;title\\x07')\n"
    )
    env = environment(PYSTORE_ROOT=str(tmp_path / "store"))
    subprocess.run([*PROGRAM, "run", "-q", "loud.py"], cwd=tmp_path, env=env, check=True)
    command = [*PROGRAM, "logs", "loud"]
    assert subprocess.run(command, env=env, capture_output=True).stdout == b"\x1b]0;title\x07\n"
    ours, theirs = pty.openpty()
    subprocess.run(command, env=env, stdout=theirs, check=True)
    os.close(theirs)
    assert os.read(ours, 1000) == b"\\x1b]0;title\\x07\r\n"
    os.close(ours)
