"""Nested values: each item by the saver of its own kind."""

from typing import Any

import numpy as np
import pytest
from test_conformance import Conformance, plant

from pystore.app.savers import load, save
from pystore.errors import BadStage, Corrupted


class TestNested(Conformance):
    kind = "nested"
    names = ("X and y", "dict", "whole numbers as keys")

    def same(self, value: Any, loaded: Any):
        assert type(loaded) is type(value)
        if isinstance(value, dict):
            assert list(loaded) == list(value)
            for key in value:
                self.same(value[key], loaded[key])
        elif isinstance(value, tuple | list):
            for one, other in zip(value, loaded, strict=True):
                self.same(one, other)
        else:
            assert np.array_equal(value, loaded)


def test_each_item_has_a_folder(tmp_path):
    save((np.arange(2), "text"), tmp_path / "value")
    assert sorted(p.name for p in (tmp_path / "value").iterdir()) == ["0", "1", "value.json"]


def test_parts_that_changed_places_are_damage(tmp_path):
    save((np.arange(2), np.arange(3)), tmp_path / "value")
    one, other = tmp_path / "value" / "0", tmp_path / "value" / "1"
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    with pytest.raises(Corrupted, match="not the one of this value"):
        load(tmp_path / "value")


def test_fewer_keys_than_parts_are_damage(tmp_path):
    save({"a": np.arange(2), "b": 1}, tmp_path / "value")
    plant(tmp_path / "value", {}, about={"of": "dict", "keys": ["a"]})
    with pytest.raises(Corrupted, match="keys"):
        load(tmp_path / "value")


def test_keys_that_are_not_plain_are_refused(tmp_path):
    with pytest.raises(BadStage, match="keys"):
        save({np.float64(1): np.arange(2)}, tmp_path / "value")


def test_what_makes_a_pair_anew_makes_its_items(tmp_path):
    torch = pytest.importorskip("torch")
    save((torch.nn.Linear(2, 1), np.arange(3)), tmp_path / "value")
    module, numbers = load(tmp_path / "value", fresh=lambda: (torch.nn.Linear(2, 1), None))
    assert module.weight.shape == (1, 2)
    assert list(numbers) == [0, 1, 2]
