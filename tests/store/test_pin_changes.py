"""The history of pins: complete, only added, and kept."""

import os
import shutil

import pytest

import pystore as ps
from pystore import Derivation, Store, match_some
from pystore.errors import BadName, NotInStore, PystoreWarning
from pystore.store.layout import Layout

TRAIN = Derivation(
    {"name": "train"}, match_some(2), lambda b: b.outpath.joinpath("x").write_text(f"{b.seed}")
)


@pytest.fixture
def both(store):
    return ps.realize_many(TRAIN)


def told(store=None, name=None):
    return [(one.pin, one.before, one.rref) for one in ps.pin_history(name, store=store)]


def test_each_change_says_what_was_before(both):
    first, second = both
    for rref in (first, second, second, first):
        ps.pin(rref, "serving")
    ps.pin(second, "other")
    assert told(name="serving") == [
        ("serving", None, first), ("serving", first, second), ("serving", second, first),
    ]  # fmt: skip
    assert told() == [("other", None, second), *told(name="serving")]
    (change,) = ps.pin_history("other")
    user, _, host = change.by.partition("@")
    assert user
    assert host == os.uname().nodename
    assert change.time > ps.attempts(second)[0].stop
    assert change.url == ""


def test_PC1_the_history_stays_when_the_pin_and_the_bytes_go(store, both):
    first, _ = both
    ps.pin(first, "serving")
    ps.unpin("serving")
    store.parts.session.end()
    ps.gc((), dry_run=False)
    ps.rmref(TRAIN.dref)
    assert told(name="serving") == [("serving", None, first), ("serving", first, None)]


def test_PC1_copies_of_a_store_merge_by_adding_files(store, both, tmp_path):
    first, second = both
    ps.pin(first, "serving")
    shutil.copytree(store.root, tmp_path / "copy", symlinks=True)
    other = Store(tmp_path / "copy", durable=False)
    ps.pin(second, "serving")
    ps.pin(second, "mine", store=other)
    for path in (other.root / "pinned").rglob("*.json"):
        place = store.root / "pinned" / path.relative_to(other.root / "pinned")
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            shutil.copy2(path, place)
    assert told() == [
        ("mine", None, second), ("serving", None, first), ("serving", first, second),
    ]  # fmt: skip


def test_PC2_a_change_is_noted_before_it_is_made(both, monkeypatch):
    first, second = both
    ps.pin(first, "serving")
    rename = os.rename

    def dies(source, target):
        if os.path.dirname(target).endswith("roots"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        ps.pin(second, "serving")
    monkeypatch.undo()
    assert ps.pins() == {"serving": first}
    assert told(name="serving")[-1] == ("serving", first, second)
    ps.pin(second, "serving")
    assert ps.pins() == {"serving": second}


def test_PC3_a_damaged_change_is_left_out_and_named_by_verify(store, both):
    ps.pin(both[0], "serving")
    (file,) = (store.root / "pinned" / "serving").iterdir()
    ps.pin(both[1], "serving")
    file.chmod(0o644)
    file.write_bytes(b"{}")
    with pytest.warns(PystoreWarning, match="a change of pin serving is left out"):
        assert told() == [("serving", both[0], both[1])]
    (damage,) = ps.verify(store).damages
    assert (damage.kind, damage.path) == ("pin", f"pinned/serving/{file.name}")
    file.unlink()
    assert ps.verify(store).sound


def test_a_clock_that_goes_back_keeps_the_order(tmp_path, clock):
    store = Store(tmp_path / "store", durable=False, clock=clock)
    rrefs = ps.realize_many(TRAIN, store=store)
    for number in range(6):
        ps.pin(rrefs[number % 2], "serving", store=store)
        clock.now -= 10**12
    assert [rref for _, _, rref in told(store)] == rrefs * 3


def test_what_fails_is_not_in_the_history(both):
    with pytest.raises(NotInStore):
        ps.pin(ps.RRef.of("0" * 32, TRAIN.dref), "serving")
    with pytest.raises(BadName):
        ps.pin(both[0], "../serving")
    with pytest.raises(BadName):
        ps.unpin("serving")
    assert told() == []


def test_a_name_that_was_never_a_pin_is_told(both):
    with pytest.raises(BadName, match="never such a pin"):
        ps.pin_history("serving")
    with pytest.raises(BadName, match="not a name"):
        ps.pin_history("../..")


def test_a_pin_from_before_there_was_a_history_has_an_empty_one(store, both):
    ps.pin(both[0], "serving")
    shutil.rmtree(store.root / "pinned")
    assert told(store, "serving") == []
    ps.pin(both[1], "serving")
    assert told(store, "serving") == [("serving", both[0], both[1])]


def test_a_pin_that_follows_a_remote_says_so(both, tmp_path):
    ps.pin(both[0], "serving")
    ps.push(tmp_path / "lab", pins="serving")
    other = Store(tmp_path / "other", durable=False)
    ps.pull(tmp_path / "lab", pins="serving", store=other)
    (change,) = ps.pin_history("serving", store=other)
    assert (change.rref, change.url) == (both[0], str(tmp_path / "lab"))
    (move,) = ps.pins_at(tmp_path / "lab")["serving"]
    assert move.by == ps.pin_history("serving")[0].by


def test_the_folder_is_made_again_where_it_is_missing(store):
    shutil.rmtree(store.root / "pinned")
    assert Layout(Store(store.root).root).pinned.is_dir()
