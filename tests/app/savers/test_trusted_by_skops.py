"""The types that skops trusts by itself, beside skops' own lists."""

from typing import Any

import pytest
from test_sklearn import archive, node
from test_skops_loading import generator, listed, text

from pystore.app.savers.skops_nodes import KINDS
from pystore.app.savers.trusted_by_skops import BIT_GENERATORS

skops_io = pytest.importorskip("skops.io")

PAIR = {"data": text(1), "mask": text(1)}
NOTHING = node("DictNode", "builtins", "dict", content={}, key_types=listed())
FIELDS: dict[str, dict[str, Any]] = {
    "DictNode": {"content": {}, "key_types": listed()},
    "JsonNode": {"content": "1"},
    "ListNode": {"content": []},
    "LossNode": {"__reduce__": {"args": text(1)}, "content": NOTHING},
    "MaskedArrayNode": {"content": PAIR},
    "NdArrayNode": {"type": "json", "content": [], "shape": text([0])},
    "RandomGeneratorNode": {"content": generator("PCG64")["content"]},
    "RandomStateNode": {"content": NOTHING},
    "SetNode": {"content": []},
    "SliceNode": {"content": {"start": 1, "stop": 2, "step": 3}},
    "TupleNode": {"content": []},
}


@pytest.mark.parametrize("loader", sorted(KINDS))
def test_TY1_skops_trusts_each_type_in_nodes_of_its_kind(loader: str):
    trusted = KINDS[loader].trusted
    for name in {"whatever.Type"} if trusted is None else trusted:
        module, _, kind = name.rpartition(".")
        schema = {**node(loader, module, kind, **FIELDS.get(loader, {})), "protocol": 2}
        assert skops_io.get_untrusted_types(data=archive(schema)) == [], name


def test_TY1_skops_trusts_what_makes_the_bits_of_generators():
    for name in BIT_GENERATORS:
        schema = {**generator(name), "protocol": 2}
        assert skops_io.get_untrusted_types(data=archive(schema)) == []
