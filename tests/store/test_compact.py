"""Compacting joins files, and changes nothing for who reads the store."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Config, Context, Store, compact
from pystore.core.attempt import AttemptReport
from pystore.errors import Corrupted, FormatTooNew, PystoreWarning
from pystore.store import attempts, disk, layout, packs, records
from pystore.store.verify import verify

DAY = 86_400 * 10**9
CONFIG = Config({"name": "train"})
NOWHERE = Context()


class Later:
    """A clock that goes on by a second each time; a test moves it by days."""

    def __init__(self):
        self.now = 1_700_000_000_000_000_000

    def __call__(self):
        self.now += 10**9
        return self.now


@pytest.fixture
def clock():
    return Later()


@pytest.fixture
def old(tmp_path, clock):
    return Store(tmp_path / "old", durable=False, clock=clock)


def run(store, text="", context=NOWHERE, fails=False):
    staging = store.begin(CONFIG, context)
    (staging.out / "m.txt").write_text(text or f"{staging.claim.seed % 7}\n")
    told = AttemptReport(notes={"text": text})
    if fails:
        store.fail(staging, told, ValueError("no"))
        return None
    return store.commit(staging, told).rref


def folder_of(store):
    return store.parts.layout.attempts(CONFIG.dref)


def files(store):
    return sorted(os.listdir(folder_of(store)))


def shown(store):
    """All that a store says of attempts."""
    records._known.clear()
    fresh = Store(store.root, durable=False)
    found = fresh.attempts(CONFIG.dref)
    return {
        "attempts": found,
        "candidates": sorted(
            (c.rref, [a.id for a in c.attempts], c.gone) for c in fresh.all_candidates(CONFIG.dref)
        ),
        "latest": fresh.latest([CONFIG.dref]),
        "unfinished": fresh.unfinished([CONFIG.dref]),
        "numbers": attempts.begun_numbers(folder_of(store), NOWHERE.digest),
        "trusted": [fresh.is_trusted(a.rref) for a in found if a.rref],
        "stagings": [
            attempts.read_begin(folder_of(store), a.context, a.number).get("staging") for a in found
        ],
        "sound": verify(fresh).to_dict(),
    }


@pytest.mark.parametrize("count", [2, 3, 40])
def test_CM2_a_compacted_store_says_the_same_from_fewer_files(old, clock, count):
    for number in range(count):
        run(old, f"{number // 2}\n", fails=number % 5 == 4)
    before, bytes_before = shown(old), [p.read_bytes() for p in Path(folder_of(old)).glob("*.json")]
    clock.now += 2 * DAY
    done = compact(old)
    assert done.attempts == count
    assert done.files == 2 * count - 2
    assert shown(old) == before
    assert len(files(old)) == 2
    (pack,) = packs.read_all(folder_of(old), files(old))
    assert sorted(t for n, t in pack.files if n.endswith(".json")) == sorted(bytes_before)


def test_what_was_compacted_is_left_alone_until_there_is_more(old, clock):
    for _ in range(4):
        run(old)
    clock.now += 2 * DAY
    compact(old)
    stamps = [os.stat(f"{folder_of(old)}/{name}").st_ino for name in files(old)]
    assert compact(old).files == 0
    assert [os.stat(f"{folder_of(old)}/{name}").st_ino for name in files(old)] == stamps
    run(old)
    run(old)
    clock.now += 2 * DAY
    assert compact(old).attempts == 2
    assert len(files(old)) == 2
    assert [a.number for a in old.attempts(CONFIG.dref)] == [*range(6)]


def test_CM3_the_next_number_is_free_and_starts_later(old, clock):
    for _ in range(5):
        run(old)
    last = old.attempts(CONFIG.dref)[-1]
    clock.now += 2 * DAY
    compact(old)
    clock.now = 1_000  # the clock was set back
    staging = old.begin(CONFIG, NOWHERE)
    assert staging.claim.number == 5
    assert staging.claim.start > last.start


def test_CM3_a_torn_claim_leaves_its_record_as_the_floor(old, clock):
    for _ in range(3):
        run(old)
    claim = Path(folder_of(old), f"{NOWHERE.digest}.2.begin")
    claim.chmod(0o644)
    claim.write_text("")  # as a power cut leaves it
    before = shown(old)
    clock.now += 2 * DAY
    compact(old)
    assert shown(old) == before
    assert {f"{NOWHERE.digest}.2.begin", f"{NOWHERE.digest}.2.json"} < {*files(old)}


def test_CM3_a_number_that_was_packed_since_the_look_is_not_given_again(old, clock, monkeypatch):
    for _ in range(4):
        run(old)
    stale = os.listdir(folder_of(old))
    missing = [n for n in stale if f".{3}." not in n]  # a look before the fourth attempt
    run(old)
    clock.now += 2 * DAY
    compact(old)
    claimed = attempts.claim(
        folder_of(old), CONFIG.dref, NOWHERE, "s", clock=clock, tmp=old.parts.tmp, listed=missing
    )
    assert claimed.number == 5
    assert f"{NOWHERE.digest}.3.begin" not in files(old)


@pytest.mark.parametrize("what", ["young", "running", "scratch", "damaged", "misplaced"])
def test_CM4_what_may_still_be_needed_stays_as_it_is(old, clock, what):
    for _ in range(3):
        run(old)
    clock.now += 2 * DAY
    held = None
    if what == "young":
        run(old)
    if what == "running":
        held = old.begin(CONFIG, NOWHERE)
    if what == "scratch":
        Path(folder_of(old), f"{NOWHERE.digest}.1.scratch").mkdir()
    record = Path(folder_of(old), f"{NOWHERE.digest}.1.json")
    if what == "damaged":
        record.chmod(0o644)
        record.write_bytes(record.read_bytes()[:-5])
    if what == "misplaced":
        record.rename(record.with_name(f"{NOWHERE.digest}.9.json"))
    names = {
        "young": ["3.begin", "3.json"],
        "running": ["3.begin"],
        "scratch": ["1.begin", "1.json"],
        "damaged": ["1.begin", "1.json"],
        "misplaced": ["1.begin", "9.json"],
    }[what]
    compact(old)
    assert {f"{NOWHERE.digest}.{name}" for name in names} <= {*files(old)}
    assert len(packs.among(files(old))) == 1
    del held


def test_CM4_traces_and_verdicts_stay_beside(old, clock):
    for _ in range(3):
        staging = old.begin(CONFIG, NOWHERE)
        (staging.out / "m.txt").write_text("1")
        rref = old.commit(staging, AttemptReport(trace=[(0, "loss", 0.5)], diff=b"+x")).rref
    ps.reject(rref, "label leak", store=old)
    clock.now += 2 * DAY
    compact(old)
    assert [old.trace(a) for a in old.attempts(CONFIG.dref)] == [[(0, "loss", 0.5)]] * 3
    assert old.rejected(CONFIG.dref) == {rref}


def test_the_kept_staging_of_a_packed_failure_can_still_be_committed(old, clock):
    for _ in range(3):
        run(old, "5\n", fails=True)
    path = old.attempts(CONFIG.dref)[0].number
    begin = attempts.read_begin(folder_of(old), NOWHERE.digest, path)
    clock.now += 2 * DAY
    compact(old)
    rref = ps.commit(old.parts.staging_area / begin["staging"], store=old)
    assert (old.path(rref) / "m.txt").read_text() == "5\n"
    assert old.attempts(CONFIG.dref)[-1].seed == begin["seed"]


def test_older_versions_stop_at_a_store_with_packs(old, clock, monkeypatch):
    for _ in range(3):
        run(old)
    clock.now += 2 * DAY
    mark = json.loads((old.root / "pystore.json").read_text())
    compact(old)
    again = json.loads((old.root / "pystore.json").read_text())
    assert again == mark | {"features": ["packed"]}
    monkeypatch.setattr(layout, "_FEATURES", {"seeds"})
    with pytest.raises(FormatTooNew, match="packed"):
        Store(old.root)


def test_a_store_keeps_its_seeds_when_it_is_compacted(tmp_path, clock):
    own = Store(tmp_path / "own", durable=False, clock=clock, seeds="own")
    for _ in range(3):
        run(own)
    clock.now += 2 * DAY
    compact(own)
    assert Store(own.root, seeds="own").parts.salt == own.parts.salt


def test_a_store_in_which_nothing_is_joined_stays_open_to_older_versions(old, clock):
    run(old)
    clock.now += 2 * DAY
    assert compact(old).files == 0
    assert json.loads((old.root / "pystore.json").read_text())["features"] == []
    assert compact(old).derivations == 0


@pytest.mark.parametrize("count", [3, 40])
def test_RF3_what_lies_in_packs_and_beside_them_counts_once(old, clock, count):
    for _ in range(count):
        run(old)
    beside = {path: path.read_bytes() for path in Path(folder_of(old)).iterdir()}
    before = shown(old)
    clock.now += 2 * DAY
    compact(old)
    for path, content in beside.items():
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    assert shown(old) == before
    run(old)
    clock.now += 2 * DAY
    compact(old)
    other = folder_of(old) + "/" + packs.pack([])[0]
    Path(other).write_bytes(packs.pack([])[1])  # an empty pack is sound, too
    assert len(shown(old)["attempts"]) == count + 1


# --- other stores ----------------------------------------------------------------------


def test_CM2_a_packed_store_below_is_seen_as_before(old, clock, tmp_path):
    for _ in range(5):
        run(old)
    above = Store(tmp_path / "above", durable=False, below=old.root, clock=clock)
    before = above.attempts(CONFIG.dref)
    clock.now += 2 * DAY
    compact(old)
    assert above.attempts(CONFIG.dref) == before
    assert {c.rref for c in above.all_candidates(CONFIG.dref)} == {a.rref for a in before}
    assert [above.beside(a, "log").parent for a in before] == [Path(folder_of(old))] * 5
    staging = above.begin(CONFIG, NOWHERE)
    assert staging.claim.number == 5
    assert staging.claim.start > before[-1].start


def test_CM2_packed_attempts_travel_and_come_once(old, clock, tmp_path):
    rrefs = [run(old, f"{number}\n") for number in range(4)]
    clock.now += 2 * DAY
    compact(old)
    ps.push(rrefs[0], tmp_path / "remote", store=old)
    other = Store(tmp_path / "other", durable=False, clock=clock)
    ps.pull(CONFIG.dref, tmp_path / "remote", store=other)
    ids = {a.id for a in old.attempts(CONFIG.dref)}
    assert {a.id for a in other.attempts(CONFIG.dref)} == ids
    clock.now += 2 * DAY
    compact(other)
    assert other.has_imported(CONFIG.dref)
    assert ps.pull(CONFIG.dref, tmp_path / "remote", store=other).attempts == 0
    assert sorted(a.id for a in other.attempts(CONFIG.dref)) == sorted(ids)
    seeds = {a.seed for a in other.attempts(CONFIG.dref)}
    assert other.begin(CONFIG, NOWHERE).claim.seed not in seeds


def test_CM2_packed_attempts_are_adopted(old, clock):
    def first(name):
        return ps.Derivation(
            {"name": "data", "called": name},
            ps.match_latest(),
            lambda b: (b.outpath / "x").write_text("1"),
        )

    def second(name):
        return ps.Derivation(
            {"name": "after", "of": first(name)},
            ps.match_latest(),
            lambda b: (b.outpath / "y").write_text("2"),
        )

    for _ in range(3):
        ps.realize(second("a"), store=old, force_rebuild=True)
    clock.now += 2 * DAY
    compact(old)
    assert len(packs.among(os.listdir(old.parts.layout.attempts(second("a").dref)))) == 1
    rref = ps.realize(second("b"), store=old)
    origins = {ps.RRef(a.notes["adopted"]).dref for a in old.attempts(rref.dref)}
    assert origins == {second("a").dref}


# --- damage ----------------------------------------------------------------------------


def _packed(store, clock, count=40):
    for number in range(count):
        run(store, f"{number}\n")
    clock.now += 2 * DAY
    compact(store)
    (name,) = packs.among(files(store))
    return Path(folder_of(store), name)


def test_VE1_a_damaged_pack_is_named_and_the_rest_of_it_counts(old, clock):
    path = _packed(old, clock, 300)
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\0" + content[len(content) // 2 + 1 :])
    with pytest.warns(PystoreWarning, match="damaged"):
        found = [d for d in verify(old).damages if d.kind == "pack"]
    assert [(d.ref, Path(d.path).name) for d in found] == [(CONFIG.dref, path.name)]
    assert "backup" in found[0].restore
    with pytest.warns(PystoreWarning, match="of its records can be read"):
        assert 50 < len(old.attempts(CONFIG.dref)) < 300


def test_VE1_a_pack_of_another_derivation_is_named(old, clock):
    path = _packed(old, clock, 3)
    other = Config({"name": "other"})
    old.record([other])
    shutil.copy(path, old.parts.layout.attempts(other.dref))
    assert {d.what.split(" in it: ")[1] for d in verify(old).damages if d.kind == "pack"} == {
        "it is the record of another attempt"
    }


def test_a_damaged_pack_is_never_joined_nor_removed(old, clock):
    path = _packed(old, clock)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(PystoreWarning):
        for _ in range(3):
            run(old)
        clock.now += 2 * DAY
        done = compact(old)
    assert done.attempts == 3
    assert [one.path for one in done.left] == [str(path)]
    assert path.name in files(old)


def test_CM1_a_pack_that_reads_otherwise_costs_no_file(old, clock, monkeypatch):
    for _ in range(4):
        run(old)
    clock.now += 2 * DAY
    before, real = files(old), packs.read_again

    def broken(folder, name):
        found = real(folder, name)
        return packs.Pack(name, [*found.files][1:])

    monkeypatch.setattr(packs, "read_again", broken)
    with pytest.raises(Corrupted, match="no file was removed"):
        compact(old)
    assert {*before} < {*files(old)}


# --- sequences -------------------------------------------------------------------------


class Killed(BaseException):
    """The end of a process."""


class Twin:
    """Two copies of a store, of which one is compacted. They must say the same."""

    def __init__(self, area, name, clock):
        self.plain = Store(area / f"{name}-plain", durable=False, clock=clock)
        self.packed = Store(area / f"{name}-packed", durable=False, clock=clock)
        self.context = Context({ps.DRef(f"dref:{'0' * 32}-{name}"): []})

    def attempt(self, fails):
        run(self.plain, fails=fails, context=self.context)
        merge(self.plain, self.packed)

    def compact(self, monkeypatch, kill_at):
        calls = [0]

        def dying(real):
            def call(*args, **kwargs):
                calls[0] += 1
                if calls[0] == kill_at:
                    raise Killed
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("put", "sync_directory", "remove_file", "read"):
                patch.setattr(disk, name, dying(getattr(disk, name)))
            try:
                compact(self.packed)
            except Killed:
                pass

    def check(self):
        for store in (self.plain, self.packed):
            records._known.pop(folder_of(store), None)
        said = [shown(one) for one in (self.plain, self.packed)]
        assert said[0] == said[1]
        claims = []
        for store in (self.plain, self.packed):
            staged = store.begin(CONFIG, self.context)
            claims.append((staged.claim.number, staged.claim.seed))
            attempts.unclaim(folder_of(store), self.context.digest, staged.claim.number)
            staged.discard()
        assert claims[0] == claims[1]


def merge(source, target):
    """As rsync does it."""
    if (source.root / "drv").exists():
        shutil.copytree(source.root / "drv", target.root / "drv", symlinks=True, dirs_exist_ok=True,
                        copy_function=_copy)  # fmt: skip


def _copy(source, target, *, follow_symlinks=True):
    if not os.path.lexists(target):
        shutil.copy2(source, target, follow_symlinks=follow_symlinks)
    return target


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("compact"), st.integers(0, 1), st.integers(0, 40)),
        st.tuples(st.just("merge"), st.integers(0, 1), st.none()),
    ),
    max_size=14,
)


@settings(max_examples=60)
@given(STEPS)
def test_CM1_CM2_any_sequence_reads_as_without_compacts(tmp_path_factory, steps):
    area, clock = tmp_path_factory.mktemp("twins"), Later()
    twins = [Twin(area, name, clock) for name in ("a", "b")]
    for store in (store for twin in twins for store in (twin.plain, twin.packed)):
        store.record([CONFIG])
    with pytest.MonkeyPatch.context() as patch:
        for what, which, how in steps:
            one, other = twins[which], twins[1 - which]
            clock.now += DAY
            if what == "attempt":
                one.attempt(how)
            elif what == "compact":
                one.compact(patch, how)
            else:
                merge(one.plain, other.plain)
                merge(one.packed, other.packed)
            one.check()
            other.check()
    for store in (store for twin in twins for store in (twin.plain, twin.packed)):
        store.destroy()
