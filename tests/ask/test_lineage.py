"""Lineage: what something was made from, each part once, however deep."""

import pytest

from pystore import Derivation, Store, build_outpath, match_latest, realize, rmref
from pystore.ask.inspection.lineage import branches, lineage


def build(b):
    (build_outpath(b) / "out.txt").write_text("1")


def stage(name, **inputs):
    return Derivation({"name": name, **inputs}, match_latest(), build)


@pytest.fixture
def diamond(store: Store) -> Derivation:
    """data → left, right → top; data → left is shared."""
    data = stage("data")
    return stage("top", a=stage("left", data=data), b=stage("right", data=data), c=data)


def test_a_derivation_needs_all_its_inputs_nearest_first(diamond, store: Store):
    realize(diamond)
    found = lineage(diamond.dref, store)
    assert next(ref.name for ref in found) == "top"
    assert sorted(ref.name for ref in found) == ["data", "left", "right", "top"]
    assert sorted(ref.name for ref in found[diamond.dref].inputs) == ["data", "left", "right"]


def test_a_realization_has_the_realizations_it_was_built_from(diamond, store: Store):
    top = realize(diamond)
    found = lineage(top, store)
    assert all(ref.startswith("rref:") for ref in found) and len(found) == 4


def test_what_is_shared_is_drawn_once_and_named_again(diamond, store: Store):
    top = stage("roof", x=diamond, y=stage("left", data=stage("data")))
    realize(top)
    lines = list(branches(top.dref, lineage(top.dref, store)))
    lefts = [line for line in lines if line.node.ref.name == "left"]
    assert sorted(line.again for line in lefts) == [False, True]
    assert not any(line.again for line in lines if line.node.ref.name == "data")  # it has no inputs


def test_what_is_gone_has_no_inputs_that_are_known(diamond, store: Store):
    top = realize(diamond)
    left = next(ref for ref in lineage(top, store) if ref.name == "left")
    rmref(left, force=True)
    assert lineage(top, store)[left].inputs is None
    assert len(list(branches(top, lineage(top, store)))) >= 4


def test_a_chain_of_two_thousand_is_no_matter_of_recursion(store: Store):
    last = stage("s0")
    store.record([last.config])
    for i in range(1, 2000):
        last = stage(f"s{i}", before=last.dref)
        store.record([last.config])
    found = lineage(last.dref, store)
    assert len(found) == len(list(branches(last.dref, found))) == 2000


def test_as_json_a_node_has_its_inputs_or_null(diamond, store: Store):
    top = realize(diamond)
    left = next(ref for ref in lineage(top, store) if ref.name == "left")
    rmref(left, force=True)
    nodes = lineage(top, store)
    assert nodes[left].to_dict() == {"ref": left, "name": "left", "inputs": None}
    assert nodes[top].to_dict()["inputs"] == list(nodes[top].inputs)
