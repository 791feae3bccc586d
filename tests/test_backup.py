"""Backups: copies of a store that are made while runs go on, as the page says, and restored."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import PROJECT

from pystore import (
    Derivation,
    Store,
    attempts,
    build_outpath,
    build_scratch,
    match_latest,
    pin,
    pins,
    realize,
    verify,
)

PAGE = (PROJECT / "docs" / "backup.md").read_text()
PINS = ["roots", "pinned", "seen"]
REST = [*PINS, "tmp", "trash", "locks"]


def by_tar(store: Path, to: Path) -> None:
    """The two calls of the page, and the restore."""
    file = to.with_suffix(".tar")
    rest = [f"--exclude=./{name}" for name in REST]
    for call in (["-cf", str(file), *PINS], ["-rf", str(file), *rest, "."]):
        done = subprocess.run(["tar", "-C", store, *call], capture_output=True)
        assert done.returncode in (0, 1), done.stderr
    to.mkdir()
    subprocess.run(["tar", "-C", to, "-xpf", file], check=True)


def by_rsync(store: Path, to: Path) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    backup = to.with_suffix(".backup")
    pinned = [store / name for name in PINS]
    rest = [f"--exclude=/{name}" for name in REST]
    for call in (["-a", "--delete", *map(str, pinned)], ["-aH", *rest, f"{store}/"]):
        done = subprocess.run(["rsync", *call, f"{backup}/"], capture_output=True)
        assert done.returncode in (0, 24), done.stderr
    subprocess.run(["rsync", "-aH", f"{backup}/", f"{to}/"], check=True)


both = pytest.mark.parametrize("copy", [by_tar, by_rsync], ids=["tar", "rsync"])


def stages(n: int) -> tuple[Derivation, Derivation]:
    def write(build):
        (build_outpath(build) / "out.txt").write_text(f"{n}\n")

    data = Derivation({"name": "data", "n": n}, match_latest(), write)
    return data, Derivation({"name": "model", "data": data}, match_latest(), write)


@contextmanager
def training(store: Store) -> Iterator[None]:
    """Trains model after model, and pins each, until the block ends."""
    ended, begun = threading.Event(), threading.Event()

    def work():
        n = 0
        while not ended.is_set() or not begun.is_set():
            pin(realize(stages(n)[1], store=store, progress=False), "newest", store=store)
            begun.set()
            n += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(300)
        yield
    finally:
        ended.set()
        thread.join()


@both
def test_a_copy_of_a_store_in_use_has_all_that_was_there_before(store: Store, tmp_path, copy):
    with training(store):
        before = {rref for dref in store.drefs() for rref in store.realizations(dref)}
        copy(store.root, tmp_path / "restored")
    restored = Store(tmp_path / "restored")
    assert before
    for rref in before:
        assert restored.path(rref).is_dir()
        assert restored.context(rref) == store.context(rref)
    damages = verify(store=restored).damages
    assert {damage.kind for damage in damages} <= {"dangling"}
    pinned = pins(store=restored)["newest"]
    assert restored.path(pinned).is_dir()


@both
def test_the_next_copy_mends_what_came_during_the_first(store: Store, tmp_path, copy):
    with training(store):
        copy(store.root, tmp_path / "restored")
    if copy is by_tar:
        shutil.rmtree(tmp_path / "restored")
        (tmp_path / "restored.tar").unlink()
    copy(store.root, tmp_path / "restored")
    restored = Store(tmp_path / "restored")
    assert verify(store=restored).sound
    assert pins(store=restored) == pins(store=store)
    assert restored.drefs() == store.drefs()
    for dref in store.drefs():
        assert restored.realizations(dref) == store.realizations(dref)
        assert restored.attempts(dref) == store.attempts(dref)


@both
def test_a_run_that_went_on_goes_on_from_its_checkpoint(store: Store, tmp_path, copy):
    told: list[str] = []

    def train(build):
        checkpoint = build_scratch(build) / "step"
        told.append(checkpoint.read_text() if checkpoint.exists() else "new")
        if len(told) == 1:
            checkpoint.write_text("7")
            copy(store.root, tmp_path / "restored")
        (build_outpath(build) / "out.txt").write_text("1")

    drv = Derivation({"name": "long"}, match_latest(), train)
    realize(drv)
    restored = Store(tmp_path / "restored")
    assert [a.outcome for a in attempts(drv.dref, store=restored)] == ["died"]
    realize(drv, store=restored)
    assert told == ["new", "7"]
    assert verify(store=restored).sound


def test_the_page_copies_as_these_tests_do():
    names = {"python": PAGE.partition("PINS = [")[2].partition("]")[0]}
    assert re.findall(r"\w+", names["python"]) == PINS
    excluded = re.search(r"--exclude=\{(.*?)\}", PAGE)
    assert excluded is not None and re.findall(r"\w+", excluded[1]) == REST
