"""Earlier choices: what an earlier call has chosen counts while nothing has changed."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Derivation, Store, match_best, match_latest, match_some
from pystore.errors import BuildError, NotInStore, PystoreWarning
from pystore.run import remembered
from pystore.store import changes, earlier_choices, mounts
from pystore.store.caching import InForce
from pystore.store.compact import compact
from pystore.store.current import current_store
from pystore.store.earlier_choices import EarlierChoices, choices_for

TARGET = ps.DRef("dref:" + "0" * 32 + "-a")
RULE = "match_latest(n=1)"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(InForce, "find", lambda: tmp_path / "cache")
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "ext4")
    return tmp_path / "cache"


@pytest.fixture
def calm(monkeypatch) -> None:
    """As if each change had a tick of its own, which is over at once: stamps tell all names."""
    real = changes.stamp_of

    def stamp_of(path: str):
        stamp = real(path)
        return stamp and (*stamp, hash(tuple(sorted(os.listdir(path)))))

    monkeypatch.setattr(changes, "stamp_of", stamp_of)
    monkeypatch.setattr(EarlierChoices, "_is_over", lambda self, stamp: True)


def write(b):
    (b.outpath / "score.txt").write_text(f"{b.seed}\n")


def chain(length: int, matcher=None) -> Derivation:
    last = None
    for number in range(length):
        config = {"name": "link", "number": number, "before": last}
        last = Derivation(config, matcher or match_latest(), write)
    assert last is not None
    return last


def opened(store: Store, targets: Sequence[ps.DRef] = (TARGET,)) -> EarlierChoices:
    found = choices_for(store.parts, targets)
    assert found is not None
    return found


def noted(store: Store, derivation: Derivation, targets: Sequence[ps.DRef] = (TARGET,)) -> ps.RRef:
    """A realization whose choice is kept."""
    rref = ps.realize(derivation)
    made = opened(store, targets)
    made.note(derivation.dref, RULE, [rref], made.stamps(derivation.dref))
    made.keep()
    return rref


def found(store: Store, derivation: Derivation, rule: str = RULE):
    return opened(store).find(derivation.dref, rule, ())


def test_EA1_a_choice_counts_while_nothing_has_changed(store, calm):
    one = Derivation({"name": "one"}, match_latest(), write)
    rref = noted(store, one)
    assert found(store, one) == (rref,)
    assert found(store, one, "match_some(n=1)") is None


CHANGES = {
    "another realization": lambda one, rref: ps.realize(one, force_rebuild=True),
    "a rejection": lambda one, rref: ps.reject(rref, "bad"),
    "a removal": lambda one, rref: current_store().remove(rref),
    "a failed attempt": lambda one, rref: _fail(one),
    "a note": lambda one, rref: ps.note(rref, "seen"),
}


def _fail(one: Derivation) -> None:
    def fail(b):
        raise OSError("no")

    with pytest.raises(BuildError):
        ps.realize(Derivation(one.config, match_some(9), fail))


@pytest.mark.parametrize("what", CHANGES)
def test_EA1_a_choice_does_not_count_after(what, store, calm):
    one = Derivation({"name": "one"}, match_latest(), write)
    rref = noted(store, one)
    CHANGES[what](one, rref)
    assert found(store, one) is None


def test_EA1_a_choice_for_other_inputs_does_not_count(store, calm):
    data = Derivation({"name": "data"}, match_latest(), write)
    above = Derivation({"name": "above", "data": data}, match_latest(), write)
    rref, made = ps.realize(above), opened(store)
    for one in (data, above):
        chosen = ps.realize(one)
        made.note(one.dref, RULE, [chosen], made.stamps(one.dref))
    made.keep()
    again = opened(store)
    assert again.find(above.dref, RULE, [data.dref]) is None  # nobody has chosen the data yet
    assert again.find(data.dref, RULE, ())
    assert again.find(above.dref, RULE, [data.dref]) == (rref,)
    other = ps.realize(data, force_rebuild=True)
    again = opened(store)
    assert again.find(data.dref, RULE, ()) is None
    again.note(data.dref, RULE, [other], again.stamps(data.dref))
    assert again.find(above.dref, RULE, [data.dref]) is None


def test_EA1_in_the_tick_of_its_stamps_a_choice_is_not_kept(store, monkeypatch):
    one = Derivation({"name": "one"}, match_latest(), write)
    rref, made = ps.realize(one), opened(store)
    stamps = made.stamps(one.dref)
    newest = max(stamp[0] for stamp in stamps)
    for after, is_kept in ((0, False), (changes.FINE * 0.9, False), (changes.FINE * 1.1, True)):
        monkeypatch.setattr(made, "_reached", newest + int(after * 1e9))
        made.note(one.dref, RULE, [rref], stamps)
        made.keep()
        assert (found(store, one) is not None) == is_kept
    rounded = [(stamp[0] // 10**6 * 10**6, *stamp[1:]) for stamp in stamps]  # a coarse clock
    again = EarlierChoices(store.parts.layout, Path(f"{store.root}.choices"))
    monkeypatch.setattr(again, "_reached", newest + int(changes.FINE * 1.1e9))
    again.note(one.dref, RULE, [rref], (rounded[0], rounded[1]))
    again.keep()
    assert not Path(f"{store.root}.choices").exists()


def test_EA1_the_clock_of_the_disk_must_have_reached_the_end_of_the_tick(store, monkeypatch):
    monkeypatch.setattr(earlier_choices.time, "time_ns", lambda: 2**62)  # ours is far ahead
    noted(store, one := Derivation({"name": "one"}, match_latest(), write))
    assert found(store, one) is None


@pytest.mark.parametrize("kind", ["nfs4", "fuse.s3fs", "fuse.mergerfs", "virtiofs", "vfat", ""])
def test_EA1_where_a_change_of_a_folder_is_told_late_nothing_is_kept(kind, store, monkeypatch):
    assert choices_for(store.parts, ()) is not None
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: kind)
    assert choices_for(store.parts, ()) is None


def _file(cache: Path) -> Path:
    (file,) = (cache / "choices").iterdir()
    return file


DAMAGES = {
    "nothing": lambda text: b"",
    "zeros": lambda text: bytes(len(text)),
    "its first half": lambda text: text[: len(text) // 2],
    "a flipped bit": lambda text: text[:-20] + bytes([text[-20] ^ 1]) + text[-19:],
    "no checksum": lambda text: text.partition(b"\n")[2],
    "another version": lambda text: _sealed(
        text.partition(b"\n")[2].replace(ps.__version__.encode(), b"0.0.0")
    ),
    "no JSON": lambda text: _sealed(b"{"),
}


def _sealed(body: bytes) -> bytes:
    return earlier_choices.short("pystore choices 2", body).encode() + b"\n" + body


@pytest.mark.parametrize("what", DAMAGES)
def test_EA2_a_file_has_no_choices_that_holds(what, store, cache, calm):
    noted(store, one := Derivation({"name": "one"}, match_latest(), write))
    text = _file(cache).read_bytes()
    json.loads(text.splitlines()[1])
    path = _file(cache)
    path.unlink()  # it can be replaced, and not be written to
    path.write_bytes(DAMAGES[what](text))
    assert found(store, one) is None
    noted(store, one)
    assert found(store, one) is not None


def test_a_file_keeps_the_rules_of_its_choices_only(store, cache, calm):
    noted(store, one := Derivation({"name": "one"}, match_latest(), write))
    for rule in ("match_some(n=1)", "match_best('score.txt')"):
        made = opened(store)
        made.note(one.dref, rule, [ps.realize(one)], made.stamps(one.dref))
        made.keep()
        assert found(store, one, rule) == (ps.realize(one),)
    assert json.loads(_file(cache).read_text().splitlines()[1]) == [ps.__version__, rule]


def test_EA2_what_is_no_file_has_no_choices(store, cache, calm):
    noted(store, one := Derivation({"name": "one"}, match_latest(), write))
    path = _file(cache)
    path.unlink()
    path.mkdir()
    noted(store, one)
    assert found(store, one) is None
    assert [entry.name for entry in (cache / "choices").iterdir()] == [path.name]


def test_what_is_no_file_hinders_no_other_file(store, cache, calm, monkeypatch):
    monkeypatch.setattr(earlier_choices, "_MOST_FILES", 1)
    (cache / "choices" / "folder").mkdir(parents=True)
    noted(store, one := Derivation({"name": "one"}, match_latest(), write))
    assert found(store, one) is not None
    assert (cache / "choices" / "folder").is_dir()


def test_files_for_many_targets_make_room(store, cache, calm, monkeypatch):
    monkeypatch.setattr(earlier_choices, "_MOST_FILES", 3)
    one = Derivation({"name": "one"}, match_latest(), write)
    for number in range(6):
        noted(store, one, [TARGET] * number)
    assert len(list((cache / "choices").iterdir())) == 3
    last = choices_for(store.parts, [TARGET] * 5)
    assert last is not None
    assert last.find(one.dref, RULE, ())


def test_large_files_make_room(store, cache, calm, monkeypatch):
    monkeypatch.setattr(earlier_choices, "_MOST_BYTES", 1)
    one = Derivation({"name": "one"}, match_latest(), write)
    for number in range(3):
        targets = [TARGET] * number
        noted(store, one, targets)
        (file,) = (cache / "choices").iterdir()
        assert file == opened(store, targets)._path


def test_without_a_cache_and_above_another_store_nothing_is_kept(store, tmp_path, monkeypatch):
    assert choices_for(Store(tmp_path / "above", below=store.root).parts, ()) is None
    monkeypatch.setattr(InForce, "find", lambda: None)
    assert choices_for(store.parts, ()) is None


def test_another_store_at_the_same_path_has_choices_of_its_own(tmp_path, calm):
    one = Derivation({"name": "one"}, match_latest(), write)
    with Store(tmp_path / "store", durable=False).use() as first:
        noted(first, one)
    first.destroy()
    with Store(tmp_path / "store", durable=False).use() as second:
        ps.realize(one)
        assert found(second, one) is None


# --- calls ---------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(remembered, "_LARGE", range(1, 100))


@pytest.fixture
def looks(monkeypatch) -> list[str]:
    """The names and numbers of the stages whose candidates are gathered."""
    seen: list[str] = []
    candidates = Store.candidates

    def noted(store, dref, *more):
        seen.append(dref)
        return candidates(store, dref, *more)

    monkeypatch.setattr(Store, "candidates", noted)
    return seen


def test_RH1_a_large_closure_is_looked_at_once(store, calm, small, looks):
    first = ps.realize(chain(5))
    ps.realize(chain(5))
    looks.clear()
    told: list[object] = []
    assert ps.realize(chain(5), listener=told.append) == first
    assert looks == []
    assert [type(event).__name__ for event in told] == ["Reused"] * 5


def test_RH1_what_has_changed_is_looked_at_with_what_needs_it(store, calm, small, looks):
    ps.realize(chain(5))
    ps.realize(chain(5))
    second = ps.realize(chain(3), force_rebuild=True)
    looks.clear()
    last = ps.realize(chain(5))
    expected = {one.dref for n in (3, 4, 5) for one in [chain(n)]}
    assert set(looks) == expected
    assert ps.context_of(ps.context_of(last)[chain(4).dref][0])[chain(3).dref] == (second,)


def test_RH1_what_vanishes_unseen_is_built_again_and_forgotten(store, cache, calm, small):
    last = ps.realize(chain(3))
    ps.realize(chain(3))
    path = _file(cache)
    home, stamps = store.home(last), changes.stamp_of(str(store.home(last).parent))
    home.chmod(0o755)
    os.rename(home, store.root / "tmp" / "gone")
    with pytest.MonkeyPatch.context() as patch:
        real = changes.stamp_of
        parent = str(home.parent)
        patch.setattr(changes, "stamp_of", lambda p: stamps if p == parent else real(p))
        assert ps.realize(chain(3)) == last
    assert store.home(last).is_dir()
    assert not path.exists()


@pytest.mark.parametrize("how", [{"attempts": 2}, {"force_rebuild": True}], ids=["more", "forced"])
def test_RH1_a_call_that_wants_more_builds_it(how, store, calm, small):
    ps.realize(chain(3))
    ps.realize(chain(3))
    ps.realize(chain(3), **how)
    assert len(ps.attempts(chain(3).dref)) == 2


def test_RH1_a_users_own_matcher_is_asked_each_time(store, calm, small):
    asked: list[int] = []

    def rule(candidates, n):
        asked.append(n)
        return list(candidates)[:n] or ps.Need(1)

    rule.__qualname__ = "match_latest"
    own = ps.match(rule, n=1)
    assert own == match_latest()  # by name and arguments
    for _ in range(2):
        ps.realize(chain(1))
    for _ in range(3):
        asked.clear()
        ps.realize(chain(1, own))
        assert asked


def edited(b):
    (b.outpath / "score.txt").write_text("2\n")


def test_RH1_an_edit_is_told_each_time(store, calm, small):
    one = Derivation({"name": "one"}, match_latest(), write)
    for _ in range(2):
        ps.realize(one)
    for _ in range(3):
        with pytest.warns(PystoreWarning, match="has changed since it built"):
            ps.realize(Derivation({"name": "one"}, match_latest(), edited))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["force", "reject", "remove", "fail", "best", "latest", "some"]),
        st.integers(0, 3),
    ),
    max_size=8,
)
MATCHERS = {"latest": match_latest(), "best": match_best("score.txt"), "some": match_some(2)}


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(actions=ACTIONS)
def test_RH1_a_call_answers_as_one_that_remembers_nothing(
    actions, calm, small, tmp_path_factory, monkeypatch
):
    area = tmp_path_factory.mktemp("choices")
    monkeypatch.setattr(InForce, "find", lambda: area / "cache")
    matcher = match_latest()
    with Store(area / "store", durable=False).use() as store:
        for action, at in actions:
            one = chain(at + 1, matcher)
            if action in MATCHERS:
                matcher = MATCHERS[action]
            elif action == "force":
                ps.realize_many(one, force_rebuild=True)
            elif action == "fail":
                _fail(chain(1))
            else:
                with suppress(NotInStore, IndexError):  # there is none yet
                    last = ps.lsref(one.dref)[-1]
                    ps.reject(last, "bad") if action == "reject" else store.remove(last)
            assert _planned(True, matcher, monkeypatch) == _planned(False, matcher, monkeypatch)
            answers = []
            for large in (range(1, 100), range(0)):
                monkeypatch.setattr(remembered, "_LARGE", large)
                answers += [ps.realize_many(chain(4, matcher)) for _ in range(2)]
            assert answers[0] == answers[1] == answers[2] == answers[3]
            assert _planned(True, matcher, monkeypatch) == _planned(False, matcher, monkeypatch)
    store.destroy()


def _planned(remembers: bool, matcher, monkeypatch) -> list[object]:
    monkeypatch.setattr(remembered, "_LARGE", range(1, 100) if remembers else range(0))
    return list(ps.plan(chain(4, matcher)))


def test_RH1_a_plan_looks_at_what_has_changed(store, calm, small, looks):
    for _ in range(2):
        last = ps.realize(chain(5))
    looks.clear()
    assert {step.action for step in ps.plan(chain(5))} == {"reuse"}
    assert looks == []
    store.remove(last)
    assert [step.action for step in ps.plan(chain(5))] == ["reuse"] * 4 + ["build"]
    assert set(looks) == {last.dref}
    for how in ({"force_rebuild": True}, {"attempts": 2}):
        looks.clear()
        assert ps.plan(chain(5), **how).builds
        assert len(set(looks)) == 5


def _damaged_record(store: Store, last: ps.RRef) -> ps.Derivation:
    other = ps.realize(chain(1), force_rebuild=True)
    record = store.parts.layout.beside(last.dref, store.context(last).digest, 0, "json")
    assert os.path.exists(record), other
    os.chmod(record, 0o600)
    Path(record).write_bytes(b"{")
    return chain(1)


def _damaged_pack(store: Store, last: ps.RRef) -> ps.Derivation:
    for _ in range(2):
        ps.realize(chain(1), force_rebuild=True)
    compact(Store(store.root, durable=False, clock=lambda: time.time_ns() + 10**15))
    (pack,) = (store.home(last).parent / "attempts").glob("*.pack")
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes() + b"more")
    return chain(1)


def _no_metric(store: Store, last: ps.RRef) -> ps.Derivation:
    return chain(1, match_best("accuracy.txt"))


@pytest.mark.parametrize("bring", [_damaged_record, _damaged_pack, _no_metric])
def test_RH1_a_warning_is_told_each_time(bring, store, calm, small):
    wanted = bring(store, ps.realize(chain(1)))
    for _ in range(3):
        with pytest.warns(PystoreWarning):
            ps.realize(wanted)


def test_RH1_the_choice_of_another_matcher_is_no_rule_of_ours(store, calm, small):
    ps.realize_many(chain(1, match_some(2)))
    for wanted in (match_latest(2), match_latest(1)):
        inside = ps.match(wanted.select)  # by its name and arguments, one is like the other
        for _ in range(2):
            assert len(ps.realize_many(chain(1, inside))) == dict(wanted.arguments)["n"]
