"""Modules of PyTorch."""

from typing import Any

import pytest
import specimens
from test_conformance import Conformance, tree

from pystore.app.savers import load, save
from pystore.errors import BadStage

torch = pytest.importorskip("torch", reason="modules of PyTorch need .[torch]")
pytest.importorskip("safetensors")
from torch import nn  # noqa: E402  # only where it is installed


class TestModules(Conformance):
    kind = "torch"
    names = ("double", "net", "short", "tied")

    def same(self, value: Any, loaded: Any):
        dtype = next(value.parameters()).dtype
        inputs = torch.arange(12).reshape(4, 3).to(dtype)
        with torch.no_grad():
            assert torch.equal(value.eval()(inputs), loaded(inputs))
        assert not loaded.training


def test_TM1_tensors_that_are_one_stay_one_and_are_saved_once(tmp_path):
    module = specimens.torch()["tied"]()
    save(module, tmp_path / "value")
    loaded = load(tmp_path / "value", fresh=specimens.fresh("torch")["tied"])
    assert loaded.first.weight is loaded.last.weight
    size = module.first.weight.numel() * 4
    assert size <= len(tree(tmp_path / "value")["model.safetensors"]) < 2 * size + 200


def test_TM1_the_saved_dtype_wins_over_that_of_the_new_module(tmp_path):
    module = nn.Linear(3, 2).double()
    save(module, tmp_path / "value")
    loaded = load(tmp_path / "value", fresh=lambda: nn.Linear(3, 2))
    assert torch.equal(loaded.weight, module.weight)
    assert loaded.weight.dtype == torch.float64


def test_TM1_views_and_transposed_tensors_come_back(tmp_path):
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = torch.arange(6.0)
            self.register_buffer("part", whole[2:5])
            self.register_buffer("turned", whole.reshape(2, 3).T)
            self.register_buffer("nothing", torch.zeros(0))

    module = Views()
    save(module, tmp_path / "value")
    module.get_buffer("part").add_(1)  # what was saved is a copy
    loaded = load(tmp_path / "value", fresh=Views)
    assert loaded.part.tolist() == [2, 3, 4]
    assert loaded.turned.tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        (lambda: nn.Linear(3, 4), "made \\(4, 3\\)"),
        (lambda: nn.Linear(3, 2, bias=False), "not made: +bias"),
        (lambda: nn.Sequential(nn.Linear(3, 2)), "not saved: +0.bias"),
        (lambda: 5, "returned builtins.int"),
        (lambda: 1 // 0, "ZeroDivisionError"),
        (None, "pass fresh="),
    ],
)
def test_TM2_a_module_that_does_not_fit_is_refused(fresh: Any, told: str, tmp_path):
    save(nn.Linear(3, 2), tmp_path / "value")
    with pytest.raises(BadStage, match=told):
        load(tmp_path / "value", fresh=fresh)


def test_what_is_no_dense_tensor_is_refused(tmp_path):
    class WithText(nn.Linear):
        def get_extra_state(self) -> str:
            return "text"

    sparse = nn.Module()
    sparse.register_buffer("part", torch.eye(2).to_sparse())
    for value in (torch.zeros(2), WithText(1, 1), sparse, nn.LazyLinear(2)):
        with pytest.raises(BadStage, match=r"@model\.saver"):
            save(value, tmp_path / "value")
