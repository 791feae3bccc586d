"""Travelling pins: what a pin names goes first, and no local pin names what is not here."""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

import pystore as ps
from pystore import Derivation, RRef, Store, match_some
from pystore.core.digest import short
from pystore.errors import (
    BadName,
    BadPlace,
    BadStage,
    ChecksumMismatch,
    FetchError,
    NotInStore,
    PystoreError,
    PystoreWarning,
    StoreBusy,
    Untrusted,
)
from pystore.store import disk
from pystore.store.remote import travelling_pins
from pystore.store.remote.place import FolderPlace


def train(b):
    (b.outpath / "weights").write_bytes(b.seed.to_bytes(4, "big") * 10)


def stage(n=3):
    prepare = Derivation(
        {"name": "prepare"}, ps.match_latest(), lambda b: (b.outpath / "x").write_text("1")
    )
    return Derivation({"name": "train", "data": prepare}, match_some(n), train)


@pytest.fixture
def made(store) -> list[RRef]:
    """Three trainings."""
    return ps.realize_many(stage())


@pytest.fixture(params=["folder", "file", "memory"])
def place(request, tmp_path):
    """The URL of an empty place of each kind that can be written here."""
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://lab/results"
    folder = tmp_path / "remote"
    return f"file://{folder}" if request.param == "file" else folder


@pytest.fixture
def lab(tmp_path):
    """A folder for a remote."""
    return tmp_path / "lab"


@pytest.fixture
def other(tmp_path):
    """A colleague's store."""
    return Store(tmp_path / "other", durable=False)


@pytest.fixture
def key(tmp_path):
    """A private key's file and its public key."""
    return tmp_path / "lab.key", ps.make_key(tmp_path / "lab.key")


def push(rref, lab, **options):
    """Pins a realization as `serving`, and pushes the pin."""
    ps.pin(rref, "serving")
    return ps.push(lab, pins="serving", **options)


def pull(lab, other, **options):
    return ps.pull(lab, pins="serving", store=other, **options)


def moves(lab) -> list[Path]:
    return sorted(lab.glob("pins/serving/*.json"))


def replace(file: Path, content: bytes) -> None:
    """Puts other bytes in the place of an object, which nobody may write to."""
    file.unlink()
    file.write_bytes(content)


def forge(lab: Path, at: int, /, **fields) -> Path:
    """A move that a stranger has written; its name fits its text."""
    value = {
        "after": [], "host": "stranger", "number": at, "pin": "serving", "time": 2**62,
    } | fields  # fmt: skip
    text = (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
    file = lab / f"pins/serving/{at:08}-{short('pystore pin 1', text)}.json"
    file.write_bytes(text)
    return file


# --- there and back --------------------------------------------------------------------


def test_a_pin_goes_with_what_it_names_and_comes_back(made, other, place):
    sent = push(made[0], place)
    assert (sent.rrefs, sent.pins) == ((made[0],), ("serving",))
    came = pull(place, other)
    assert came == sent
    assert ps.pins(store=other) == {"serving": made[0]}
    assert other.realizations(made[0].dref) == [made[0]]
    assert ps.verify(other).sound
    again = [push(made[0], place), pull(place, other)]
    assert [(one.pins, one.fresh) for one in again] == [((), ()), ((), ())]


def test_a_pin_goes_beside_references(made, other, place):
    ps.pin(made[0], "serving")
    ps.pin(made[1], "shadow")
    sent = ps.push(made[2], place, pins=["serving", "shadow"])
    assert sent.rrefs == tuple(sorted(made))
    assert sent.pins == ("serving", "shadow")
    came = ps.pull(made[2], place, pins=["serving"], store=other)
    assert came.rrefs == tuple(sorted((made[0], made[2])))
    assert ps.pins(store=other) == {"serving": made[0]}
    assert ps.pull(place, pins=["shadow"], store=other).pins == ("shadow",)


def test_the_history_shows_each_move_so_that_a_rollback_is_seen(made, other, place):
    for rref in (made[0], made[1], made[0]):
        push(rref, place)
    found = ps.pins_at(place)["serving"]
    assert [(move.number, move.rref) for move in found] == [
        (1, made[0]), (2, made[1]), (3, made[0]),
    ]  # fmt: skip
    assert [move.after for move in found] == [(), (found[0].digest,), (found[1].digest,)]
    assert {move.host for move in found} == {os.uname().nodename}
    pull(place, other)
    assert ps.pins(store=other) == {"serving": made[0]}


def test_the_words_say_which_pins_moved(made, lab):
    assert str(push(made[0], lab)).endswith(" bytes, pin serving moved")
    ps.pin(made[0], "shadow")
    assert str(ps.push(lab, pins="shadow")) == "all of it is there already; pin shadow moved"
    assert "nothing to move" in str(ps.push(lab, pins="shadow"))


def test_a_pin_that_was_moved_here_follows_the_remote_again(made, other, lab):
    push(made[0], lab)
    ps.push(made, lab)
    ps.pull(made, lab, store=other)
    pull(lab, other)
    ps.pin(made[1], "serving", store=other)
    assert pull(lab, other).pins == ("serving",)
    assert ps.pins(store=other) == {"serving": made[0]}


# --- mistakes --------------------------------------------------------------------------


def test_a_pin_that_is_not_there_is_told_before_anything_is_done(made, other, lab):
    with pytest.raises(BadName, match="no such pin"):
        ps.push(made[0], lab, pins=["servin"])
    assert not lab.exists()
    push(made[0], lab)
    with pytest.raises(NotInStore, match="the remote has no such pin") as told:
        ps.pull(lab, pins="servin", store=other)
    assert told.value.pins == "serving"
    with pytest.raises(BadName, match="not a name"):
        ps.pull(lab, pins="../serving", store=other)
    assert other.drefs() == []


def test_a_call_without_a_place_is_a_mistake(made):
    for call in (ps.push, ps.pull):
        with pytest.raises(BadStage, match="no place was named"):
            call(made[0])
        with pytest.raises(BadStage, match="no place was named"):
            call(pins="serving")


def test_a_rejected_realization_is_neither_sent_nor_pinned(made, other, lab):
    push(made[0], lab)
    pull(lab, other)
    push(made[1], lab)
    ps.pull(made[1], lab, store=other)
    ps.reject(made[1], "label leak", store=other)
    with pytest.raises(BadPlace, match="names a realization that was rejected here"):
        pull(lab, other)
    assert ps.pins(store=other) == {"serving": made[0]}
    ps.reject(made[1], "label leak")
    with pytest.raises(BadPlace, match="was rejected"):
        ps.push(lab, pins="serving")


def test_a_pin_does_not_move_to_what_only_the_store_below_has(made, store, lab, tmp_path):
    push(made[0], lab)
    upper = Store(tmp_path / "upper", durable=False, below=store.root)
    with pytest.raises(NotInStore, match="a realization of the store below"):
        pull(lab, upper)
    assert ps.pins(store=upper) == {}


# --- what remotes do -------------------------------------------------------------------


def test_TP1_a_pin_that_names_what_the_remote_lacks_moves_nothing(made, other, lab):
    push(made[0], lab)
    pull(lab, other)
    push(made[1], lab)
    (lab / "drv" / made[1][38:] / f"{made[1].digest}.json").unlink()
    with pytest.raises(NotInStore, match="the remote does not hold this") as told:
        pull(lab, other)
    assert told.value.pin == "serving"
    assert ps.pins(store=other) == {"serving": made[0]}
    push(made[1], lab, repair=True)
    assert pull(lab, other).pins == ("serving",)


def test_TP1_at_each_write_of_a_push_the_pin_names_what_is_there(made, tmp_path, lab, monkeypatch):
    push(made[0], lab)
    real, count = FolderPlace.write, 0

    def write(self, name, content):
        nonlocal count
        count += 1
        real(self, name, content)
        reader = Store(tmp_path / "readers" / str(count), durable=False)
        pull(lab, reader)
        assert reader.path(ps.pins(store=reader)["serving"]).is_dir()

    monkeypatch.setattr(FolderPlace, "write", write)
    push(made[1], lab)
    assert count > 3
    pull(lab, last := Store(tmp_path / "last", durable=False))
    assert ps.pins(store=last) == {"serving": made[1]}


def test_TP1_a_pull_that_fails_anywhere_leaves_the_pin_as_it_was(
    made, other, lab, tmp_path, monkeypatch
):
    push(made[0], lab)
    pull(lab, other)
    push(made[1], lab)
    real, left = FolderPlace.read, [0]
    lock = threading.Lock()

    def read(self, name, most):
        with lock:
            left[0] -= 1
            if left[0] == 0:
                raise FetchError("the line was cut", url=self.url)
        return real(self, name, most)

    monkeypatch.setattr(FolderPlace, "read", read)
    for number in range(1, 100):
        left[0] = number
        shutil.copytree(other.root, tmp_path / "copy", symlinks=True)
        copied = Store(tmp_path / "copy", durable=False)
        try:
            pull(lab, copied)
        except FetchError:
            assert ps.pins(store=copied) == {"serving": made[0]}
            assert copied.path(made[0]).is_dir()
        else:
            assert ps.pins(store=copied) == {"serving": made[1]}
            if left[0] > 0:
                break
        copied.destroy()
    assert 5 < number < 99


@pytest.mark.parametrize("torn", [b"", b"{", b'{"pin":"serving"}\n', b"\xff" * 100, b"x" * 100_000])
def test_PM1_a_torn_move_is_an_error_and_repair_goes_past_it(made, other, lab, torn):
    push(made[0], lab)
    pull(lab, other)
    push(made[1], lab)
    whole = moves(lab)[-1].read_bytes()
    replace(moves(lab)[-1], torn)
    with pytest.raises(ChecksumMismatch, match="not what its name says"):
        pull(lab, other)
    with pytest.raises(ChecksumMismatch):
        ps.push(lab, pins="serving")
    assert ps.pins(store=other) == {"serving": made[0]}
    push(made[1], lab, repair=True)
    assert moves(lab)[-1].read_bytes() == whole
    assert pull(lab, other).pins == ("serving",)


def test_a_torn_move_of_a_stranger_is_left_behind_by_repair(made, other, lab):
    push(made[0], lab)
    (lab / "pins" / "serving" / f"00000002-{'0' * 32}.json").write_bytes(b"torn")
    push(made[1], lab, repair=True)
    pull(lab, other)
    assert ps.pins(store=other) == {"serving": made[1]}
    with pytest.warns(PystoreWarning, match="is left out"):
        assert [move.number for move in ps.pins_at(lab)["serving"]] == [1, 3]


@pytest.mark.parametrize(
    "fields",
    [
        {"pin": "shadow"},
        {"number": 7},
        {"number": True},
        {"time": -1},
        {"time": 2**63},
        {"time": "now"},
        {"host": None},
        {"host": "x" * 300},
        {"after": ["../.."]},
        {"after": 1},
        {"rref": "rref:../.."},
        {"rref": None},
    ],
    ids=str,
)
def test_PM1_a_move_that_no_pusher_can_have_made_is_refused(made, other, lab, fields):
    push(made[0], lab)
    pull(lab, other)
    file = forge(lab, 2, **{"rref": made[1], **fields})
    with pytest.raises(ChecksumMismatch):
        pull(lab, other)
    file.unlink()
    forge(lab, 2, rref=made[0])
    assert pull(lab, other).pins == ()


def test_a_move_that_is_listed_and_not_there_is_no_earlier_one(made, other, lab, monkeypatch):
    push(made[0], lab)
    push(made[1], lab)
    last = moves(lab)[-1].name
    real = FolderPlace.read

    def read(self, name, most):
        if name.endswith(last):
            raise FileNotFoundError(name)
        return real(self, name, most)

    monkeypatch.setattr(FolderPlace, "read", read)
    with pytest.raises(ChecksumMismatch) as told:
        pull(lab, other)
    assert told.value.because == "it is listed, and not there"
    assert ps.pins(store=other) == {}


def test_names_that_are_no_moves_are_passed_over(made, other, lab):
    push(made[0], lab)
    for name in ("notes.txt", "2.json", f"000000002-{'0' * 32}.json", "x.sig"):
        (lab / "pins" / "serving" / name).write_text("?")
    (lab / "pins" / "a b").mkdir()
    assert pull(lab, other).pins == ("serving",)
    assert [*ps.pins_at(lab)] == ["serving"]


# --- back in time ----------------------------------------------------------------------


def test_PH2_an_older_history_moves_no_pin(made, other, lab, tmp_path):
    push(made[0], lab)
    shutil.copytree(lab, tmp_path / "backup")
    push(made[1], lab)
    pull(lab, other)
    shutil.rmtree(lab)
    shutil.copytree(tmp_path / "backup", lab)
    for again in (pull, lambda lab, _: ps.push(lab, pins="serving")):
        with pytest.raises(FetchError, match="shows an older history"):
            again(lab, other)
    assert ps.pins(store=other) == {"serving": made[1]}
    push(made[1], lab, repair=True)
    assert [move.rref for move in ps.pins_at(lab)["serving"]] == made[:2]
    assert pull(lab, other).pins == ()


def test_PH2_a_remote_that_lost_its_pins_is_no_new_one_until_they_are_forgotten(made, other, lab):
    push(made[0], lab)
    pull(lab, other)
    shutil.rmtree(lab / "pins")
    with pytest.raises(FetchError, match="shows an older history"):
        pull(lab, other)
    assert ps.pins(store=other) == {"serving": made[0]}
    for store in (None, other):
        ps.unpin("serving", store=store)
    push(made[1], lab)
    assert pull(lab, other).pins == ("serving",)
    assert ps.pins(store=other) == {"serving": made[1]}


def test_PH2_what_was_seen_is_remembered_before_the_pin_moves(made, other, lab, monkeypatch):
    push(made[0], lab)
    push(made[1], lab)
    real = travelling_pins.roots.pin

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(travelling_pins.roots, "pin", die)
    with pytest.raises(KeyboardInterrupt):
        pull(lab, other)
    monkeypatch.setattr(travelling_pins.roots, "pin", real)
    moves(lab)[-1].unlink()
    with pytest.raises(FetchError, match="shows an older history"):
        pull(lab, other)
    assert ps.pins(store=other) == {}


def test_a_gap_in_the_history_is_told(made, other, lab):
    for rref in made:
        push(rref, lab)
    moves(lab)[1].unlink()
    with pytest.warns(PystoreWarning, match="it lacks 2"):
        pull(lab, other)
    assert ps.pins(store=other) == {"serving": made[2]}


def test_two_remotes_have_histories_of_their_own(made, other, tmp_path):
    push(made[0], tmp_path / "one")
    push(made[1], tmp_path / "one")
    push(made[0], tmp_path / "two")
    pull(tmp_path / "one", other)
    assert pull(tmp_path / "two", other).pins == ("serving",)
    assert ps.pins(store=other) == {"serving": made[0]}


# --- whom to believe -------------------------------------------------------------------


def test_PH1_a_pin_counts_when_a_trusted_key_has_signed_it(made, other, lab, key):
    push(made[0], lab)
    ps.push(made, lab, key=key[0])
    with pytest.raises(Untrusted, match="no trusted key has signed this pin"):
        pull(lab, other, trusted_keys=key[1])
    assert ps.pins(store=other) == {}
    push(made[0], lab, key=key[0])
    assert len(moves(lab)) == 1  # the move that was there is signed
    assert pull(lab, other, trusted_keys=key[1]).pins == ("serving",)


def test_PH1_a_newer_move_that_is_not_signed_is_passed_over_with_a_warning(made, other, lab, key):
    push(made[0], lab, key=key[0])
    forge(lab, 2, rref=made[1])
    with pytest.warns(PystoreWarning, match="no trusted key has signed its last 1"):
        pull(lab, other, trusted_keys=key[1])
    assert ps.pins(store=other) == {"serving": made[0]}


def test_PH1_a_signature_over_something_else_is_an_error(made, other, lab, key):
    push(made[0], lab, key=key[0])
    (signature,) = lab.glob("pins/serving/*.sig")
    forged = forge(lab, 2, rref=made[1])
    forged.with_name(f"{forged.stem}.{key[1]}.sig").write_bytes(signature.read_bytes())
    with pytest.raises(ChecksumMismatch):
        pull(lab, other, trusted_keys=key[1])
    assert ps.pins(store=other) == {}


def test_PH2_a_signature_that_was_taken_away_brings_nothing_older_back(made, other, lab, key):
    for rref in made[:2]:
        push(rref, lab, key=key[0])
    pull(lab, other, trusted_keys=key[1])
    lab.joinpath("pins", "serving", f"{moves(lab)[-1].stem}.{key[1]}.sig").unlink()
    with (
        pytest.warns(PystoreWarning, match="passed over"),
        pytest.raises(FetchError, match="shows an older history"),
    ):
        pull(lab, other, trusted_keys=key[1])
    assert ps.pins(store=other) == {"serving": made[1]}


def test_a_signed_pin_that_names_unsigned_results_moves_nothing(made, other, lab, key):
    push(made[0], lab, key=key[0])
    for file in lab.glob("drv/*/*.sig"):
        file.unlink()
    with pytest.raises(Untrusted, match="no trusted key has signed this"):
        pull(lab, other, trusted_keys=key[1])
    assert ps.pins(store=other) == {}


# --- several at once -------------------------------------------------------------------


def test_PM2_TP2_two_pushers_at_once_lose_no_move_and_readers_agree(made, lab, tmp_path):
    ps.push(made, lab)
    stores = [Store(tmp_path / str(n), durable=False) for n in range(4)]
    for store, rref in zip(stores, [*made, made[0]], strict=True):
        ps.pull(made, lab, store=store)
        ps.pin(rref, "serving", store=store)
    together = threading.Barrier(len(stores))

    def work(store):
        together.wait()
        ps.push(lab, pins="serving", store=store)

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(work, stores))
    found = ps.pins_at(lab)["serving"]
    assert {move.rref for move in found} == {*made}
    readers = [Store(tmp_path / f"reader{n}", durable=False) for n in range(2)]
    for reader in readers:
        pull(lab, reader)
        assert ps.pins(store=reader) == {"serving": found[-1].rref}


@pytest.fixture
def between(monkeypatch):
    """Does something once, between the look of a push at a pin and its write."""
    todo = []
    real = travelling_pins._Push._move

    def move(self, listing):
        if todo:
            todo.pop()()
        return real(self, listing)

    monkeypatch.setattr(travelling_pins._Push, "_move", move)
    return todo


def test_TP2_a_push_that_was_overtaken_moves_the_pin_again(made, lab, between, monkeypatch):
    push(made[0], lab)
    between.append(lambda: forge(lab, 2, rref=made[2]))  # with a later clock
    assert push(made[1], lab).pins == ("serving",)
    assert [move.rref for move in ps.pins_at(lab)["serving"]] == [
        made[0], made[1], made[2], made[1],
    ]  # fmt: skip


def test_TP2_moves_that_others_made_meanwhile_do_not_hide_ours(made, lab, between):
    def others():
        forge(lab, 2, rref=made[2], time=1)
        forge(lab, 3, rref=made[0])

    push(made[0], lab)
    between.append(others)
    push(made[1], lab)
    assert ps.pins_at(lab)["serving"][-1].rref == made[1]


def test_TP2_a_move_that_was_seen_by_the_next_one_needs_no_other(made, lab, monkeypatch):
    push(made[0], lab)
    real = FolderPlace.write

    def write(self, name, content):
        real(self, name, content)
        if name.startswith("pins/"):
            ours = moves(lab)[-1].stem[9:]
            monkeypatch.setattr(FolderPlace, "write", real)
            forge(lab, 3, rref=made[2], after=[ours])

    monkeypatch.setattr(FolderPlace, "write", write)
    push(made[1], lab)
    assert [move.rref for move in ps.pins_at(lab)["serving"]] == [made[0], made[1], made[2]]


def test_others_that_never_stop_are_told(made, lab, monkeypatch):
    push(made[0], lab)
    real = travelling_pins._Push._move

    def move(self, listing):
        forge(lab, listing.last_number + 1, rref=made[2])
        return real(self, listing)

    monkeypatch.setattr(travelling_pins._Push, "_move", move)
    with pytest.raises(StoreBusy, match="again and again"):
        push(made[1], lab)


def test_a_number_that_a_stranger_has_used_up_is_told(made, lab):
    push(made[0], lab)
    forge(lab, 99_999_999, rref=made[2])
    with pytest.raises(PystoreError, match="no more numbers"), pytest.warns(PystoreWarning):
        push(made[1], lab)


def test_an_archive_takes_no_pins(made, lab, tmp_path):
    ps.pin(made[0], "serving")
    ps.export_archive(made[0], tmp_path / "x.tar.zst")
    other = Store(tmp_path / "unpacked", durable=False)
    ps.import_archive(tmp_path / "x.tar.zst", store=other)
    assert ps.pins(store=other) == {}


def test_what_was_seen_stays_whole_beside_gc(made, other, lab):
    push(made[0], lab)
    pull(lab, other)
    ps.gc(store=other, dry_run=False)
    assert other.path(made[0]).is_dir()
    names = [path.name for path in other.root.glob("seen/*/serving/*")]
    assert names == [moves(lab)[0].name]
    assert disk.read(next(other.root.glob("seen/*/serving/*"))) == moves(lab)[0].read_bytes()
