"""The current store, and the one that is given to a function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.errors import NotAStore

DATA = Derivation({"name": "data"}, match_latest(), lambda b: None)


def test_a_store_that_is_given_is_taken_before_the_current_one(store: Store, tmp_path: Path):
    other = Store(tmp_path / "other", durable=False)
    ps.realize(DATA, store=other)
    assert other.drefs() == [DATA.dref]
    assert store.drefs() == []


@pytest.mark.parametrize("given", [str, Path])
@pytest.mark.parametrize(
    "call",
    [
        lambda **how: ps.realize(DATA, **how),
        lambda **how: ps.attempts(**how),
        lambda **how: ps.results("data", **how),
        lambda **how: ps.pins(**how),
        lambda **how: ps.push(DATA, "lab", **how),
    ],
)
def test_a_path_is_no_store_and_none_is_made_there(
    tmp_path: Path, call: Callable[..., Any], given: Callable[[Path], Any]
):
    place = given(tmp_path / "store")
    with pytest.raises(NotAStore, match="this is a path") as caught:
        call(store=place)
    assert caught.value.remedy == f"store=Store({str(place)!r})"
    assert not (tmp_path / "store").exists()
