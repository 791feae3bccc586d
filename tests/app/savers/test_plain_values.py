"""Plain values: JSON that brings back each value with its types."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_conformance import Conformance, plant

from pystore.app.savers import load, save
from pystore.app.savers.plain_values import decode, encode, is_plain
from pystore.errors import BadStage, Corrupted

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.just("$tuple"), inner)
    ),
)


class TestPlain(Conformance):
    kind = "plain"
    names = ("nested", "nothing", "numbers")

    def same(self, value: Any, loaded: Any):
        assert repr(loaded) == repr(value)  # which tells -0.0, nan and the types


@given(PLAIN)
def test_PV1_each_plain_value_comes_back_with_its_types(value: Any):
    assert is_plain(value)
    assert repr(decode(encode(value))) == repr(value)


class Text(str):
    """No plain text: it would come back as one."""


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", Text("a"), 1j, 10**5000, range(3), object()],
    ids=["set", "bytes", "subclass", "complex", "too long", "range", "object"],
)
def test_what_is_not_plain_is_refused_with_what_to_do(value: object, tmp_path):
    with pytest.raises(BadStage, match=r"@model\.saver"):
        save(value, tmp_path / "value")
    assert not (tmp_path / "value").exists()


def test_what_contains_itself_is_refused(tmp_path):
    value: list[Any] = []
    value.append(value)
    with pytest.raises(BadStage, match="nested deeper"):
        save(value, tmp_path / "value")


@pytest.mark.parametrize(
    "coded", [{"$float": "1"}, {"$other": 1}, {"$tuple": [], "a": 1}, {"$dict": [[1]]}], ids=str
)
def test_json_that_no_value_has_is_damage(coded: object, tmp_path):
    save(1, tmp_path / "value")
    plant(tmp_path / "value", {}, about={"value": coded})
    with pytest.raises(Corrupted):
        load(tmp_path / "value")
