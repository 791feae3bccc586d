"""Completion: what a tab does in real shells."""

import shutil
from pathlib import Path

import pexpect
import pytest
from command import PROGRAM, environment, pystore_command
from small_store import make, train

from pystore import Store
from pystore.ui.cli.outline import keys_of, outline

FILE = """
import nothing_of_this_name  # it is read, and never run

import pystore
from pystore import output, stage, two_way

@stage
def prepare(size=3, file=output("data.txt")):
    ...

@pystore.stage(code="v1")
def train(build, data=prepare(), rate: float = 0.1, *, epochs=3, score=output("score.txt")):
    ...

@two_way
def best(least=False): ...

def by_hand(m, width): ...

def typed(registry: Registry, depth): ...

def no_stage(x): ...

@stage
def _hidden(): ...
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Store:
    return make(tmp_path_factory.mktemp("complete") / "store")


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with a program, and `pystore` as a command."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "train.py").write_text(FILE)
    (folder / "pystore").write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n')
    (folder / "pystore").chmod(0o755)
    return folder


SHELLS = {
    "bash": ("bash --norc --noprofile -i", 'eval "$(pystore completion bash)"'),
    "zsh": ("zsh -f -i", 'autoload -Uz compinit; compinit -u; eval "$(pystore completion zsh)"'),
    "fish": ("fish --no-config -i", "pystore completion fish | source"),
}


def started(shell: str, here: Path, store: Store) -> "pexpect.spawn[str]":
    """A shell that has learnt to complete."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command, learn = SHELLS[shell]
    env = environment(PATH=f"{here}:/usr/bin:/bin", PS1="$ ", PYSTORE_ROOT=str(store.root))
    child = pexpect.spawn(
        command, env=env, encoding="utf-8", timeout=60, cwd=str(here)
    )  # the stubs want os._Environ
    child.setwinsize(40, 400)
    child.sendline(f'{learn}; echo "lear""nt"')
    child.expect_exact("learnt\r\n")
    return child


@pytest.fixture(scope="module", params=[*SHELLS])
def shell(request, here, small):
    """Completes a line in one shell, and gives the words that stand there after a tab."""
    child = started(request.param, here, small)

    def completed(line: str) -> str:
        child.send(f"{line}\t")
        child.send("\x01printf '<%s>' \x05; echo .\r")
        child.expect(r"[\r\n](<[^%\r\n]*>)\.")
        return child.match[1]

    yield completed
    child.close(force=True)


DREF = train(0.5).dref
LINES = {
    "show dref:775": f"show {DREF}",
    "show 775": f"show {DREF[5:]}",
    "show train@b": "show train@best:accuracy.txt",
    "show train@best:": "show train@best:accuracy.txt",
    "show train@best:accuracy.txt:": "show train@best:accuracy.txt:min",
    "show train@775": f"show {DREF.short}",
    "cat train@latest acc": "cat train@latest accuracy.txt",
    "run tra": "run train.py",
    "run train.py:tr": "run train.py:train",
    "run train.py -p le": "run train.py -p least=",
    "run train.py:train -p ra": "run train.py:train -p rate=",
    "run train.py --force pre": "run train.py --force prepare",
    "explain train.py:best -p l": "explain train.py:best -p least=",
    "metrics train -m ": "metrics train -m accuracy.txt",
    "metrics train --metric a": "metrics train --metric accuracy.txt",
    "metrics train --over ": "metrics train --over rate",
    "unpin b": "unpin baseline",
    "compl": "completion",
}


@pytest.mark.parametrize("line", LINES)
def test_a_tab_completes(line, shell):
    words = ["pystore", *LINES[line].split()]
    assert shell(f"pystore {line}") == "".join(f"<{word}>" for word in words)


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
def test_bash_keeps_quotes_and_what_stands_before_an_equals_sign(shell):
    assert shell('pystore show "dref:775') == f"<pystore><show><{DREF}>"
    found = "<pystore><metrics><train><--metric=accuracy.txt>"
    assert shell("pystore metrics train --metric=") == found


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
def test_where_nothing_fits_nothing_is_said(shell):
    for words in (
        "show nothing@",
        "cat nothing ",
        "run no.py:a",
        "run no.py -p a",
        "metrics n -m ",
    ):
        assert shell(f"pystore {words}x") == "".join(
            f"<{word}>" for word in f"pystore {words}x".split()
        )


def test_the_stages_of_a_file_are_read_and_not_run(here):
    stages = outline(here / "train.py")
    assert [*stages] == ["prepare", "train", "best", "by_hand", "typed"]
    assert [*keys_of("train", stages)] == ["data.size", "rate", "epochs"]
    assert [*keys_of("by_hand", stages)] == ["width"]
    assert [*keys_of(None, stages)] == ["data.size", "rate", "epochs", "least", "width", "depth"]
    assert outline(here / "nothing.py") == {}


def test_names_pins_and_artifacts_are_offered(small):
    def offered(line):
        env = {"COMP_LINE": f"pystore {line}", "COMP_WORD": line.rpartition(" ")[2]}
        root = str(small.root)
        done = pystore_command(**env, _PYSTORE_COMPLETE="bash_complete", PYSTORE_ROOT=root)
        return [reply.partition(",")[2] for reply in done.stdout.splitlines()]

    assert offered("show ") == ["baseline", "digits", "odd", "train"]
    assert offered("cat b") == ["baseline"]
    assert offered("push --pin ") == offered("unpin ") == ["baseline"]
    assert offered("ls dref:") == [str(dref) for dref in small.drefs()]
    assert offered("tree train@") == ["train@best:accuracy.txt", "train@latest"]
    assert offered("cat baseline weights/l") == ["weights/latest", "weights/layers/0.bin"]
    assert offered("cat nothing ") == [""]
    assert offered("show train --store /nowhere tra") == [""]
