"""Notes on disk: they only come, they hide nothing, and they stay when bytes go."""

import os
import shutil
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.core.note import Note
from pystore.errors import BadName, BadRef, NotInStore, PystoreWarning
from pystore.store import notes
from pystore.store.notes import moves_of, notes_of

TRAIN = Derivation({"name": "train"}, match_latest(), lambda b: b.outpath.joinpath("x").touch())


def said(store, dref=TRAIN.dref):
    return [note.text or f"#{note.tag}" for note in notes_of(store, dref)]


def files(store, dref=TRAIN.dref):
    return sorted(Path(store.parts.layout.attempts(dref)).glob("*.note"))


@pytest.fixture
def rref(store):
    return ps.realize(TRAIN)


def test_a_store_that_knows_nothing_has_no_notes(store):
    assert notes_of(store, TRAIN.dref) == []


def test_NW1_files_are_only_added_and_none_is_changed(store, rref):
    ps.note(rref, "good")
    ps.tag(rref, "best", "paper")
    before = {file: file.read_bytes() for file in files(store)}
    ps.untag(rref, "best")
    ps.tag(rref, "best")
    ps.untag(rref, "best")
    after = {file: file.read_bytes() for file in files(store)}
    assert len(after) == len(before) + 3
    assert before.items() <= after.items()
    assert said(store) == ["good", "#paper"]
    assert all(file.stat().st_mode & 0o777 == 0o444 for file in after)


def test_NW1_two_copies_of_a_store_merge_by_adding_files(store, rref, tmp_path):
    ps.tag(rref, "best", "old")
    shutil.copytree(store.root, tmp_path / "copy", symlinks=True)
    other = Store(tmp_path / "copy", durable=False)
    ps.untag(rref, "best")
    ps.note(rref, "here")
    ps.note(rref, "there", store=other)
    ps.untag(rref, "old", store=other)
    for source, target in ((store, other), (other, store)):
        for file in files(source):
            there = Path(target.parts.layout.attempts(TRAIN.dref)) / file.name
            if not there.exists():
                shutil.copy2(file, there)
    assert said(store) == said(other) == ["here", "there"]


def test_NW2_a_damaged_note_is_left_out_and_hides_no_other(store, rref):
    ps.note(rref, "first")
    (first,) = files(store)
    ps.note(rref, "second")
    first.chmod(0o644)
    first.write_bytes(first.read_bytes().replace(b"first", b"worst"))
    with pytest.warns(PystoreWarning, match="does not match its name"):
        assert said(store) == ["second"]
    report = ps.verify(store)
    assert [damage.kind for damage in report.damages] == ["note"]
    assert first.name in report.damages[0].path
    first.unlink()
    assert ps.verify(store).sound


@pytest.mark.parametrize("kind", ["folder", "fifo", "link"])
def test_NW2_something_else_in_the_place_of_a_note_is_left_out(store, rref, kind):
    ps.note(rref, "good")
    place = files(store)[0].with_name("0" * 32 + ".note")
    if kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere")
    if kind == "link":
        assert said(store) == ["good"]
    else:
        with pytest.warns(PystoreWarning, match="left out"):
            assert said(store) == ["good"]


def test_NW2_the_note_of_another_derivation_is_a_damage(store, rref):
    other = Derivation({"name": "other"}, match_latest(), TRAIN.realizer)
    ps.note(ps.realize(other), "strange")
    (strange,) = files(store, other.dref)
    shutil.copy2(strange, Path(store.parts.layout.attempts(TRAIN.dref)))
    with pytest.warns(PystoreWarning, match="another derivation"):
        assert said(store) == []
    assert [str(one.what) for one in ps.verify(store).damages] == [
        "a note about another derivation"
    ]


def test_NW3_a_clock_that_goes_back_changes_nothing(tmp_path, clock):
    store = Store(tmp_path / "store", durable=False, clock=clock)
    rref = ps.realize(TRAIN, store=store)
    for _ in range(3):
        ps.tag(rref, "best", store=store)
        assert said(store) == ["#best"]
        clock.now -= 10**12
        ps.untag(rref, "best", store=store)
        assert said(store) == []
        clock.now -= 10**12
    times = sorted(move.time for move in moves_of(store, TRAIN.dref))
    assert len(set(times)) == 6


def test_a_tag_that_stands_is_not_set_again(store, rref):
    assert [note.tag for note in ps.tag(rref, "best", "best")] == ["best"]
    assert ps.tag(rref, "best") == []
    assert len(files(store)) == 1


def test_who_takes_a_tag_from_the_wrong_place_is_told_where_it_stands(store, rref):
    (attempt,) = ps.attempts(rref)
    ps.tag(rref, "best")
    ps.tag(attempt, "best")
    with pytest.raises(BadName, match="no such tag") as told:
        ps.untag(TRAIN, "best")
    assert told.value.it_stands_on == f"{rref}, attempt 0 of {TRAIN.dref}"
    assert "there" in told.value.remedy


def test_a_tag_that_does_not_stand_there_is_not_taken_away(store, rref):
    ps.tag(rref, "best")
    for ref in (TRAIN, ps.attempts(rref)[0]):
        with pytest.raises(BadName, match="no such tag"):
            ps.untag(ref, "best")
    with pytest.raises(BadName, match="no such tag") as told:
        ps.untag(rref, "best", "worst")
    assert told.value.tags == "best"
    assert "it_stands_on" not in told.value.facts
    assert said(store) == ["#best"]  # none was taken away


def test_who_and_when_are_told(store, rref):
    note = ps.note(rref, "good")
    made = ps.attempts(rref)[0]
    user, _, host = note.by.partition("@")
    assert user
    assert host == made.host
    assert note.time > made.stop


def test_a_note_about_what_is_not_here_is_refused(store, rref):
    strange = ps.RRef.of("0" * 32, TRAIN.dref)
    with pytest.raises(NotInStore, match="no attempt made this"):
        ps.note(strange, "x")
    with pytest.raises(NotInStore):
        ps.note(ps.DRef("dref:" + "0" * 32 + "-train"), "x")
    with pytest.raises(NotInStore, match="no such attempt"):
        ps.note(rref, "x", attempt=7)
    assert files(store) == []


def test_an_attempt_with_a_damaged_claim_cannot_be_told_from_others(store, rref):
    torn = ps.attempts(rref)[0]._replace(start=0)
    with pytest.raises(BadRef, match="cannot be told"):
        ps.note(torn, "x")


def test_notes_stay_when_the_bytes_go_and_go_with_the_derivation(store, rref):
    ps.note(rref, "good")
    ps.tag(ps.attempts(rref)[0], "best")
    store.parts.session.end()
    ps.gc((), dry_run=False)
    assert store.realizations(TRAIN.dref) == []
    assert said(store) == ["good", "#best"]
    ps.tag(rref, "gone")  # it can be noted still
    ps.rmref(TRAIN.dref)
    assert said(store) == []


def test_notes_below_are_seen_and_nothing_is_written_there(store, rref, tmp_path):
    ps.tag(rref, "best")
    ps.note(rref, "below")
    upper = Store(tmp_path / "upper", below=store.root, durable=False)
    ps.note(rref, "above", store=upper)
    ps.untag(rref, "best", store=upper)
    assert said(upper) == ["below", "above"]
    assert said(store) == ["#best", "below"]


def test_a_change_is_told_to_those_who_look_for_changes(store, rref):
    token = store.changes().token
    while (changes := store.changes(since=token)).drefs:  # until the disk's clock has ticked
        token = changes.token
    ps.note(rref, "good")
    assert store.changes(since=token).drefs == [TRAIN.dref]


def test_the_place_of_an_attempt_is_the_same_while_it_runs_and_after(store):
    def noted(build):
        (running,) = ps.attempts(TRAIN.dref)
        assert running.outcome == "running"
        ps.note(running, "while it runs")
        build.outpath.joinpath("x").touch()

    rref = ps.realize(Derivation({"name": "train"}, match_latest(), noted))
    assert [note.text for note in ps.notes(ps.attempts(rref)[0])] == ["while it runs"]


def test_a_note_is_whole_or_not_there(store, rref, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        ps.note(rref, "good")
    monkeypatch.undo()
    assert files(store) == []
    assert not [p for p in store.parts.tmp.iterdir() if p.is_file() and p.stat().st_size == 0]


def test_a_note_from_the_future_is_refused():
    note = Note(TRAIN.dref, "", "x", "", 10**18, "ada@lab")
    name = f"{note.digest}.note"
    assert notes.check(TRAIN.dref, name, note.file_text, 10**18) == note.file_text
    with pytest.raises(ps.PystoreError, match="future"):
        notes.check(TRAIN.dref, name, note.file_text, 10**17)
