"""Power cuts: a file system that stops at once, forgets what was not synced, and comes back (S4).

Source of the shutdown: ioctl_xfs_goingdown(2); ext4 takes the same call.
"""

import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import builders
import oracle
import pytest
from figures import figure

import pystore as ps
from pystore import Derivation, events, match_latest
from pystore.store import in_use, syncing
from pystore.store.descriptors import open_folder
from pystore.store.gc import collect

CUTS = 20
CUTS_OF_MANY = 8
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}

pytestmark = pytest.mark.long


class Machine:
    """A file system in a file, which can lose its power."""

    def __init__(self, kind: str, place: Path, disk: Path) -> None:
        self.image, self.mount = disk / f"{kind}.img", place / "mount"
        self.mount.mkdir()
        with self.image.open("wb") as image:
            image.truncate(400 << 20)
        subprocess.run([*MAKE[kind], str(self.image)], check=True, capture_output=True)
        self.power_on()

    def power_on(self) -> None:
        command = ["mount", "-o", "loop", str(self.image), str(self.mount)]
        subprocess.run(command, check=True, capture_output=True)

    def cut(self) -> None:
        folder = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(folder)

    def power_off(self) -> None:
        subprocess.run(["umount", str(self.mount)], check=True, capture_output=True)


@contextmanager
def machine(kind: str, place: Path, disk: Path) -> Iterator[Machine]:
    """One with a fresh file system. Skips where there can be none."""
    if os.geteuid() or not shutil.which(MAKE[kind][0]):
        pytest.skip(f"power cuts on {kind} need root and {MAKE[kind][0]}")
    try:
        one = Machine(kind, place, disk)
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"mounting {kind} is refused: {getattr(error, 'stderr', error)}")
    try:
        yield one
    finally:
        one.power_off()
        one.image.unlink()


def _chain(number: int) -> list[Derivation]:
    def first(b: ps.Build) -> None:
        (b.outpath / "weights.bin").write_bytes(random.Random(b.seed).randbytes(50_000))
        (b.outpath / "deep" / "er").mkdir(parents=True)
        (b.outpath / "deep" / "er" / "log.txt").write_text(f"{b.seed}\n" * 50)

    def second(b: ps.Build) -> None:
        size = sum(p.stat().st_size for p in ps.build_path(b, [one.dref, "deep"]).rglob("*"))
        (b.outpath / "size.txt").write_text(f"{size}\n")

    one = Derivation({"name": "first", "i": number}, match_latest(), first)
    return [one, Derivation({"name": "second", "of": one}, match_latest(), second)]


def work(root: Path, pipe: int, durable: bool) -> None:
    """Builds without end; writes each realization into the pipe once it is acknowledged."""

    def tell(event: events.Event) -> None:
        if isinstance(event, events.Succeeded):
            os.write(pipe, f"{event.rref}\n".encode())

    store = ps.Store(root, durable=durable)
    for number in range(1_000_000):
        for target in _chain(number % 3):
            ps.realize(target, store=store, listener=tell, force_rebuild=number % 2 == 1)


def work_by_fsyncs(root: Path, pipe: int, durable: bool) -> None:
    """The same with an fsync of each file and folder."""
    syncing._KINDS = ()
    work(root, pipe, durable)


def work_at_once(root: Path, pipe: int, durable: bool) -> None:
    """The same with one syncfs for each commit."""
    syncing._WORTH = 1 << 40  # however much others write meanwhile
    work(root, pipe, durable)


def _fill(b: ps.Build) -> None:
    for folder in range(20):
        (b.outpath / str(folder)).mkdir()
        for name in range(60):
            (b.outpath / str(folder) / f"{name}.txt").write_text(f"{b.seed} {folder} {name}\n" * 9)


def work_on_many(root: Path, pipe: int, durable: bool) -> None:
    """The same with trees of more than a thousand files, each synced by one syncfs."""
    syncing._WORTH = 1 << 40  # however much others write meanwhile
    store = ps.Store(root, durable=durable)
    many = Derivation({"name": "many"}, match_latest(), _fill)
    while True:
        rref = ps.realize(many, store=store, force_rebuild=True)
        os.write(pipe, f"{rref}\n".encode())


def survive(
    one: Machine,
    root: Path,
    rng: random.Random,
    durable: bool,
    act: Callable[[Path, int, bool], None] = work,
    longest: float = 0.6,
) -> tuple[int, list[str]]:
    """How much was acknowledged before a cut at a random moment, and what it did."""
    reading, writing = os.pipe()
    child = builders.fork(lambda: act(root, writing, durable))
    os.close(writing)
    time.sleep(rng.uniform(0.05, longest))
    one.cut()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        acknowledged = pipe.read().split("\n")[:-1]
    one.power_off()
    one.power_on()
    return len(acknowledged), _damages(root, acknowledged)


def _damages(root: Path, acknowledged: list[str]) -> list[str]:
    state = oracle.look(root)
    found = oracle.unsound(root) if root.exists() else []
    found += oracle.lost(state, state, acknowledged)
    try:
        store = ps.Store(root)
        for target in _chain(0):
            ps.realize(target, store=store, force_rebuild=True)
        everything = [r for dref in store.drefs() for r in store.realizations(dref)]
        collect(store, everything, dry_run=False)
    except Exception as error:
        return [*found, f"O3 it needs a hand: {error!r}"]
    for session in in_use.sessions():
        session.end()  # or the file system could not be unmounted
    left = [name for name in oracle.litter(root) if not name.startswith("O5 tmp/live-")]
    return found + oracle.unsound(root) + left


@pytest.mark.parametrize("act", [work, work_by_fsyncs, work_at_once])
@pytest.mark.parametrize("kind", MAKE)
def test_S4_YN4_what_was_acknowledged_survives_a_power_cut(kind, act, tmp_path, area):
    rng, told, found = random.Random(5), 0, []
    with machine(kind, tmp_path, area) as one:
        for cut in range(CUTS):
            count, damages = survive(one, one.mount / f"store{cut}", rng, True, act)
            told += count
            found += [f"cut {cut}: {damage}" for damage in damages]
    assert found == []
    assert told > 0
    figure(f"power loss on {kind}, {CUTS} random cuts, {act.__name__}",
           "0 corrupt, 0 acknowledged lost",
           f"{told} acknowledged: 0, 0")  # fmt: skip


@pytest.mark.parametrize("kind", MAKE)
def test_S4_YN1_many_files_that_one_syncfs_wrote_survive_a_power_cut(kind, tmp_path, area):
    rng, told, found = random.Random(7), 0, []
    with machine(kind, tmp_path, area) as one:
        with open_folder(one.mount) as folder:
            if not syncing._tells_errors(folder):
                pytest.skip("this kernel does not tell of all errors of syncfs")
        for cut in range(CUTS_OF_MANY):
            root = one.mount / f"store{cut}"
            count, damages = survive(one, root, rng, True, work_on_many, longest=4.0)
            told += count
            found += [f"cut {cut}: {damage}" for damage in damages]
    assert found == []
    assert told > 0
    figure(f"power loss on {kind} with trees of 1,200 files, {CUTS_OF_MANY} random cuts",
           "0 corrupt, 0 acknowledged lost", f"{told} acknowledged: 0, 0")  # fmt: skip


@pytest.mark.parametrize("kind", MAKE)
def test_without_fsync_a_power_cut_does_damage(kind, tmp_path, area):
    rng = random.Random(5)
    with machine(kind, tmp_path, area) as one:
        cuts: list[tuple[int, list[str]]] = []
        damaged = 0
        while len(cuts) < 3 or (not damaged and len(cuts) < 30):  # a busy machine writes little
            cuts.append(survive(one, one.mount / f"store{len(cuts)}", rng, durable=False))
            damaged += bool(cuts[-1][1])
    assert damaged > 0
    figure(f"the same on {kind} with durable=False", "damage", f"{damaged} of {len(cuts)} cuts")
