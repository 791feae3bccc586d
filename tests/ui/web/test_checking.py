"""Checking goes the way of a service."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_model import SmallLoaded, SmallModel, train

from pystore import Store, match_best
from pystore.app.errors import Refused
from pystore.core.errors import NotInStore
from pystore.ui.web.checking import Checked, check
from pystore.ui.web.serve import asgi

BEST = match_best("test")


@pytest.fixture(autouse=True)
def _current(store: Store) -> Iterator[None]:
    with store.use():
        yield


def checked(model: SmallModel, **options: Any) -> Checked:
    return asyncio.run(check(asgi(model, options.pop("matcher", BEST), **options).service))


def test_CK1_what_would_answer_is_told_and_let_go_of(tmp_path: Path):
    train(score=0.1)
    best = train(scale=2.0, score=0.9)
    model = SmallModel()
    found = checked(model, log=tmp_path / "log", shadow=match_best("test", mode="min"))
    assert found.rref == best
    assert found.versions_differ == SmallLoaded.versions_differ
    assert len(model.loaded) == 2


def test_CK1_nothing_is_an_error():
    with pytest.raises(NotInStore, match="nothing to serve") as caught:
        checked(SmallModel())
    assert caught.value.facts["because"] == "nothing is there"


@pytest.mark.parametrize(("fault", "why"), [("other", "predicts otherwise"), ("hangs", "loaded")])
def test_CK1_what_a_service_would_refuse_is_refused(monkeypatch, fault: str, why: str):
    patience = 0.2 if fault == "hangs" else 60.0
    monkeypatch.setattr("pystore.ui.web.following._FIRST", patience)
    train(fault=fault)
    with pytest.raises(Refused, match=why):
        checked(SmallModel(), load_within=patience)


def test_CK1_a_shadow_that_would_be_refused_is_told():
    train(score=0.9)
    train(score=0.1, fault="other")
    with pytest.raises(Refused, match="predicts otherwise"):
        checked(SmallModel(), shadow=match_best("test", mode="min"))


@pytest.mark.parametrize(
    ("row", "because"),
    [([666.0, 0.0, 0.0], "ArithmeticError: the beast"), ([1.0], "these are no features")],
)
def test_CK1_an_example_that_gets_no_answer_is_told(monkeypatch, row: list[float], because: str):
    rref = train()
    monkeypatch.setattr(SmallLoaded, "example", lambda self: row)
    with pytest.raises(Refused, match="cannot answer its own example") as caught:
        checked(SmallModel())
    assert (caught.value.facts["rref"], caught.value.facts["because"]) == (rref, because)


def test_CK1_a_model_without_an_example_is_not_asked(monkeypatch):
    rref = train()
    monkeypatch.setattr(SmallLoaded, "example", lambda self: None)
    assert checked(SmallModel()).rref == rref
