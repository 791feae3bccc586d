"""The index: whatever is done to a store or to the file, the answers are those of the records."""

import functools
import itertools
import json
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import importing

import pystore as ps
from pystore import Derivation, match_latest
from pystore.core.attempt import AttemptReport
from pystore.core.attempt_columns import COLUMNS, METRIC
from pystore.core.config import Config
from pystore.core.context import Context
from pystore.store import attempts, changes
from pystore.store.caching import InForce
from pystore.store.compact import compact
from pystore.store.index import file as index_file
from pystore.store.index import holdings as holdings_of_one
from pystore.store.index import looking, rows, up_to_date
from pystore.store.index.packing import Piece, Unpackable, pack, segment, unpack
from pystore.store.index.place import place_of
from pystore.store.remote.copy_stores import copy_realizations

NAMES = 3  # derivations


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder, and an index even of small stores."""
    monkeypatch.setattr(holdings_of_one, "FEW", -1)
    monkeypatch.setattr(InForce, "find", lambda: tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@functools.cache
def config(number: int) -> Config:
    """The first two are in one page of the index, the others in another."""
    made = (Config({"name": "train", "number": number, "salt": n}) for n in itertools.count())
    return next(one for one in made if one.dref.digest[0] == ("a" if number < 2 else "b"))


def succeed(store, number: int, score: float) -> None:
    staged = store.begin(config(number), Context())
    (staged.out / "score.txt").write_text(f"{score}\n")
    store.commit(staged, AttemptReport(metrics={"told": score}))


def fail(store, number: int) -> None:
    store.fail(store.begin(config(number), Context()), AttemptReport(), ValueError("no"))


def a_day_later(store):
    return ps.Store(store.root, durable=False, clock=lambda: time.time_ns() + 3 * 86_400 * 10**9)


def facts(held):
    """All that a holding says."""
    tries = held.attempts
    names = [*COLUMNS, *(METRIC + name for name in tries.metrics)]
    return {
        "columns": {name: list(tries.columns[name]) for name in names},
        "metrics": tries.metrics,
        "here": list(held.here),
        "config": held.config,
        "rest": (
            held.dref,
            held.built,
            held.rejected,
            held.damaged,
            held.matchers,
            held.imported,
            held.noted,
        ),
    }


def by_records(store):
    found = {d: holdings_of_one.holding_of(store.parts.layout, d, store.parts.staging_area)
             for d in store.drefs()}  # fmt: skip
    return {dref: facts(held) for dref, held in found.items()}


def by_index(store):
    up_to_date._known.clear()  # as another process
    return {dref: facts(held) for dref, held in store.holdings(store.drefs()).items()}


def asked_again(store):
    """As `by_index`, in the process that has asked before."""
    return {dref: facts(held) for dref, held in store.holdings(store.drefs()).items()}


def place(store) -> Path:
    found = place_of(store.parts.layout)
    assert found is not None
    return found


@pytest.fixture
def filled(store):
    for number in range(NAMES):
        for turn in range(3):
            succeed(store, number, turn / 10)
    fail(store, 0)
    assert by_index(store) == by_records(store)
    return store


def settle(store) -> None:
    """Waits until all ticks are over, so that nothing is looked at again without need."""
    for _ in range(2):
        by_index(store)
        time.sleep(0.3)
    by_index(store)


# --- whatever is done ------------------------------------------------------------------

numbers = st.integers(0, NAMES - 1)
places = st.floats(0, 0.999)
steps = st.one_of(
    st.tuples(st.just("succeed"), numbers, st.sampled_from([0.1, 0.2, float("inf")])),
    st.tuples(st.just("fail"), numbers),
    st.tuples(st.just("begin"), numbers),
    st.tuples(st.just("copy"), numbers),
    st.tuples(st.sampled_from(["reject", "remove"]), places),
    st.tuples(st.sampled_from(["collect", "forget one", "look", "compact"])),
    st.tuples(st.sampled_from(["flip", "truncate"]), places),
    st.tuples(st.sampled_from(["garbage", "delete", "empty", "older", "newer", "folder"])),
)


class World:
    """A store, another one to copy from, and what may be done to them."""

    def __init__(self, area: Path) -> None:
        self.store = ps.Store(area / "store", durable=False)
        self.other = ps.Store(area / "other", durable=False)
        for number in range(NAMES):
            succeed(self.other, number, 0.7)

    def do(self, name: str, *given) -> None:
        getattr(self, f"_{name.replace(' ', '_')}")(*given)

    def _succeed(self, number, score):
        succeed(self.store, number, score)

    def _fail(self, number):
        fail(self.store, number)

    def _begin(self, number):
        """An attempt that dies: its staging is left, and nobody holds it."""
        shutil.rmtree(self.store.begin(config(number), Context()).path)

    def _copy(self, number):
        made = [a.rref for a in self.other.attempts(config(number).dref) if a.rref]
        copy_realizations(self.other, self.store, made[-1:])

    def _one(self, place):
        drefs = self.store.drefs()
        found = [r for dref in drefs for r in self.store.realizations(dref)]
        return found[int(place * len(found))] if found else None

    def _reject(self, place):
        if rref := self._one(place):
            ps.reject(rref, "no good", store=self.store)

    def _remove(self, place):
        if rref := self._one(place):
            self.store.remove(rref)

    def _collect(self):
        ps.gc((), dry_run=False, store=self.store)

    def _forget_one(self):
        for dref in self.store.drefs()[:1]:
            self.store.remove_derivation(dref)

    def _compact(self):
        """As a day later."""
        compact(a_day_later(self.store))

    def _look(self):
        by_index(self.store)

    def _flip(self, place):
        path = place_of(self.store.parts.layout)
        if path and path.is_file() and (size := path.stat().st_size):
            content = bytearray(path.read_bytes())
            content[int(place * size)] ^= 1 << int(place * 1e6) % 8
            path.write_bytes(content)

    def _truncate(self, at):
        path = place_of(self.store.parts.layout)
        if path and path.is_file():
            os.truncate(path, int(at * path.stat().st_size))

    def _write(self, content):
        path = place_of(self.store.parts.layout)
        if path and not path.is_dir():
            path.write_bytes(content)

    def _garbage(self):
        self._write(b"no index at all" * 999)

    def _empty(self):
        self._write(b"")

    def _delete(self):
        path = place_of(self.store.parts.layout)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)

    def _folder(self):
        path = place_of(self.store.parts.layout)
        if not path.is_dir():
            path.unlink(missing_ok=True)
            path.mkdir()

    def _version(self, number):
        path = place_of(self.store.parts.layout)
        if path.is_file():
            try:
                with sqlite3.connect(path) as file:
                    file.execute(f"PRAGMA user_version = {number}")
                file.close()
            except sqlite3.DatabaseError:
                return  # it was damaged before

    def _older(self):
        self._version(-1)

    def _newer(self):
        self._version(index_file.VERSION + 1)


@given(st.lists(steps, max_size=14))
@settings(suppress_health_check=list(HealthCheck))
def test_IX1_the_answers_are_those_of_the_records_whatever_is_done(tmp_path_factory, done):
    world = World(tmp_path_factory.mktemp("world"))
    for one in done:
        world.do(*one)
        assert asked_again(world.store) == by_records(world.store)
        assert by_index(world.store) == by_records(world.store)
    first = by_index(world.store)
    assert first == by_index(world.store) == by_records(world.store)


@pytest.mark.parametrize("size", range(0, 100, 7))
def test_XP1_XF1_a_file_cut_at_any_place_costs_time_only(filled, size):
    content = place(filled).read_bytes()
    place(filled).write_bytes(content[: len(content) * size // 100])
    assert by_index(filled) == by_records(filled)
    assert by_index(filled) == by_records(filled)


ONE, OTHER = config(0).dref, config(1).dref


def test_XP1_each_flipped_byte_of_a_page_is_noticed():
    columns = {"n": segment("natural", [1, 2, 300]), "x": segment("float", [0.5, None, 2.0])}
    words = {"w": segment("word", ["a", "b", "a"])}
    packed = pack("key", {ONE: Piece({"a": 1}, columns), OTHER: Piece(None, words)})
    page = unpack("key", packed)
    assert page.facts == [{"a": 1}, None]
    found = page.columns_of(page.places[ONE])
    assert ([*found["n"]], found["x"], sorted(found)) == ([1, 2, 300], [0.5, None, 2.0], ["n", "x"])
    assert page.columns_of(page.places[OTHER])["w"] == ["a", "b", "a"]
    assert unpack("another key", packed) is None
    for at in range(len(packed)):
        assert unpack("key", packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :]) is None
        assert unpack("key", packed[:at]) is None


VALUES = {
    "float": st.lists(st.one_of(st.none(), st.floats(allow_nan=False))),
    "integer": st.lists(st.integers(-(2**63), 2**63 - 1)),
    "natural": st.lists(st.integers(0, 2**32 - 1)),
    "digest": st.lists(st.sampled_from(["", "a" * 32, "0123456789abcdef" * 2])),
    "word": st.lists(st.text()),
}
derivations = st.fixed_dictionaries({}, optional=VALUES)


@given(derivations, derivations, derivations)
def test_AQ1_a_column_is_unpacked_as_it_was_packed(one, two, three):
    """Some derivations have columns that others lack."""
    given = (one, two, three)
    drefs = [config(number).dref for number in range(len(given))]
    pieces = {
        dref: Piece(None, {kind: segment(kind, values) for kind, values in told.items() if values})
        for dref, told in zip(drefs, given, strict=True)
    }
    page = unpack("k", pack("k", pieces))
    again = {d: Piece(None, page.segments_of(page.places[d])) for d in reversed(drefs)}
    for found_page in (page, unpack("k", pack("k", again))):
        for dref, told in zip(drefs, given, strict=True):
            found = found_page.columns_of(found_page.places[dref])
            expected = {kind: values for kind, values in told.items() if values}
            assert {name: list(values) for name, values in found.items()} == expected


def test_what_fits_no_column_is_left_to_the_records(store, filled):
    for kind, value in (("integer", 2**70), ("natural", -1), ("integer", True), ("digest", "x")):
        with pytest.raises(Unpackable):
            segment(kind, [value])
    made = filled.attempts(config(1).dref)[0]
    odd = made._replace(id="f" * 32, number=77, seed=2**70)
    folder = filled.parts.layout.attempts(made.dref)
    attempts.record(folder, odd, tmp=filled.parts.tmp, durable=False)
    assert 2**70 in by_index(filled)[made.dref]["columns"]["seed"]
    assert by_index(filled) == by_records(filled)


def test_a_damaged_record_is_told_each_time(filled):
    folder = Path(filled.parts.layout.attempts(config(0).dref))
    record = next(folder.glob("*.0.json"))
    text = record.read_bytes()
    record.unlink()
    record.write_bytes(text.replace(b"succeeded", b"SUCCEEDED"))
    for _ in range(2):
        with pytest.warns(ps.errors.PystoreWarning, match="left out"):
            found = by_index(filled)
        with pytest.warns(ps.errors.PystoreWarning, match="left out"):
            assert found == by_records(filled)


# --- what costs time only --------------------------------------------------------------


def test_IX2_where_nothing_is_new_no_record_is_read(filled, monkeypatch):
    settle(filled)
    reads: list[str] = []
    read = attempts.read_records

    def counted(folder, names):
        names = list(names)
        reads.extend(names)
        return read(folder, names)

    monkeypatch.setattr(attempts, "read_records", counted)
    expected = by_index(filled)
    assert reads == []
    succeed(filled, 1, 0.9)
    assert by_index(filled) != expected
    assert len(reads) == 1
    assert reads[0].endswith(".3.json")


def test_IX1_a_process_that_asks_again_after_a_calm_is_told_what_is_new(filled):
    settle(filled)
    steps = [
        lambda: succeed(filled, 1, 0.9),
        lambda: fail(filled, 2),
        lambda: filled.remove(filled.realizations(config(0).dref)[0]),
        lambda: filled.remove_derivation(config(2).dref),
        lambda: succeed(filled, 2, 0.3),
    ]
    for change in steps:
        settle(filled)
        assert asked_again(filled) == asked_again(filled) == by_records(filled)
        (known,) = up_to_date._known.values()
        assert known.seen is not None
        assert known.seen.calm is not None
        change()
        assert asked_again(filled) == by_records(filled)


def test_a_page_that_tells_the_same_is_not_written_again(filled, monkeypatch):
    settle(filled)
    written: list[str] = []
    write = index_file.IndexFile.write

    def counted(file, kind, rows):
        written.extend(key for key, *_ in rows)
        write(file, kind, rows)

    monkeypatch.setattr(index_file.IndexFile, "write", counted)
    monkeypatch.setattr(changes, "FINE", 60.0)  # no tick is over before the test is
    succeed(filled, 1, 0.9)
    assert by_index(filled) == by_records(filled)
    assert written == ["a"]
    assert asked_again(filled) == by_index(filled) == by_records(filled)
    assert written == ["a"]
    fail(filled, 0)
    assert by_index(filled) == by_records(filled)
    assert written == ["a", "a"]


def test_XF1_a_file_that_another_process_has_locked_costs_time_only(filled, monkeypatch):
    monkeypatch.setattr(index_file, "_WAIT", 0.01)
    expected = by_records(filled)
    with sqlite3.connect(place(filled), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert by_index(filled) == expected
        succeed(filled, 1, 0.9)
        assert by_index(filled) == by_records(filled)
    other.close()
    assert by_index(filled) == by_records(filled)


def test_XF1_the_file_of_a_later_version_is_left_alone(filled):
    with sqlite3.connect(place(filled)) as file:
        file.execute("PRAGMA user_version = 999")
    file.close()
    before = place(filled).read_bytes()
    assert by_index(filled) == by_records(filled)
    assert place(filled).read_bytes() == before


@pytest.mark.parametrize("kind", ["none", "file", "not ours", "read-only"])
def test_XF1_without_a_cache_folder_all_works(filled, tmp_path, kind, monkeypatch):
    target = tmp_path / "elsewhere"
    if kind == "file":
        target.write_text("no folder")
    if kind == "read-only":
        target.mkdir(mode=0o500)
    if kind == "not ours":
        monkeypatch.setattr("pystore.store.rights.strange_owner", lambda path: 4711)
    monkeypatch.setattr(InForce, "find", lambda: None if kind == "none" else target)
    assert by_index(filled) == by_records(filled)
    assert kind == "read-only" or not target.is_dir()  # root writes it all the same


def _look(root: str, cache: str, go, told) -> None:
    InForce.find = staticmethod(lambda: Path(cache))
    holdings_of_one.FEW = -1
    store = ps.Store(root, durable=False)
    go.wait()
    told.put([by_index(store) == by_records(store) for _ in range(5)])


def test_XR1_several_processes_at_once_each_get_the_right_answers(filled, cache):
    place(filled).unlink()
    context = multiprocessing.get_context("spawn")
    go, told = context.Event(), context.Queue()
    each = [
        context.Process(target=_look, args=(str(filled.root), str(cache), go, told))
        for _ in range(3)
    ]
    for one in each:
        one.start()
    go.set()
    assert [told.get(timeout=60) for _ in each] == [[True] * 5] * 3
    for one in each:
        one.join()
    assert by_index(filled) == by_records(filled)


def test_XR1_an_older_row_in_place_of_a_newer_one_is_noticed(filled):
    settle(filled)
    older = place(filled).read_bytes()
    succeed(filled, 1, 0.9)
    settle(filled)
    place(filled).write_bytes(older)
    assert by_index(filled) == by_records(filled)


def test_XR1_the_stamps_of_another_page_are_not_believed(filled):
    """Another process may write a page between the reading of its two parts."""
    settle(filled)
    with sqlite3.connect(place(filled)) as file:
        old = dict(file.execute("SELECT key, body FROM row WHERE kind = 'holding'"))
    file.close()
    succeed(filled, 1, 0.9)
    settle(filled)
    with sqlite3.connect(place(filled)) as file:
        file.executemany("UPDATE row SET body = ? WHERE key = ?", [(b, k) for k, b in old.items()])
    file.close()
    assert by_index(filled) == by_records(filled)


# --- that no change is missed ----------------------------------------------------------


def test_XR1_a_row_of_a_time_to_come_is_not_believed(filled, monkeypatch):
    """The clock was set back: then a new change may have the stamp of an old one."""
    settle(filled)
    stamps: dict[str, object] = {}
    for dref in filled.drefs():
        for path in rows.paths(filled.parts.layout.derivation(dref)):
            stamps[path] = os.stat(path)
    now = time.time_ns()
    monkeypatch.setattr(rows.time, "time_ns", lambda: now - 3600 * 10**9)
    succeed(filled, 1, 0.9)
    expected = by_records(filled)
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: stamps.get(str(path)) or real(path, **how))
    assert by_index(filled) == expected


def test_XR1_after_a_restart_of_the_machine_open_ticks_begin_anew(filled, monkeypatch):
    succeed(filled, 1, 0.9)
    by_index(filled)
    dref = config(1).dref
    monkeypatch.setattr(rows, "boot", lambda: "another start")
    with sqlite3.connect(place(filled)) as file:
        query = "SELECT body FROM row WHERE kind = 'holding' AND key = ?"
        (body,) = file.execute(query, (dref[5],)).fetchone()
    file.close()
    row = dict(rows.rows_in(rows.read_page(dref[5], body), [dref]))[dref]
    since = [folder.since for folder in row.folders if folder.since is not None]
    assert since
    assert all(time.monotonic() - one < 60 for one in since)


def test_numbers_that_are_given_again_are_noticed(filled):
    settle(filled)
    dref = config(1).dref
    filled.remove_derivation(dref)
    for turn in range(3):
        succeed(filled, 1, 0.5 + turn / 10)
    assert by_index(filled) == by_records(filled)


def test_what_runs_is_looked_at_each_time(filled):
    staged = filled.begin(config(0), Context())
    settle(filled)
    assert by_index(filled)[config(0).dref]["columns"]["outcome"][-1] == "running"
    staged.release() if hasattr(staged, "release") else None
    shutil.rmtree(staged.path)
    del staged
    assert by_index(filled) == by_records(filled)


def test_a_store_above_another_has_the_attempts_of_both(filled, tmp_path):
    upper = ps.Store(tmp_path / "upper", durable=False, below=filled.root)
    for number in (0, 5):
        succeed(upper, number, 0.8)
    made = filled.attempts(config(1).dref)[0].rref
    for dref, held in upper.holdings(upper.drefs()).items():
        assert list(held.attempts.outlines()) == [
            one._replace(
                error=None, versions={}, notes={}, tree=None, reads=None
            ) for one in upper.attempts(dref)
        ]  # fmt: skip
        assert held.realizations() == upper.realizations(dref)
    ps.reject(made, "no", store=filled)
    assert made.digest in upper.holdings([made.dref])[made.dref].rejected


def test_another_store_at_the_same_place_has_another_index(filled):
    first = place(filled)
    filled.destroy()
    again = ps.Store(filled.root, durable=False)
    assert place(again) != first
    succeed(again, 1, 0.3)
    assert by_index(again) == by_records(again)


# --- what must not touch it ------------------------------------------------------------

PROGRAM = """
import sys
import pystore as ps
from pystore.store.caching import InForce
from pystore.store.compact import compact
InForce.find = lambda: 1 / 0
with ps.Store(sys.argv[1], durable=False).use():
    for rate in (1, 2, 1):
        ps.realize(ps.Derivation({"name": "x", "rate": rate}, ps.match_latest(),
                                 lambda b: (b.outpath / "f").write_text("x")))
assert not {"sqlite3", "pystore.store.index.holdings"} & {*sys.modules}, "it is imported"
"""


def test_realize_does_not_touch_the_index(tmp_path):
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "store"], check=True, env=importing())


def test_listings_know_what_each_realization_holds(filled):
    for _ in range(2):
        held = filled.holdings(filled.drefs())
        for dref, listed in filled.listings(held).items():
            assert sorted(listed.digests) == [r.digest for r in filled.realizations(dref)]
            for rref in filled.realizations(dref):
                manifest, at = filled.manifest(rref), listed.places[rref.digest]
                shape = listed.shapes[listed.shape[at]]
                assert [path for _, path in shape] == [e.path.decode() for e in manifest.entries]
                assert listed.sizes[at] == manifest.size
        succeed(filled, 1, 0.9)
        filled.remove(filled.realizations(config(0).dref)[0])


def test_XL1_a_manifest_that_cannot_be_read_is_in_no_listing(filled):
    rref = filled.realizations(config(0).dref)[0]
    manifest = filled.home(rref) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    listed = filled.listings(filled.holdings([rref.dref]))[rref.dref]
    assert rref.digest not in listed.places
    assert len(listed.digests) == len(filled.realizations(rref.dref)) - 1


def test_the_index_of_a_store_is_small_and_for_its_user_alone(filled, cache):
    folder = cache / "index"
    assert folder.stat().st_mode & 0o77 == 0
    assert [path.suffix for path in folder.iterdir()] == [".sqlite"]
    assert json.dumps(str(filled.root)) not in place(filled).name


def test_derivations_of_any_kind_are_found(store):
    made = ps.realize(
        Derivation({"name": "x"}, match_latest(), lambda b: (b.outpath / "f").touch())
    )
    assert by_index(store)[made.dref]["here"] == [made.digest]


def test_attempts_that_ended_are_whole_beside_one_that_runs(filled):
    filled.begin(config(0), Context())
    by_index(filled)
    found = ps.attempts(config(0).dref)
    assert found == filled.attempts(config(0).dref)
    assert found[3].error == "ValueError: no"
    upper = ps.Store(filled.root.parent / "upper", durable=False, below=filled.root)
    succeed(upper, 0, 0.8)
    assert ps.attempts(config(0).dref, store=upper) == upper.attempts(config(0).dref)


def test_what_is_packed_is_found_and_whole(filled):
    settle(filled)
    assert compact(a_day_later(filled)).attempts
    assert by_index(filled) == by_records(filled)
    succeed(filled, 0, 0.9)
    assert by_index(filled) == by_records(filled)
    assert ps.attempts(config(0).dref) == filled.attempts(config(0).dref)
    pack = next(Path(filled.parts.layout.attempts(config(0).dref)).glob("*.pack"))
    copy = pack.read_bytes()
    pack.unlink()
    assert by_index(filled) == by_records(filled)
    pack.write_bytes(copy)
    assert by_index(filled) == by_records(filled)


def test_IX1_a_pack_with_as_many_records_in_place_of_another_is_read(filled):
    compact(a_day_later(filled))
    settle(filled)
    filled.remove_derivation(config(1).dref)
    for turn in range(3):
        succeed(filled, 1, 0.5 + turn / 10)
    compact(a_day_later(filled))
    assert by_index(filled) == by_records(filled)


def test_IX1_copies_of_an_attempt_under_two_numbers_are_both_there(filled):
    """As where a store was copied into another that had imported from it."""
    settle(filled)
    made = filled.attempts(config(1).dref)[0]
    folder = filled.parts.layout.attempts(made.dref)
    attempts.record(folder, made._replace(number=7), tmp=filled.parts.tmp, durable=False)
    assert by_index(filled) == by_records(filled)
    assert len(by_index(filled)[made.dref]["columns"]["id"]) == 4


def test_IX1_a_record_that_others_replaced_beside_its_pack_is_beside_the_one_in_the_pack(filled):
    made = filled.attempts(config(1).dref)[0]
    folder = filled.parts.layout.attempts(made.dref)
    compact(a_day_later(filled))
    path = Path(folder, f"{made.context}.{made.number}.json")
    for one in (made, made._replace(id="e" * 32)):
        path.unlink(missing_ok=True)
        attempts.record(folder, one, tmp=filled.parts.tmp, durable=False)
        assert by_index(filled) == by_records(filled)
        settle(filled)


def test_IX1_a_metric_keeps_its_sign_where_it_is_zero(store):
    succeed(store, 1, -0.0)
    for _ in range(2):
        assert repr(by_index(store)) == repr(by_records(store))


def test_IX1_another_record_with_the_stamp_of_the_first_is_noticed(filled, monkeypatch):
    """Disks with coarse clocks give it, and the same inode, within one tick."""
    now = time.time_ns()
    monkeypatch.setattr(looking, "_stamp", lambda path: (7, now, os.stat(path).st_size))
    made = filled.attempts(config(1).dref)[0]
    folder = filled.parts.layout.attempts(made.dref)
    Path(folder, "touched").touch()
    by_index(filled)
    Path(folder, f"{made.context}.{made.number}.json").unlink()
    other = made._replace(id="e" * 32)
    attempts.record(folder, other, tmp=filled.parts.tmp, durable=False)
    assert by_index(filled) == by_records(filled)


def test_AQ1_a_derivation_without_attempts_has_each_column(filled):
    """In a page of its own, which has no column of attempts."""
    pages = rows.by_page(filled.drefs())
    made = (Config({"name": "declared", "number": number}) for number in range(1000))
    filled.record([next(one for one in made if one.dref[5] not in pages)])
    assert by_index(filled) == by_records(filled)
    assert ps.gc(store=filled).kept


def test_a_page_forgets_a_derivation_that_was_removed(filled):
    settle(filled)
    filled.remove_derivation(config(0).dref)
    succeed(filled, 1, 0.9)
    by_index(filled)
    with sqlite3.connect(place(filled)) as file:
        query = "SELECT body FROM row WHERE kind = 'holding' AND key = 'a'"
        (body,) = file.execute(query).fetchone()
    file.close()
    page = rows.read_page("a", body)
    assert page is not None
    assert page.drefs == [config(1).dref]
