"""Holders of a lock that die, stop, or lose its file (S5)."""

import os
import signal
import threading
import time
from pathlib import Path

import builders
import oracle
import pytest
from figures import figure
from mutants import plant

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import StoreBusy

pytestmark = pytest.mark.alone  # for its limit of time

KILLS = 100
SOON = 0.2  # [s]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ps.Store(tmp_path / "store", durable=False)
    (tmp_path / "log").mkdir()
    return tmp_path / "store"


def slow(root: Path) -> Derivation:
    """Waits for as long as there is a file `wait` beside the store."""

    def build(b: ps.Build) -> None:
        builders.note(root.parent / "log", "slow")
        while (root.parent / "wait").exists():
            time.sleep(0.01)
        (b.outpath / "x.txt").write_text("done\n")

    return Derivation({"name": "slow"}, match_latest(), build)


def realize(root: Path, patience: float = builders.PATIENCE) -> ps.RRef:
    return ps.realize(slow(root), store=ps.Store(root, durable=False), lock_timeout=patience)


def holder(root: Path, mutant: str = "") -> int:
    """A process that holds the lock of the slow derivation, and builds it."""
    (root.parent / "wait").touch()
    child = builders.fork(lambda: realize(root), mutant)
    until(lambda: os.listdir(root.parent / "log"))
    return child


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not happen within 60 s")
        time.sleep(0.002)


def test_S5_the_lock_of_a_killed_holder_is_free_at_once(root):
    store = ps.Store(root, durable=False)
    dref = ps.instantiate(slow(root), store=store).targets
    late = [waited for _ in range(KILLS) if (waited := _regain(store, dref)) > SOON]
    figure(f"holder killed: lock regained within {SOON} s", f"{KILLS} of {KILLS}",
           f"{KILLS - len(late)} of {KILLS}")  # fmt: skip
    assert late == []


def _regain(store: ps.Store, dref: ps.DRef) -> float:
    """How long a waiting process needs after the death of the holder [s].

    Without the time for which the machine stood still, as another thread sees it.
    """
    reading, writing = os.pipe()

    def hold() -> None:
        if store.lock(dref, ps.Context({})).acquire():
            os.write(writing, b"!")
        time.sleep(60)

    child = builders.fork(hold)
    os.read(reading, 1)
    waiter, times = store.lock(dref, ps.Context({})), []

    def wait() -> None:
        if waiter.acquire(patience=60):
            times.append(time.monotonic())
            waiter.release()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.01)
    dead = time.monotonic()
    os.kill(child, signal.SIGKILL)
    still = 0.0
    while thread.is_alive():
        before = time.monotonic()
        time.sleep(0.005)
        still += max(0.0, time.monotonic() - before - 0.05)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    return times[0] - dead - still


def test_S5_a_waiting_build_goes_on_when_the_builder_is_killed(root):
    child = holder(root)
    waiting = builders.fork(lambda: realize(root))
    time.sleep(0.2)
    (root.parent / "wait").unlink()
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(waiting, 0)[1]) == 0
    os.waitpid(child, 0)
    outcomes = [attempt.outcome for attempt in ps.Store(root).attempts(slow(root).dref)]
    assert outcomes[-1] == "succeeded"
    assert oracle.unsound(root) == []


def rob(root: Path, mutant: str = "") -> list[str]:
    """What goes wrong when another process wants what a stopped one is building."""
    child = holder(root)
    os.kill(child, signal.SIGSTOP)
    found = []
    try:
        found = [text for _ in range(3) if (text := _ask(root, mutant))]
    finally:
        (root.parent / "wait").unlink()
        os.kill(child, signal.SIGCONT)
        os.waitpid(child, 0)
    count = builders.builds(root.parent / "log")["slow"]
    return found + ([f"built {count} times"] if count != 1 else []) + oracle.unsound(root)


def _ask(root: Path, mutant: str) -> str:
    reading, writing = os.pipe()

    def work() -> None:
        try:
            os.write(writing, f"robbed: {realize(root, patience=0.3)}".encode())
        except StoreBusy as busy:
            told = str(busy.owner).startswith("process ")
            os.write(writing, b"" if told else f"no owner: {busy}".encode())

    if mutant:
        (root.parent / "wait").unlink()
    child = builders.fork(work, mutant)
    os.waitpid(child, 0)
    (root.parent / "wait").touch()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return pipe.read()


def test_S5_a_stopped_holder_is_never_robbed(root):
    assert rob(root) == []
    figure("holder stopped", "never robbed", "StoreBusy in 3 of 3, with its owner; built once")


def test_robbing_a_stopped_holder_is_found(root):
    assert rob(root, "a stopped holder is robbed") != []


def test_S5_a_deleted_lock_file_wastes_work_and_corrupts_nothing(root):
    child = holder(root)
    for lock in (root / "locks").iterdir():
        lock.unlink()
    second = builders.fork(lambda: realize(root))
    until(lambda: builders.builds(root.parent / "log")["slow"] == 2)
    (root.parent / "wait").unlink()
    assert [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in (child, second)] == [0, 0]
    assert builders.problems(root, root.parent / "log") == []


# --- the clock -------------------------------------------------------------------------


class Hands:
    """A clock that a test moves [ns]."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


HOUR = 3_600_000_000_000  # [ns]
JUMPS = {"back two hours": -2 * HOUR, "forward ten days": 240 * HOUR, "standing still": 0}


def latest_is_right(root: Path, jump: int, *, torn: bool = False) -> bool:
    """Whether `match_latest` names the last build after the clock has jumped."""
    hands = Hands()
    store = ps.Store(root, durable=False, clock=hands)
    one = builders.derivations(1, root.parent / "log")[0]
    for _ in range(4):
        before = store.realizations(one.dref) if store.drefs() else []
        chosen = ps.realize(one, store=store, force_rebuild=True)
        starts = [attempt.start for attempt in store.attempts(one.dref)]
        if chosen in before or starts != sorted(set(starts)):
            return False
        if torn:
            _tear_claims(root)
        hands.now += jump
    return True


def _tear_claims(root: Path) -> None:
    """Empties them, as a power cut may: they are not synced."""
    for claim in root.glob("drv/*/attempts/*.begin"):
        claim.chmod(0o644)
        claim.write_bytes(b"")


@pytest.mark.parametrize("jump", JUMPS)
def test_S7_the_latest_is_the_last_built_whatever_the_clock_does(root, jump):
    assert latest_is_right(root, JUMPS[jump])
    figure(f"clock: {jump}", "match_latest is right", "right")


def test_S7_claims_torn_by_a_power_cut_do_not_set_the_order_back(root):
    assert latest_is_right(root, -2 * HOUR, torn=True)


def test_S7_a_number_is_not_claimed_again_when_its_claim_was_deleted(root):
    store = ps.Store(root, durable=False)
    one = builders.derivations(1, root.parent / "log")[0]
    for _ in range(3):
        ps.realize(one, store=store, force_rebuild=True)
        for claim in root.glob("drv/*/attempts/*.begin"):
            claim.unlink()
    assert [attempt.number for attempt in store.attempts(one.dref)] == [0, 1, 2]


def test_trusting_the_wall_clock_is_found(root):
    def work() -> None:
        plant("the wall clock is trusted")
        os._exit(3 if latest_is_right(root, -2 * HOUR) else 0)

    assert os.waitpid(builders.fork(work), 0)[1] == 0
