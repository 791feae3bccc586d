"""The change feed: what may have changed since a look, and that nothing is missed."""

import os
import pickle
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Derivation, match_latest
from pystore.core.refs import DRef
from pystore.store.changes import COARSE, FINE, Changes, World, changes_since
from pystore.store.layout import Layout

DREFS = [DRef(f"dref:{i:032x}-x") for i in range(4)]
DRV = "/drv"


class Fake:
    """A disk whose clock ticks as coarsely as can be, and differs from ours."""

    def __init__(self, tick: float, skew: float) -> None:
        self.time, self.tick, self.skew = 1e6, tick, skew  # [s]
        self.inodes = iter(range(1, 1 << 30))
        self.folders: dict[str, tuple[int, float, dict[str, int]]] = {}  # inode, time, names
        self.meanwhile: list[object] = []  # what is done at one of the next calls
        self.make(DRV)
        self.make("/tmp")

    def make(self, path: str) -> None:
        self.folders[path] = next(self.inodes), self.stamp(), {}

    def stamp(self) -> float:
        time = (self.time + self.skew) // self.tick * self.tick
        return time if self.tick == COARSE else time + 0.000123

    def change(self, path: str, name: str) -> None:
        """Something comes, or goes."""
        inode, _, names = self.folders[path]
        if names.pop(name, None) is None:
            names[name] = next(self.inodes)
        self.folders[path] = inode, self.stamp(), names

    def derive(self, number: int, name: str) -> None:
        """A derivation comes; or, where it is there, something in one of its folders changes."""
        home = f"{DRV}/{DREFS[number][5:]}"
        if home not in self.folders:
            self.make(home)
            self.make(f"{home}/attempts")
            self.change(DRV, DREFS[number][5:])
        elif name == "gone":
            del self.folders[home], self.folders[f"{home}/attempts"]
            self.change(DRV, DREFS[number][5:])
        else:
            self.change(home if name == "realization" else f"{home}/attempts", name)

    def world(self) -> World:
        def between(call):
            def calling(*args):
                if self.meanwhile and (step := self.meanwhile.pop()) is not None:
                    self.do(step)
                return call(*args)

            return calling

        return World(between(self.stat), between(self.names), lambda: self.time, self.clock)

    def stat(self, path):
        if path not in self.folders:
            return None
        inode, changed, _ = self.folders[path]
        return int(changed * 1e9), inode

    def names(self, path):
        return list(self.folders[path][2]) if path in self.folders else []

    def clock(self):
        return int(self.time * 1e9)

    def do(self, step) -> None:
        seconds, number, name = step
        self.time += seconds
        self.derive(number, name)

    def truth(self, dref: DRef):
        """All there is to know of a derivation."""
        home = f"{DRV}/{dref[5:]}"
        folders = [self.folders.get(path) for path in (home, f"{home}/attempts")]
        return [dict(folder[2]) for folder in folders if folder]


seconds = st.sampled_from([0.0, 0.0, 0.001, 0.1, 0.9, 1.9, 3.0, 100.0])
step = st.tuples(
    seconds, st.integers(0, 3), st.sampled_from(["a", "b", "rejected", "realization", "gone"])
)
a_look = st.tuples(seconds, st.lists(st.one_of(st.none(), step), max_size=12))


@given(
    st.lists(st.one_of(step, a_look), max_size=40),
    st.sampled_from([0.004, FINE, COARSE]),
    st.sampled_from([0.0, -3600.0, 3600.0, -0.7, 1.3]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_WN1_no_change_is_missed_whatever_shares_a_tick(steps, tick, skew, some):
    """Who reads what is told knows all, but what changes during a look: that is told later."""
    fake, layout = Fake(tick, skew), Layout(Path("/"))
    drefs, token = (set(DREFS) if some else None), None
    for number in (0, 1):
        fake.derive(number, "a")
    known = {dref: [] for dref in DREFS}
    for one in [*steps, (0.0, []), (COARSE, []), (0.0, [])]:
        fake.time += one[0]
        if len(one) == 3:
            fake.do((0.0, *one[1:]))
            continue
        fake.meanwhile = list(one[1])
        found = changes_since(layout, drefs, token, fake.world())
        calm, fake.meanwhile = not any(one[1]), []
        token = found.token
        known.update((dref, fake.truth(dref)) for dref in found.drefs)
        for dref in DREFS:
            assert not calm or known[dref] == fake.truth(dref)
    assert known == {dref: fake.truth(dref) for dref in DREFS}


@pytest.mark.parametrize("tick", [0.004, COARSE])
def test_each_change_is_told_until_its_tick_is_over(tick):
    fake, layout = Fake(tick, 0.0), Layout(Path("/"))
    for number in range(3):
        fake.derive(number, "a")
    fake.time += 2 * COARSE
    fake.change("/tmp", "live")
    token = changes_since(layout, None, None, fake.world()).token
    fake.derive(1, "a")
    told = []
    for _ in range(10):
        found = changes_since(layout, None, token, fake.world())
        token = found.token
        told.append(found.drefs)
        fake.time += 0.5
    again = 1 if tick < FINE else 4
    assert told == [[DREFS[1]]] * (1 + again) + [[]] * (9 - again)


def test_WN2_a_look_where_nothing_is_new_costs_two_calls_of_stat_a_derivation_and_one():
    fake, layout, calls = Fake(0.004, 0.0), Layout(Path("/")), []
    for number in range(4):
        fake.derive(number, "")
    fake.time += 2 * COARSE
    fake.change("/tmp", "live")
    token = changes_since(layout, None, None, fake.world()).token
    world = fake.world()._replace(
        stat=lambda path: (calls.append(path), fake.stat(path))[1],
        names=lambda path: pytest.fail(f"{path} was read"),
    )
    assert changes_since(layout, None, token, world).drefs == []
    assert len(calls) == 2 * 4 + 1
    assert changes_since(layout, DREFS[:1], token, world).drefs == []


@pytest.mark.parametrize("some", [True, False])
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", ["a", "realization", "gone"])
def test_WN1_a_change_after_a_long_calm_is_told(name, number, some):
    fake, layout, token = Fake(0.004, 0.0), Layout(Path("/")), None
    drefs = set(DREFS) if some else None
    for one in range(4):
        fake.derive(one, "a")
    told = []
    for _ in range(6):
        fake.time += COARSE
        found = changes_since(layout, drefs, token, fake.world())
        told, token = found.drefs, found.token
    assert told == []
    fake.derive(number, name)
    for _ in range(2):  # it is told until its tick is over
        found = changes_since(layout, drefs, token, fake.world())
        token = found.token
        assert found.drefs == [DREFS[number]]
    fake.time += COARSE
    token = changes_since(layout, drefs, token, fake.world()).token
    assert changes_since(layout, drefs, token, fake.world()).drefs == []


# --- on a real disk --------------------------------------------------------------------


def stage(number, build=lambda b: (b.outpath / "x.txt").write_text(f"{b.seed}\n")):
    return Derivation({"name": "x", "number": number}, match_latest(), build)


class Reader:
    """Looks at a store again and again, each time a tick later."""

    def __init__(self, store, drefs=None) -> None:
        self.store, self.drefs = store, drefs
        self.last: Changes = store.changes(drefs)
        self.first = self.last.drefs
        self()

    def __call__(self):
        """What is told now; it is told once more, and then no more."""
        self.last = self.store.changes(self.drefs, self.last.token)
        told = self.last.drefs
        for _ in range(2):
            time.sleep(FINE)
            self.last = self.store.changes(self.drefs, self.last.token)
            assert set(self.last.drefs) <= set(told or self.first)
        assert self.last.drefs == []
        return told


@pytest.fixture
def two(store):
    ps.realize_many([stage(1), stage(2)])
    return [ps.realize(stage(i)) for i in (1, 2)]


def test_without_a_token_all_are_told_and_with_it_none(store, two):
    reader = Reader(store)
    assert reader.first == sorted(rref.dref for rref in two)
    assert reader() == []


def test_WN1_an_attempt_of_another_process_is_told(store, two, tmp_path):
    reader = Reader(store)
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, pystore as ps\n"
        "store = ps.Store(sys.argv[1])\n"
        "config = store.config(ps.DRef(sys.argv[2]))\n"
        "staged = store.begin(config, ps.Context())\n"
        "(staged.out / 'x.txt').write_text('new')\n"
        "store.commit(staged)\n"
    )
    subprocess.run([sys.executable, program, store.root, two[0].dref], check=True)
    assert reader() == [two[0].dref]
    assert reader() == []


def test_WN1_what_is_removed_rejected_or_collected_is_told(store, two):
    reader = Reader(store)
    first, second = two
    for act, told in [
        (lambda: ps.reject(first, "label leak"), [first.dref]),
        (lambda: ps.rmref(first), [first.dref]),
        (lambda: ps.gc((), dry_run=False), [second.dref]),
        (lambda: ps.rmref(second.dref), [second.dref]),
    ]:
        act()
        assert reader() == told
        assert reader() == []


def test_WN1_a_failed_attempt_and_a_new_derivation_are_told(store, two):
    reader = Reader(store)
    with pytest.raises(ps.errors.BuildError):
        ps.realize(stage(1, lambda b: 1 / 0), force_rebuild=True)
    ps.instantiate(stage(3))
    assert set(reader()) == {stage(1).dref, stage(3).dref}


def test_WN1_only_those_that_are_asked_for_are_told(store, two):
    reader = Reader(store, [two[0].dref])
    assert reader.first == [two[0].dref]
    ps.realize(stage(2), force_rebuild=True)
    assert reader() == []
    assert store.changes(since=reader.last.token).drefs == [two[1].dref]
    ps.realize(stage(1), force_rebuild=True)
    assert reader() == [two[0].dref]


def test_WN1_attempts_that_are_copied_with_their_times_are_told(store, two, tmp_path):
    other = ps.Store(tmp_path / "other")
    shutil.copytree(store.root / "drv", other.root / "drv", dirs_exist_ok=True)
    ps.realize(stage(1), store=other, force_rebuild=True)
    reader, theirs = Reader(store), Path(other.parts.layout.attempts(two[0].dref))
    ours = Path(store.parts.layout.attempts(two[0].dref))
    old = os.stat(ours)
    for path in theirs.iterdir():
        if not (ours / path.name).exists():
            shutil.copy2(path, ours / path.name)
    os.utime(ours, ns=(old.st_atime_ns, old.st_mtime_ns))  # as `rsync -a` leaves it
    assert reader() == [two[0].dref]


def test_WN1_a_store_that_was_deleted_and_made_anew_is_told(store, two):
    reader = Reader(store)
    store.destroy()
    assert sorted(reader()) == sorted(rref.dref for rref in two)
    anew = ps.Store(store.root)
    assert reader() == []
    ps.realize(stage(1), store=anew)
    assert reader() == [two[0].dref]


def test_WN1_what_happens_in_the_store_below_is_told(store, two, tmp_path):
    upper = ps.Store(tmp_path / "upper", below=store.root)
    reader = Reader(upper)
    assert reader.first == sorted(rref.dref for rref in two)
    ps.realize(stage(1), store=store, force_rebuild=True)
    assert reader() == [two[0].dref]
    ps.realize(stage(2), store=upper, force_rebuild=True)
    assert reader() == [two[1].dref]
    away = store.root.rename(tmp_path / "away")
    assert sorted(reader()) == sorted(rref.dref for rref in two)
    away.rename(store.root)
    assert sorted(reader()) == sorted(rref.dref for rref in two)
    assert reader() == []


def test_a_token_goes_to_another_process(store, two):
    token = pickle.loads(pickle.dumps(Reader(store).last.token))
    assert store.changes(since=token).drefs == []
    ps.realize(stage(2), force_rebuild=True)
    assert store.changes(since=token).drefs == [two[1].dref]


def test_WN1_beside_builders_that_are_killed_a_reader_ends_with_all_there_is(store):
    """What the reader has read by the time when all is quiet is all that stands on the disk."""

    def listing(dref):
        folders = store.parts.layout.derivation(dref), store.parts.layout.attempts(dref)
        try:
            return [sorted(os.listdir(folder)) for folder in folders]
        except FileNotFoundError:
            return []

    def work(seed):
        rng = random.Random(seed)
        while True:
            ps.realize(stage(rng.randrange(5)), store=store, force_rebuild=True)

    def fork(seed):
        child = os.fork()
        if not child:
            try:
                work(seed)
            finally:
                os._exit(1)
        return child

    token, read, end, seed = None, {}, time.monotonic() + 4.0, 0
    while time.monotonic() < end or len(read) < 5:
        children = [fork(seed := seed + 1) for _ in range(2)]
        pause = 0.3 if time.monotonic() < end else 3.0  # a busy machine builds little in 0.3 s
        timer = threading.Timer(pause, lambda children=children: [os.kill(c, 9) for c in children])
        timer.start()
        while timer.is_alive():
            found = store.changes(since=token)
            token = found.token
            read.update((dref, listing(dref)) for dref in found.drefs)
        for child in children:
            os.waitpid(child, 0)
    found = store.changes(since=token)
    read.update((dref, listing(dref)) for dref in found.drefs)
    assert len(read) == 5
    assert read == {dref: listing(dref) for dref in store.drefs()}
