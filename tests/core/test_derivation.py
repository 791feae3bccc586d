"""Derivations and closures: values, and the order in which they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pystore as ps
from pystore import Config, Derivation, Store, match_all, match_latest
from pystore.errors import BadStage


def never(b):
    raise AssertionError("nothing is built here")


def derivation(name, *inputs, **config):
    return Derivation({"name": name, "inputs": list(inputs), **config}, match_latest(), never)


def test_DE1_making_a_derivation_touches_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(tmp_path / "store", durable=False).use() as store:
        before = sorted((tmp_path / "store").rglob("*"))
        made = derivation("train", derivation("data"))
        assert made.replace(config={"rate": 0.1}).dref != made.dref
        assert sorted((tmp_path / "store").rglob("*")) == before
        assert store.drefs() == []


@st.composite
def graphs(draw):
    """Derivations each of which needs some of those before it."""
    made: list[Derivation] = []
    for number in range(draw(st.integers(1, 12))):
        picked = draw(st.sets(st.integers(0, number - 1), max_size=4)) if number else set()
        made.append(derivation(f"d{number}", *(made[i] for i in sorted(picked))))
    targets = draw(st.lists(st.sampled_from(made), min_size=1, max_size=4))
    return made, targets


@given(graphs())
def test_DE2_inputs_stand_before_what_needs_them_and_each_once(tmp_path_factory, graph):
    made, targets = graph
    by_dref = {one.dref: one for one in made}
    store = Store(tmp_path_factory.getbasetemp() / "closures", durable=False)
    closure = ps.instantiate(targets, store=store)
    order = [one.dref for one in closure.derivations]
    assert len(order) == len(set(order))
    for place, dref in enumerate(order):
        assert set(by_dref[dref].config.inputs) <= set(order[:place])
    needed, ahead = set(), [target.dref for target in targets]
    while ahead:
        dref = ahead.pop()
        if dref not in needed:
            needed.add(dref)
            ahead += by_dref[dref].config.inputs
    assert set(order) == needed


def test_DE3_one_closure_holds_no_two_stages_of_one_name(store):
    one = derivation("data")
    for other in (one.replace(matcher=match_all()), Derivation(one.config, match_latest(), print)):
        assert other.dref == one.dref
        with pytest.raises(BadStage, match="two different stages have one config"):
            ps.instantiate([derivation("train", one), derivation("eval", other)])


def test_the_same_derivation_made_twice_is_one(store):
    made = [derivation("train", derivation("data")) for _ in "12"]
    assert made[0] == made[1]
    assert len({*made}) == 1
    assert len(ps.instantiate(made).derivations) == 2


def test_replacing_a_key_keeps_the_inputs_that_are_still_named():
    data, more = derivation("data"), derivation("more")
    train = derivation("train", data, more, rate=0.1)
    other = train.replace(config={"rate": 0.2})
    assert {held.dref for held in other.holds} == {data.dref, more.dref}
    assert other.config["rate"] == 0.2
    fewer = train.replace(config={"inputs": [more]})
    assert [held.dref for held in fewer.holds] == [more.dref]


def test_what_is_no_matcher_is_refused():
    with pytest.raises(BadStage, match="not a matcher"):
        Derivation(Config({}), match_latest, never)  # type: ignore[arg-type]  # the mistake
