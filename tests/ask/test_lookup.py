"""Lookup: the facts about references, whatever stands for one."""

from pathlib import PurePath
from typing import Any

import pytest

import pystore as ps
from pystore.errors import BadRef, BadStage


@ps.stage
def model(build, score=ps.output("eval/score.txt")):
    score.write_text("0.5\n")


@pytest.mark.parametrize("path", [["eval", "score.txt"], PurePath("eval/score.txt")])
def test_an_artifact_in_a_folder_is_named_by_its_steps_or_by_a_path(store, path):
    assert ps.catref(ps.realize(model()), path) == ["0.5"]


@pytest.mark.parametrize("path", [PurePath("/etc/passwd"), PurePath("../context.json"), "a/b"])
def test_no_path_leads_out_of_a_realization(store, path):
    with pytest.raises(BadRef):
        ps.catref(ps.realize(model()), path)


def test_a_view_and_an_attempt_stand_for_their_realization(store):
    rref = ps.realize(model())
    run = ps.view(rref)
    holders: list[Any] = [run, *ps.attempts(rref)]
    for one in holders:
        assert ps.catref(one, PurePath("eval/score.txt")) == ["0.5"]
        assert ps.rref2path(one) == run.path
        assert ps.view(one).rref == rref
        ps.pin(one, "serving")
        assert ps.pins() == {"serving": rref}
        ps.unpin("serving")


@pytest.mark.parametrize("reason", [None, "", " ", 3])
def test_a_rejection_has_a_reason(store, reason):
    with pytest.raises(BadStage, match="needs its reason"):
        ps.reject(ps.realize(model()), reason)
