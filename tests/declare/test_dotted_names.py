"""Dotted names: one key of a dict, and parameters of inputs, wherever these stand."""

import warnings

import pytest

from pystore import PystoreWarning, output, realize, stage, sweep, view
from pystore.errors import BadStage


@stage
def split(seed: int = 0, part=output("part.txt")):
    part.write_text(str(seed))


@stage
def train(
    data=split(),
    optim: dict = {"lr": 0.1, "betas": [0.9, 0.99]},  # noqa: B006  # a default of a config
    rate: float = 0.1,
    model=output("model.txt"),
):
    model.write_text(f"{data.seed} {optim} {rate}")


@stage
def pick(candidates=[train(rate=0.1), train(rate=0.2)], more={"a": train(rate=0.3)}, o=output("o")):  # noqa: B006
    o.write_text("")


@stage
def both(model=train(), data=split(), o=output("o")):
    o.write_text(f"{model.data.seed} {data.seed}")


def test_IN2_a_whole_dict_replaces_and_a_dotted_name_replaces_one_key():
    assert train(optim={"lr": 1}).config["optim"] == {"lr": 1}
    assert train(**{"optim.lr": 1}).config["optim"] == {"lr": 1, "betas": [0.9, 0.99]}
    assert train(**{"optim.betas.1": 0.5}).config["optim"]["betas"] == [0.9, 0.5]
    both_given = train(optim={"lr": 1, "momentum": 0}, **{"optim.momentum": 0.9})
    assert both_given.config["optim"] == {"lr": 1, "momentum": 0.9}
    with pytest.raises(BadStage, match="optim has no parameter lrr") as refused:
        train(**{"optim.lrr": 1})
    assert refused.value.closest == "lr"


def test_IN2_defaults_stay_as_they_are():
    train(**{"optim.lr": 5, "data.seed": 3})
    assert train().config["optim"]["lr"] == 0.1
    assert train() == train(data=split(seed=0))


def test_IN1_a_parameter_of_an_input_is_another_input():
    assert train(**{"data.seed": 3}) == train(data=split(seed=3))
    assert train(split(), {"lr": 1}, **{"data.seed": 3}) == train(split(seed=3), {"lr": 1})
    assert both(**{"model.optim.lr": 2}) == both(model=train(**{"optim.lr": 2}))
    assert list(sweep(train, **{"data.seed": [1, 2]})) == ["data.seed=1", "data.seed=2"]


def test_IN1_inputs_in_lists_and_dicts_are_reached_by_place_and_all_at_once():
    first = [train(rate=0.5), train(rate=0.2)]
    assert pick(**{"candidates.0.rate": 0.5}) == pick(candidates=first)
    all_of_them = pick(**{"candidates.*.rate": 0.5})
    assert all_of_them == pick(candidates=[train(rate=0.5)] * 2)
    data = split(seed=1)
    everywhere = pick(**{"*.data.seed": 1})
    assert everywhere == pick(
        candidates=[train(data, rate=0.1), train(data, rate=0.2)],
        more={"a": train(data, rate=0.3)},
    )
    assert pick(**{"more.a.rate": 1.0}) == pick(more={"a": train(rate=1.0)})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("data.sed", 1, "split has no parameter sed"),
        ("dat.seed", 1, "train has no parameter dat"),
        ("data.part", "x", "split has no parameter part"),
        ("data.seed", "many", "seed of split is a whole number"),
        ("*.sed", 1, "no input of train has a parameter sed"),
        ("rate.seed", 1, "rate is no input of train"),
        ("optim.betas.7", 1, "betas is a list of 2"),
        ("optim.betas.first", 1, "betas is a list of 2"),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error(name, value, told):
    with pytest.raises(BadStage, match=told):
        train(**{name: value})


def test_an_input_in_a_list_needs_its_place_and_is_replaced_by_inputs_only():
    with pytest.raises(BadStage, match="candidates is a list of 2") as refused:
        pick(**{"candidates.rate": 0.5})
    assert "candidates.0" in refused.value.remedy
    with pytest.raises(BadStage, match=r"candidates\.0 is an input"):
        pick(**{"candidates.0": 3})
    assert pick(**{"candidates.0": train(rate=9.0)}) == pick(
        candidates=[train(rate=9.0), train(rate=0.2)]
    )


def test_IN3_a_change_that_reaches_only_some_uses_says_so():
    with pytest.warns(PystoreWarning, match="data.seed reaches some uses of split, .*by train"):
        both(**{"data.seed": 1})
    with pytest.warns(PystoreWarning, match=r"\*\.data\.seed reaches some .* not those by both"):
        both(**{"*.data.seed": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert both(**{"*.data.seed": 1, "data.seed": 1}) == both(
            train(data=split(seed=1)), split(seed=1)
        )
        both(**{"model.rate": 0.5})


def test_what_was_changed_within_is_built(store):
    made = realize(both(**{"*.data.seed": 2, "data.seed": 2}))
    assert view(made).o.read_text() == "2 2"
