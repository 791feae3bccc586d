"""Several compacts beside everything else: no attempt is lost, and no number is given twice."""

import errno
import fcntl
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import builders
import oracle
import pytest
from figures import figure
from small_disk import small_disk

import pystore as ps
from pystore import Derivation, match_latest
from pystore.store import attempts, disk, packs
from pystore.store.verify import verify

pytestmark = pytest.mark.alone

SECONDS = 4.0
BUILDS = 40
DAY = 86_400 * 10**9  # [ns]


def some(index: int) -> Derivation:
    def fill(b: ps.Build) -> None:
        (b.outpath / "seed.txt").write_text(f"{b.seed}\n")

    return Derivation({"name": "one", "i": index}, match_latest(), fill)


def after(index: int) -> Derivation:
    def fill(b: ps.Build) -> None:
        (b.outpath / "size.txt").write_text("8\n")

    return Derivation({"name": "after", "of": some(index)}, match_latest(), fill)


def opened(root: Path) -> ps.Store:
    """A store in which what was just built is old enough to be packed at once."""
    return ps.Store(root, durable=False, clock=lambda: time.time_ns() - 2 * DAY)


def build(root: Path, rng: random.Random, log: Path) -> None:
    target = rng.choice([some, some, after])(rng.randrange(2))
    ps.realize(target, store=opened(root), force_rebuild=target.dref.name == "one")


def join(root: Path, rng: random.Random, log: Path) -> None:
    if rng.random() < 0.05:
        ps.compact(ps.Store(root, durable=False))
    else:
        read(root, rng, log)  # or it would keep the gate closed all the time


def read(root: Path, rng: random.Random, log: Path) -> None:
    store = ps.Store(root, durable=False)
    for dref in store.drefs():
        before = {a.id for a in store.attempts(dref) if a.id}
        chosen = {c.rref for c in store.all_candidates(dref)}
        now = {a.id for a in store.attempts(dref) if a.id}
        assert before <= now, f"{len(before - now)} attempts are not seen any more"
        assert chosen <= {c.rref for c in store.all_candidates(dref)}


def tidy(root: Path, rng: random.Random, log: Path) -> None:
    store = ps.Store(root, durable=False)
    if rng.random() < 0.5:
        ps.gc(dry_run=False, store=store)
    else:
        assert [d for d in verify(store).damages if d.kind in ("pack", "attempt")] == []


def exchange(root: Path, rng: random.Random, log: Path) -> None:
    store, remote = ps.Store(root, durable=False), root.parent / "remote"
    dref = some(rng.randrange(2)).dref
    if dref in store.drefs() and store.realizations(dref):
        ps.push(rng.choice(store.realizations(dref)), remote, store=store)
        ps.pull(dref, remote, store=ps.Store(root.parent / "other", durable=False))


ROLES: list[Callable[[Path, random.Random, Path], None]] = [
    build, build, build, join, join, read, tidy, exchange,
]  # fmt: skip


def without_locks() -> None:
    """A file system that has no locks."""

    def lock(*args: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    fcntl.flock = lock


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_CM1_compacts_beside_everything_else_lose_nothing(tmp_path: Path, locks: bool):
    root, log = tmp_path / "store", tmp_path / "log"
    log.mkdir()
    roles = [one for one in ROLES if locks or one not in (tidy, exchange)]  # gc needs locks
    ps.Store(root, durable=False)

    def work(index: int) -> None:
        if not locks:
            without_locks()
        rng = random.Random(index)
        while builders.builds(log)["build"] < BUILDS:
            roles[index](root, rng, log)
            builders.note(log, roles[index].__name__)

    codes = builders.in_processes(len(roles), work)
    assert codes == [0] * len(roles)
    done, store = builders.builds(log), ps.Store(root)
    ps.compact(store)
    found = [a for dref in store.drefs() for a in store.attempts(dref)]
    numbers = Counter((a.dref, a.context, a.number) for a in found)
    assert [one for one, count in numbers.items() if count > 1] == []
    for dref in store.drefs():
        for context in {a.context for a in store.attempts(dref)}:
            ended = [a for a in store.attempts(dref) if a.context == context]
            assert [a.start for a in ended] == sorted({a.start for a in ended})
            assert len(ended) == ended[-1].number + 1 == len({a.seed for a in ended})
    assert oracle.unsound(root) == []
    figure(
        f"compacts beside builders, readers, gc and remotes, {'' if locks else 'no '}locks",
        "0 attempts lost, 0 numbers given twice",
        f"{len(found)} attempts, {done['join']} compacts: 0, 0",
    )


def test_CM1_stores_that_are_merged_while_they_are_compacted_lose_nothing(tmp_path: Path):
    roots = [tmp_path / "a", tmp_path / "b"]
    for index, root in enumerate(roots):
        for _ in range(12):
            ps.realize(some(index), store=opened(root), force_rebuild=True)
    wanted = {a.id for i, r in enumerate(roots) for a in ps.Store(r).attempts(some(i).dref)}
    end = time.monotonic() + SECONDS

    def work(index: int) -> None:
        while time.monotonic() < end:
            source, target = roots[index % 2], roots[1 - index % 2]
            if index < 2:
                merge(source, target)
            else:
                ps.compact(ps.Store(source, durable=False))

    assert builders.in_processes(4, work) == [0] * 4
    merge(*roots)
    merge(*reversed(roots))
    for root in roots:
        store = ps.Store(root)
        ps.compact(store)
        found = [a.id for index in range(2) for a in store.attempts(some(index).dref)]
        assert sorted(found) == sorted(wanted)
        assert [d for d in verify(store).damages if d.kind in ("pack", "attempt")] == []


def merge(source: Path, target: Path) -> None:
    """Copies what a store has into another one, as `rsync --ignore-existing` does it."""
    for folder, _, files in sorted(os.walk(source / "drv")):
        home = target / os.path.relpath(folder, source)
        home.mkdir(parents=True, exist_ok=True)
        for name in sorted(files):
            staged = home / f".{name}.{disk.fresh_name()}"
            try:
                shutil.copy2(Path(folder, name), staged)
                os.link(staged, home / name)
            except FileNotFoundError:
                continue  # it has vanished meanwhile
            except FileExistsError:
                pass
            staged.unlink()
        shutil.copystat(folder, home)


def test_CM1_a_full_disk_stops_a_compact_and_costs_nothing(tmp_path: Path):
    with small_disk(tmp_path / "mount") as mount:
        root = mount / "store"
        for _ in range(30):
            ps.realize(some(0), store=opened(root), force_rebuild=True)
        before = ps.Store(root).attempts(some(0).dref)
        free = os.statvfs(mount)
        (mount / "ballast").write_bytes(b"b" * (free.f_bavail * free.f_frsize))
        with pytest.raises(OSError) as caught:
            ps.compact(ps.Store(root))
        assert caught.value.errno == errno.ENOSPC
        assert ps.Store(root).attempts(some(0).dref) == before
        (mount / "ballast").unlink()
        assert ps.compact(ps.Store(root)).attempts == 30
        assert ps.Store(root).attempts(some(0).dref) == before
        assert len(packs.among(attempts.names(ps.Store(root).parts.layout.attempts(some(0).dref))))
