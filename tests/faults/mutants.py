"""Mutants: bugs on purpose, planted in a forked child, which the harness must find.

Each entry says where it shows: a scenario and the sweep over it, or a test of builders.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from pystore.core.context import CONTEXT
from pystore.core.manifest import MANIFEST
from pystore.store import (
    attempts,
    beginning,
    commit,
    compact,
    derivations,
    disk,
    gc,
    locks,
    remove,
    syncing,
    tree,
)

PLANTS: dict[str, Callable[[], None]] = {}
FOUND_BY: dict[str, tuple[str, str]] = {}


def mutant(name: str, scenario: str, sweep: str) -> Callable[[Callable[[], None]], None]:
    """Registers a bug, and where it must be found."""

    def register(plant: Callable[[], None]) -> None:
        PLANTS[name], FOUND_BY[name] = plant, (scenario, sweep)

    return register


def plant(name: str) -> None:
    """Puts a bug into this process."""
    PLANTS[name]()


def _nothing(*args: Any, **kwargs: Any) -> None:
    pass


def _wrap(module: Any, name: str, around: Callable[..., Any]) -> None:
    real = getattr(module, name)
    setattr(module, name, lambda *args, **kwargs: around(real, *args, **kwargs))


# --- what a power cut takes ------------------------------------------------------------


@mutant("no fsync at all", "realize", "audit")
def _no_fsync() -> None:
    os.fsync = _nothing


@mutant("many files are not synced at once", "many at once", "audit")
def _no_syncfs() -> None:
    syncing._called = _nothing


@mutant("a commit is not synced at once", "realize at once", "audit")
def _no_syncfs_of_commits() -> None:
    syncing._called = _nothing


@mutant("many files are not synced", "many", "audit")
def _no_sync_of_many() -> None:
    syncing._sync = _nothing


@mutant("files are not synced", "realize", "audit")
def _no_file_sync() -> None:
    _wrap(disk, "write_new", lambda real, *a, durable, **k: real(*a, durable=False, **k))
    _wrap(disk, "sync_all", lambda real, paths: real([p for p in paths if os.path.isdir(p)]))


@mutant("directories are not synced", "realize", "audit")
def _no_directory_sync() -> None:
    disk.sync_directory = _nothing
    _wrap(disk, "sync_all", lambda real, paths: real([p for p in paths if os.path.isfile(p)]))


@mutant("only the parent is not synced", "realize", "audit")
def _no_parent_sync() -> None:
    def sync(real: Any, path: Any) -> None:
        if Path(path).parent.name != "drv":
            real(path)

    _wrap(disk, "sync_directory", sync)


@mutant("a record is synced after its realization appears", "rebuild other", "audit")
def _late_record_sync() -> None:
    def publish(real: Any, parts: Any, staged: Any, *args: Any) -> Any:
        committed = real(replace(parts, durable=False), staged, *args)
        disk.sync_directory(parts.layout.attempts(staged.dref))
        disk.sync_directory(parts.layout.derivation(staged.dref))
        return committed

    _wrap(commit, "publish", publish)


# --- what a sudden death leaves --------------------------------------------------------


@mutant("temporary names repeat", "instantiate", "kill")
def _fixed_name() -> None:
    numbers = count()  # the same in each process
    disk.fresh_name = lambda: f"{next(numbers):032x}"


@mutant("config written in place", "instantiate", "kill")
def _config_in_place() -> None:
    def write(layout: Any, configs: Any, *, durable: bool) -> None:
        for config in configs:
            home = Path(layout.derivation(config.dref))
            (home / "attempts").mkdir(parents=True, exist_ok=True)
            (home / "config.json").write_text(config.text)

    derivations._write = write


@mutant("commit by copy", "realize", "kill")
def _commit_by_copy() -> None:
    def copy(real: Any, source: Path, target: Path) -> bool:
        if target.exists():
            return False
        shutil.copytree(source, target, symlinks=True)
        tree.remove(source)
        return True

    _wrap(commit, "_rename_new", copy)


@mutant("context written after the rename", "realize", "kill")
def _late_context() -> None:
    _wrap(commit, "_rename_new", _late(CONTEXT))


@mutant("manifest written after the rename", "realize", "kill")
def _late_manifest() -> None:
    _wrap(commit, "_rename_new", _late(MANIFEST))


def _late(name: str) -> Callable[..., bool]:
    def rename(real: Any, source: Path, target: Path) -> bool:
        text = (source / name).read_bytes()
        (source / name).unlink()
        done = real(source, target)
        disk.write_new((target if done else source) / name, text, durable=True)
        return bool(done)

    return rename


@mutant("record written after the rename", "realize", "kill")
def _late_record() -> None:
    record = attempts.record

    def publish(real: Any, parts: Any, staged: Any, sealed: Any, attempt: Any) -> Any:
        attempts.record = _nothing
        committed = real(parts, staged, sealed, attempt)
        folder = parts.layout.attempts(staged.dref)
        record(folder, attempt, tmp=parts.tmp, durable=parts.durable)
        return committed

    _wrap(commit, "publish", publish)


@mutant("nothing is sealed", "realize", "kill")
def _no_seal() -> None:
    os.fchmod = _nothing


@mutant("staging under drv/", "realize", "kill")
def _staging_in_sight() -> None:
    _wrap(beginning, "make_folder", lambda real, tmp, dref: real(tmp.parent / "drv", dref))


@mutant("removal in place", "remove", "kill")
def _remove_in_place() -> None:
    remove.discard = lambda layout, path: path


@mutant("gc deletes in place", "gc", "kill")
def _collect_in_place() -> None:
    gc.discard = lambda layout, path: tree.remove(path)


@mutant("gc forgets what was built from what", "gc", "kill")
def _unclosed_gc() -> None:
    gc._closed = lambda store, roots: dict(roots)


@mutant("records go before they are in a pack", "compact", "kill")
def _records_first() -> None:
    def carry_out(real: Any, parts: Any, folder: str, plan: Any, done: Any) -> None:
        for name in plan.gone:
            disk.remove_file(f"{folder}/{name}")
        real(parts, folder, replace(plan, gone=[]), done)

    _wrap(compact, "_carry_out", carry_out)


@mutant("a pack is not synced", "compact", "audit")
def _pack_unsynced() -> None:
    def publish(real: Any, path: str, *args: Any, durable: bool, **options: Any) -> None:
        real(path, *args, durable=durable and not path.endswith(".pack"), **options)

    _wrap(disk, "publish", publish)


@mutant("records go before the name of their pack is synced", "compact", "audit")
def _pack_unnamed() -> None:
    def publish(real: Any, path: str, *args: Any, **options: Any) -> None:
        (disk.put if path.endswith(".pack") else real)(path, *args, **options)

    _wrap(disk, "publish", publish)


# --- what an error hides ---------------------------------------------------------------


@mutant("errors of writing are swallowed", "instantiate", "errno")
def _swallow() -> None:
    def write(real: Any, *args: Any) -> None:
        try:
            real(*args)
        except OSError:
            pass

    _wrap(disk, "write_all", write)


@mutant("a failed fsync is tried again", "instantiate", "errno")
def _retry_sync() -> None:
    sync = os.fsync

    def retry(descriptor: int) -> None:
        try:
            sync(descriptor)
        except OSError:
            sync(descriptor)

    os.fsync = retry


@mutant("a short write is taken for a whole one", "instantiate", "errno")
def _short_writes() -> None:
    disk.write_all = os.write


@mutant("a lock is kept after an error", "realize", "errno")
def _keep_lock() -> None:
    kept: list[locks.BuildLock] = []  # a lock that nobody has any more is let go of
    locks.BuildLock.release = lambda self: kept.append(self)


@mutant("another error covers the first", "realize", "errno")
def _cover() -> None:
    def publish(real: Any, *args: Any, **options: Any) -> Any:
        try:
            return real(*args, **options)
        except OSError as error:
            raise RuntimeError("commit failed") from error.__cause__

    _wrap(commit, "publish", publish)


# --- what many builders break ----------------------------------------------------------


@mutant("no lock", "builders", "once")
def _no_lock() -> None:
    locks.BuildLock.acquire = lambda self, patience=0.0: True


@mutant("numbers claimed without O_EXCL", "builders", "recorded")
def _shared_numbers() -> None:
    _no_lock_plant()

    def write(real: Any, path: Any, content: bytes, **options: Any) -> None:
        if str(path).endswith(".begin"):
            Path(path).write_bytes(content)
        else:
            real(path, content, **options)

    _wrap(disk, "write_once", write)


def _no_lock_plant() -> None:
    plant("no lock")


@mutant("a stopped holder is robbed", "holder", "stopped")
def _rob() -> None:
    acquire = locks.BuildLock.acquire

    def rob(self: Any, patience: float = 0.0) -> bool:
        return acquire(self, patience) or not str(self.path).endswith("gc.lock")

    locks.BuildLock.acquire = rob


@mutant("the wall clock is trusted", "clock", "latest")
def _trust_clock() -> None:
    attempts.last_start = lambda *args: 0
