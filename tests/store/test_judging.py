"""Verifying: what is judged is looked at again, verdicts are checked, and links are not ours."""

import os
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import Corrupted, NotInStore
from pystore.store import tree


@pytest.fixture
def rref(store):
    return ps.realize(
        Derivation({"name": "x"}, match_latest(), lambda b: b.outpath.joinpath("x").touch())
    )


def unsealed(path: Path) -> Path:
    path.parent.chmod(0o755)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("quarantine", [True, False])
def test_VE4_what_was_built_again_while_it_was_looked_at_is_not_judged(
    store, monkeypatch, quarantine
):
    stage = Derivation({"name": "x"}, match_latest(), lambda b: (b.outpath / "x").write_text("1"))
    rref = ps.realize(stage)
    unsealed(store.path(rref) / "x").write_text("2")
    real, looks = tree.scan_sealed, []

    def slow(out, known, turn):
        found = real(out, known, turn)
        looks.append(out)
        if len(looks) == 1:
            assert ps.realize(stage, force_rebuild=True) == rref
        return found

    monkeypatch.setattr(tree, "scan_sealed", slow)
    report = ps.verify(quarantine=quarantine)
    assert report.sound
    assert report.quarantined == ()
    assert (report.realizations, report.size) == (1, 1)
    assert (store.path(rref) / "x").read_text() == "1"


def test_VE4_a_mark_is_lifted_only_from_what_is_sound_with_the_gate_closed(store, monkeypatch):
    stage = Derivation({"name": "x"}, match_latest(), lambda b: (b.outpath / "x").write_text("1"))
    rref = ps.realize(stage)
    x = store.path(rref) / "x"
    unsealed(x).write_text("2")
    assert not ps.verify().sound
    x.write_text("1")
    x.chmod(0o444)
    real, looks = tree.scan_sealed, []

    def slow(out, known, turn):
        found = real(out, known, turn)
        looks.append(out)
        if len(looks) == 1:
            unsealed(x).write_text("3")
        return found

    monkeypatch.setattr(tree, "scan_sealed", slow)
    assert not ps.verify().sound
    with pytest.raises(Corrupted):
        store.path(rref)


GARBLED = ["", "{", "[1]", '{"rref": 1}', '{"rref": "rref:x", "reason": "r", "by": 1}', "\xff"]


@pytest.mark.parametrize("kind", ["rejected", "damaged"])
@pytest.mark.parametrize("text", GARBLED)
def test_VE1_a_garbled_verdict_is_a_damage_and_stands(store, rref, kind, text):
    verdict = Path(store.parts.layout.attempts(rref.dref)) / f"{rref.digest}.{kind}"
    verdict.write_text(text, "latin-1")
    assert rref not in {c.rref for c in store.all_candidates(rref.dref) if not c.gone}
    report = ps.verify()
    assert [(d.kind, d.path) for d in report.damages] == [
        ("verdict", str(verdict.relative_to(store.root)))
    ]
    if kind == "damaged":
        assert ps.verify().sound  # it was wrong, and was lifted
        assert store.path(rref).is_dir()
        return
    assert "nobody can read why" in ps.rejected(rref.dref)[rref]
    ps.reject(rref, "a leak")
    assert ps.rejected(rref.dref) == {rref: "a leak"}
    assert ps.verify().sound


@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_VE1_something_else_in_the_place_of_a_verdict_is_a_damage(store, rref, make):
    verdict = Path(store.parts.layout.attempts(rref.dref)) / f"{rref.digest}.rejected"
    make(verdict)
    assert [d.kind for d in ps.verify().damages] == ["verdict"]
    assert list(ps.rejected(rref.dref)) == [rref]
    ps.reject(rref, "a leak")
    assert ps.verify().sound


def test_S8_links_in_drv_are_no_derivations_and_no_realizations(store, tmp_path):
    stages = [
        Derivation({"name": "x", "n": n}, match_latest(), lambda b: (b.outpath / "x").touch())
        for n in range(2)
    ]
    other = ps.Store(tmp_path / "other", durable=False)
    theirs, moved = (ps.realize(stage, store=other) for stage in stages)
    home = Path(other.parts.layout.derivation(theirs.dref))
    (store.parts.layout.drv / home.name).symlink_to(home)  # of a whole derivation
    mine = ps.realize(stages[1])
    tree.remove(Path(store.parts.layout.realization(mine)))
    Path(store.parts.layout.realization(mine)).symlink_to(other.parts.layout.realization(moved))
    assert store.drefs() == [mine.dref]
    assert store.realizations(mine.dref) == []
    with pytest.raises(NotInStore):
        store.path(mine)
    assert ps.verify().sound
    assert ps.gc(dry_run=False).realizations == {}
    assert other.path(theirs).is_dir()
    assert other.path(moved).is_dir()
    assert ps.realize(stages[1]) == mine  # in the place of the link
    assert not Path(store.parts.layout.realization(mine)).is_symlink()
    assert other.path(moved).is_dir()
    assert ps.realize(stages[0]) == theirs
    assert store.drefs() == sorted([mine.dref, theirs.dref])
    assert len(other.attempts(theirs.dref)) == 1
