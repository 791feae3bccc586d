"""Notes that travel: with what they are about, once, and checked."""

import json
import shutil

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest, match_some
from pystore.core.note import LARGEST, digest_of
from pystore.errors import NotInStore, PystoreWarning, UnsafeArchive
from pystore.store import verdicts
from pystore.store.notes import notes_of

DATA = Derivation({"name": "data"}, match_latest(), lambda b: b.outpath.joinpath("x").touch())
TRAIN = Derivation(
    {"name": "train", "data": DATA},
    match_some(2),
    lambda b: b.outpath.joinpath("score.txt").write_text(f"{b.seed}"),
)


@pytest.fixture
def both(store):
    ps.realize_many(TRAIN)
    rrefs = [attempt.rref for attempt in ps.attempts(TRAIN.dref)]
    ps.note(rrefs[0], "good\nin two lines")
    ps.tag(rrefs[0], "best", "old")
    ps.untag(rrefs[0], "old")
    ps.tag(rrefs[1], "second")
    ps.tag(TRAIN, "all")
    ps.tag(TRAIN, "tried", attempt=0)
    ps.note(DATA, "the data")
    return rrefs


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other", durable=False)


def said(store, dref=TRAIN.dref):
    return [note.text or f"#{note.tag}" for note in notes_of(store, dref)]


def objects(remote):
    return {path: path.read_bytes() for path in remote.rglob("*.note")}


ALL = ["good\nin two lines", "#best", "#second", "#all", "#tried"]


def test_NV1_push_and_pull_move_all_that_goes_with_a_derivation(both, other, tmp_path):
    assert ps.push(TRAIN, tmp_path / "remote").notes == 8
    assert ps.pull(TRAIN, tmp_path / "remote", store=other).notes == 8
    assert said(other) == ALL
    assert said(other, DATA.dref) == ["the data"]
    assert [one.text for one in ps.notes(ps.attempts(TRAIN.dref)[0], store=other)] == [""]
    assert ps.verify(other).sound


def test_NV1_a_second_push_and_pull_move_what_is_new_and_change_nothing(both, other, tmp_path):
    remote = tmp_path / "remote"
    ps.push(TRAIN, remote)
    ps.pull(TRAIN, remote, store=other)
    before = objects(remote)
    assert str(ps.push(TRAIN, remote)) == "nothing to move: all of it is there already"
    assert ps.pull(TRAIN, remote, store=other).notes == 0
    ps.untag(both[0], "best")
    assert str(ps.push(TRAIN, remote)) == "0 realizations, 0 attempts, 0 bytes, 1 note"
    assert before.items() <= objects(remote).items()
    assert ps.pull(TRAIN, remote, store=other).notes == 1
    assert "#best" not in said(other)


def test_NV1_both_ways_end_with_the_same_notes(store, both, other, tmp_path):
    remote = tmp_path / "remote"
    ps.push(TRAIN, remote)
    ps.pull(TRAIN, remote, store=other)
    ps.untag(both[0], "best", store=other)
    ps.note(TRAIN, "from there", store=other)
    ps.note(TRAIN, "from here")
    ps.push(TRAIN, remote, store=other)
    ps.push(TRAIN, remote)
    ps.pull(TRAIN, remote)
    ps.pull(TRAIN, remote, store=other)
    assert said(other) == said(store)
    assert said(store) == [*(text for text in ALL if text != "#best"), "from there", "from here"]


def test_a_note_about_something_that_stays_stays_too(both, tmp_path):
    ps.push(both[0], tmp_path / "remote")
    there = b"".join(objects(tmp_path / "remote").values())
    assert b"best" in there
    assert b"second" not in there


def test_copies_and_archives_take_notes_along(both, other, tmp_path):
    assert ps.copy(TRAIN, Store(ps.rref2path(both[0]).parents[3]), other).notes == 8
    assert ps.copy(TRAIN, Store(ps.rref2path(both[0]).parents[3]), other).notes == 0
    assert said(other) == ALL
    third = Store(tmp_path / "third", durable=False)
    assert ps.export_archive(TRAIN, tmp_path / "a.tar.zst").notes == 8
    assert ps.import_archive(tmp_path / "a.tar.zst", store=third).notes == 8
    assert said(third) == ALL
    ps.export_archive(TRAIN, tmp_path / "b.tar.zst", store=third)
    assert (tmp_path / "a.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


def test_an_interrupted_push_is_ended_by_the_next(both, other, tmp_path):
    remote = tmp_path / "remote"
    ps.push(TRAIN, remote)
    lost = sorted(objects(remote))[::2]
    for path in lost:
        path.unlink()
    assert ps.push(TRAIN, remote).notes == len(lost)
    ps.pull(TRAIN, remote, store=other)
    assert said(other) == ALL


def forge(remote, **fields):
    """Adds a note to a remote that differs in these fields; its name fits."""
    (path,) = (path for path, text in objects(remote).items() if b"two lines" in text)
    text = json.dumps(json.loads(path.read_text()) | fields).encode()
    path.with_name(f"{digest_of(text)}.note").write_bytes(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "\x1b[2J"},
        {"text": "x" * 10_001},
        {"text": "y" * LARGEST},
        {"ref": DATA.dref},
        {"attempt": "../../../x"},
        {"tag": "../x", "text": None},
        {"by": "\x1b]0;x"},
        {"time": 2**62},
    ],
    ids=lambda fields: ascii(fields)[:40],
)
def test_NV2_a_hostile_note_is_left_out_and_the_rest_comes(both, other, tmp_path, fields):
    ps.push(TRAIN, tmp_path / "remote")
    forge(tmp_path / "remote", **fields)
    with pytest.warns(PystoreWarning, match="a note of dref:.* is left out"):
        assert ps.pull(TRAIN, tmp_path / "remote", store=other).notes == 8
    assert said(other) == ALL


def test_NV2_names_that_lead_out_and_names_of_others_are_not_read(both, other, tmp_path):
    ps.push(TRAIN, tmp_path / "remote")
    (path,) = (path for path, text in objects(tmp_path / "remote").items() if b"best" in text)
    for name in ("x.note", "A" * 32 + ".note", "0" * 32 + ".note.json", "..note", "%2e%2e.note"):
        path.with_name(name).write_bytes(path.read_bytes())
    assert ps.pull(TRAIN, tmp_path / "remote", store=other).notes == 8
    assert not list(other.root.rglob("x.note"))


def test_NV2_a_changed_byte_is_noticed(both, other, tmp_path):
    ps.push(TRAIN, tmp_path / "remote")
    (path,) = (path for path, text in objects(tmp_path / "remote").items() if b"two lines" in text)
    path.unlink()
    path.write_bytes(b"{}")
    with pytest.warns(PystoreWarning, match="left out: its bytes have another digest"):
        ps.pull(TRAIN, tmp_path / "remote", store=other)
    assert said(other) == ALL[1:]
    ps.push(TRAIN, tmp_path / "remote", repair=True)
    ps.pull(TRAIN, tmp_path / "remote", store=other)
    assert said(other) == ALL


def test_NV2_with_trusted_keys_only_signed_notes_count(both, other, tmp_path):
    pytest.importorskip("cryptography")
    key, remote = tmp_path / "key", tmp_path / "remote"
    public = ps.make_key(key)
    ps.push(TRAIN, remote, key=key)
    ps.note(TRAIN, "unsigned")
    ps.push(TRAIN, remote)
    assert ps.pull(TRAIN, remote, trusted_keys=[public], store=other).notes == 8
    assert said(other) == ALL
    ps.push(TRAIN, remote, key=key)  # it is signed now
    assert ps.pull(TRAIN, remote, trusted_keys=[public], store=other).notes == 1
    assert said(other) == [*ALL, "unsigned"]


def test_NV2_a_signature_of_something_else_is_none(both, other, tmp_path):
    pytest.importorskip("cryptography")
    key, remote = tmp_path / "key", tmp_path / "remote"
    public = ps.make_key(key)
    ps.push(TRAIN, remote, key=key)
    (path,) = (path for path, text in objects(remote).items() if b"two lines" in text)
    (another, *_) = (path for path, text in objects(remote).items() if b"second" in text)
    signature = path.with_name(f"{path.stem}.{public}.sig")
    signature.unlink()
    shutil.copy2(another.with_name(f"{another.stem}.{public}.sig"), signature)
    with pytest.warns(PystoreWarning, match="signature is not over"):
        ps.pull(TRAIN, remote, trusted_keys=[public], store=other)
    assert said(other) == ALL[1:]


def test_NV2_an_archive_with_a_note_that_is_too_long_is_refused(both, other, tmp_path, monkeypatch):
    monkeypatch.setattr("pystore.core.note.LARGEST", LARGEST * 3)
    monkeypatch.setattr("pystore.core.note.LONGEST", LARGEST * 3)
    ps.note(TRAIN, "x" * (LARGEST + 1))
    ps.export_archive(TRAIN, tmp_path / "a.tar.zst")
    monkeypatch.undo()
    with pytest.raises(UnsafeArchive, match="impossible size"):
        ps.import_archive(tmp_path / "a.tar.zst", store=other)


def test_NW4_a_rejection_goes_with_the_attempts_that_made_the_realization(both, other, tmp_path):
    """The pulled history names the rejected one, though its bytes stay where they are."""
    bad, good = both
    ps.reject(bad, "a label leak")
    ps.push(good, tmp_path / "remote")
    ps.pull(good, tmp_path / "remote", store=other)
    assert {attempt.rref for attempt in other.attempts(TRAIN.dref)} == {bad, good}
    assert ps.rejected(TRAIN.dref, store=other) == {bad: "a label leak"}
    assert ps.best(TRAIN, "score.txt", store=other) == good
    assert [row.attempt.rref for row in ps.results(TRAIN, metrics=["score.txt"], store=other)] == [
        good
    ]
    assert ps.verify(other).sound


@pytest.mark.parametrize("way", ["pull", "copy", "archive"])
def test_NW4_a_rejection_that_comes_later_counts_from_then_on(store, both, other, tmp_path, way):
    bad = both[0]

    def bring():
        if way == "copy":
            ps.copy(TRAIN, store, other)
        elif way == "archive":
            ps.export_archive(TRAIN, tmp_path / "all.tar.zst")
            ps.import_archive(tmp_path / "all.tar.zst", store=other)
        else:
            ps.push(TRAIN, tmp_path / "remote")
            ps.pull(TRAIN, tmp_path / "remote", store=other)

    bring()
    assert ps.rejected(TRAIN.dref, store=other) == {}
    ps.reject(bad, "a label leak")
    bring()
    assert ps.rejected(TRAIN.dref, store=other) == {bad: "a label leak"}
    ps.reject(bad, "no, a wrong split", store=other)
    bring()
    assert ps.rejected(TRAIN.dref, store=other) == {bad: "no, a wrong split"}


def test_NW4_a_rejection_counts_though_the_first_pull_was_cut_off(
    both, other, tmp_path, monkeypatch
):
    bad, remote = both[0], tmp_path / "remote"
    ps.push(TRAIN, remote)
    ps.pull(TRAIN, remote, store=other)
    ps.reject(bad, "a label leak")
    ps.push(TRAIN, remote)

    def cut_off(*what):
        raise OSError("cut off")

    monkeypatch.setattr(verdicts, "put", cut_off)
    with pytest.raises(OSError, match="cut off"):
        ps.pull(TRAIN, remote, store=other)
    monkeypatch.undo()
    ps.pull(TRAIN, remote, store=other)
    assert ps.rejected(TRAIN.dref, store=other) == {bad: "a label leak"}


def train_on(version):
    """A training on data that another version of the code has made, which are the same."""
    data = Derivation({"name": "data", "code": version}, match_latest(), DATA.realizer)
    return Derivation(
        {"name": "train", "data": data},
        match_latest(),
        lambda b: b.outpath.joinpath("score.txt").write_text(f"{b.seed}"),
    )


def test_NW5_a_rejection_that_comes_counts_for_each_copy_that_is_here(store, other, tmp_path):
    old, new = train_on("v1"), train_on("v2")
    made = ps.realize(old)
    copy = ps.realize(new)
    for one in (old, new):
        ps.push(one, tmp_path / "remote")
        ps.pull(one, tmp_path / "remote", store=other)
    ps.reject(copy, "a label leak")
    ps.push(new, tmp_path / "remote")
    ps.pull(new, tmp_path / "remote", store=other)
    assert ps.rejected(made, store=other) == {made: "a label leak"}
    assert notes_of(other, old.dref) == notes_of(store, old.dref)
    assert ps.push(old, tmp_path / "remote").notes == 1
    assert ps.pull(old, tmp_path / "remote", store=other).notes == 0


def test_NW5_a_copy_that_comes_after_the_rejection_is_rejected(store, other, tmp_path):
    old, new = train_on("v1"), train_on("v2")
    made = ps.realize(old)
    for one in (old, new):
        copy = ps.realize(one)
        ps.push(one, tmp_path / "remote")
    ps.pull(old, tmp_path / "remote", store=other)
    ps.reject(made, "a label leak", store=other)
    ps.pull(new, tmp_path / "remote", store=other)
    assert ps.rejected(copy, store=other) == {copy: "a label leak"}
    assert [note.because for note in notes_of(other, new.dref)] == ["a label leak"]


def test_NW4_who_is_not_trusted_rejects_nothing(both, other, tmp_path):
    pytest.importorskip("cryptography")
    key, remote = tmp_path / "key", tmp_path / "remote"
    public = ps.make_key(key)
    ps.push(TRAIN, remote, key=key)
    ps.reject(both[0], "a label leak")
    ps.push(TRAIN, remote)
    ps.pull(TRAIN, remote, trusted_keys=[public], store=other)
    assert ps.rejected(TRAIN.dref, store=other) == {}
    ps.push(TRAIN, remote, key=key)
    ps.pull(TRAIN, remote, trusted_keys=[public], store=other)
    assert ps.rejected(TRAIN.dref, store=other) == {both[0]: "a label leak"}


def test_NV3_where_all_was_rejected_the_rejections_go(both, other, tmp_path):
    ps.push(TRAIN, tmp_path / "remote")
    ps.pull(TRAIN, tmp_path / "remote", store=other)
    for rref in both:
        ps.reject(rref, "it leaks")
    ps.note(TRAIN, "not sent")
    assert ps.push(TRAIN, tmp_path / "remote").notes == 2
    assert ps.push(TRAIN, tmp_path / "remote").notes == 0
    ps.pull(TRAIN, tmp_path / "remote", store=other)
    assert not other.all_candidates(TRAIN.dref)
    assert said(other) == [*ALL, "#rejected", "#rejected"]


def test_NV3_a_remote_that_has_nothing_of_it_gets_nothing(both, other, tmp_path):
    ps.push(DATA, tmp_path / "remote")
    for rref in both:
        ps.reject(rref, "it leaks")
    with pytest.raises(NotInStore, match="every realization of this was rejected"):
        ps.push(TRAIN, tmp_path / "remote")
    with pytest.raises(NotInStore, match="no remote is here"):
        ps.push(TRAIN, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "remote" / "drv").glob("*-train"))
