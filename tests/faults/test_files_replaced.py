"""Something else in the place of any file: nobody waits, and nothing wrong is served."""

import os
import shutil
import signal
import socket
import warnings
from collections.abc import Callable
from pathlib import Path

import builders
import pytest
import scenarios
from figures import figure
from test_deleted import paths, prepared  # noqa: F401  # a fixture

import pystore as ps
from pystore.errors import PystoreError
from pystore.store import tree

SOON = 30  # [s] until a child that waits is ended


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)
    os.chdir(here)


PLACED: dict[str, Callable[[Path], object]] = {
    "a fifo": os.mkfifo,
    "a socket": listening,
    "a directory": os.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "nothing in it": Path.touch,
}


def _look(store: ps.Store) -> None:
    for dref in store.drefs():
        ps.attempts(dref)
        ps.rejected(dref)
        store.config(dref)


USES: dict[str, Callable[[ps.Store], object]] = {
    "realize": lambda store: scenarios.SCENARIOS["reuse"].act(store.root, lambda rref: None),
    "look": lambda store: [
        (ps.attempts(d), ps.rejected(d), store.config(d)) for d in store.drefs()
    ],
    "verify": ps.verify,
    "gc": lambda store: ps.gc((), dry_run=False, store=store),
    "realize above": lambda store: _above(store),
}


def _above(store: ps.Store) -> None:
    with ps.Store(f"{store.root}-above", below=store.root, durable=False).use() as above:
        for dref in above.drefs():
            above.all_candidates(dref)
            above.config(dref)


def _use(root: Path, use: str) -> None:
    signal.alarm(SOON)
    warnings.simplefilter("ignore")  # that a damaged record is left out
    try:
        with ps.Store(root, durable=False).use() as store:
            USES[use](store)
    except PystoreError:
        pass  # a clear error is an answer
    os._exit(0)


def _replace(path: Path, put: Callable[[Path], object]) -> None:
    mode = path.parent.stat().st_mode
    path.parent.chmod(0o755)
    tree.remove(path)
    put(path)
    path.parent.chmod(mode)


@pytest.mark.parametrize("placed", PLACED)
def test_FD3_nobody_waits_for_what_is_in_the_place_of_a_file(prepared, tmp_path, placed):  # noqa: F811
    files = [path for path in paths(prepared) if (prepared / path).is_file()]
    wrong, count = [], 0
    for file in files:
        for use in USES:
            root = tmp_path / f"{count}"
            shutil.copytree(prepared, root, symlinks=True)
            _replace(root / file, PLACED[placed])
            code = os.waitpid(builders.fork(lambda root=root, use=use: _use(root, use)), 0)[1]
            if code:
                wrong.append(f"{use} with {placed} as {file}: {os.waitstatus_to_exitcode(code)}")
            tree.remove(root)
            count += 1
    assert wrong == []
    figure(f"{placed} in the place of each file", "an answer or a clear error", f"{count} uses")
