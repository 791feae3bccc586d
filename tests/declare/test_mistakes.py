"""Mistakes that newcomers make: each has an error that says what to write, or means the obvious."""

import pytest

import pystore as ps
from pystore import Derivation, explain, gc, keep_latest, lsref, match_latest, output, stage, verify
from pystore.errors import BadConfig, BadRef, BadStage


@stage
def train(epochs: int = 1, file=output("x.txt")):
    file.write_text(str(epochs))


def hand_written(m):
    return ps.mkdrv(m, {"name": "by-hand"}, match_latest(), lambda b: None)


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (lambda: verify("rref:x"), BadStage, "verify takes a store"),  # type: ignore[arg-type]  # the mistake
        (lambda: gc(keep_latest), BadStage, r"gc\(keep_latest\(2\)\)"),  # type: ignore[arg-type]  # the mistake
        (lambda: gc(5), BadStage, "gc keeps RRefs"),  # type: ignore[arg-type]  # the mistake
        (lambda: stage("x"), BadStage, "a stage of a function"),  # type: ignore[call-overload]  # the mistake
        (lambda: stage(code="funtion"), BadStage, "looks like a misspelt word"),
        (lambda: output("/abs/x"), BadRef, "'/abs/x'"),
        (lambda: train(epochs=(1, 2)), BadConfig, "stage: +train"),  # type: ignore[call-overload]  # the mistake
        (lambda: train(epochs=hand_written), BadConfig, "call it"),  # type: ignore[call-overload]  # the mistake
        (lambda: ps.mkdrv({"a": 1}, match_latest(), print), BadStage, "the registry of the stage"),  # type: ignore[arg-type]  # the mistake
        (lambda: lsref("train"), BadRef, "the .dref of a derivation"),
        (lambda: train(epoch=2), BadStage, r"takes: +epochs: int = 1, file=output\('x.txt'\)"),  # type: ignore[call-overload]  # the mistake
        (lambda: train(epoch=2), BadStage, "closest: +epochs"),  # type: ignore[call-overload]  # the mistake
        (lambda: train(file="y.txt"), BadStage, r"name another file: file=output\('x.txt'\)"),
        (lambda: train().replace(matcher=match_latest), BadStage, r"call it: match_latest\(\)"),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_a_mistake_says_what_to_write(store, wrong, kind, says):
    with pytest.raises(kind, match=says):
        wrong()


def test_a_bare_stage_stands_for_its_call(store):
    first = train().run().rref
    assert "up to date" in str(explain(train))
    ps.realize(train(), force_rebuild=train)  # type: ignore[arg-type]  # stands for it
    ps.realize(train(), force_rebuild=[train])  # type: ignore[list-item]  # stands for it
    assert len(ps.attempts(first)) == 3


def test_derivations_and_views_stand_for_their_references(store):
    run = train().run()
    assert lsref(train()) == [run.rref]  # type: ignore[arg-type]  # stands for it
    assert lsref(run) == ["context.json", "manifest.json", "x.txt"]  # type: ignore[arg-type]  # stands for it
    assert ps.attempts(train()) == run.attempts
    assert Derivation({"name": "x"}, match_latest(), print).dref.name == "x"


def test_code_that_is_a_versions_name_is_taken():
    assert stage(code="v3")(train.function)().config["code"] == "v3"
    assert stage(code="2026-11")(train.function)().config["code"] == "2026-11"


def test_a_place_that_is_not_ours_is_explained(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ps.errors.NotAStore, match="name another path"):
        ps.Store(tmp_path / "file" / "store")
