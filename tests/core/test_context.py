"""Contexts, and the references that digest them."""

from itertools import pairwise, permutations

import pytest

from pystore import Config, Context
from pystore.core.context import parse_provenance, provenance_text, rref_of
from pystore.core.refs import RRef
from pystore.errors import Corrupted

ONE, TWO = Config({"name": "one"}).dref, Config({"name": "two"}).dref
TREE = "0" * 64


def rref(dref, digit):
    return RRef.of(digit * 32, dref)


def made(dref, context, tree=TREE):
    return rref_of(dref, provenance_text(dref, context, tree))


def test_neither_order_nor_repetition_make_a_difference():
    chosen = [rref(ONE, digit) for digit in "132"]
    told = [
        Context({TWO: [rref(TWO, "1")], ONE: [*order, order[0]]}) for order in permutations(chosen)
    ]
    told.append(Context({ONE: sorted(chosen), TWO: [rref(TWO, "1")]}))
    assert len({(context.text, context.digest) for context in told}) == 1
    assert Context({ONE: chosen})[ONE] == tuple(sorted(chosen))


def test_CX1_each_part_of_a_context_is_in_the_reference():
    contexts = [
        Context(),
        Context({ONE: [rref(ONE, "1")]}),
        Context({ONE: [rref(ONE, "2")]}),
        Context({ONE: [rref(ONE, "1"), rref(ONE, "2")]}),
        Context({ONE: [rref(ONE, "1")], TWO: [rref(TWO, "1")]}),
    ]
    references = {made(TWO, context, tree) for context in contexts for tree in (TREE, "1" * 64)}
    assert len(references) == 2 * len(contexts)


def test_CX1_another_beginning_is_another_history_though_all_bytes_after_it_are_equal():
    chain = [Config({"name": str(number)}).dref for number in range(4)]

    def last(first):
        reference = first
        for before, dref in pairwise(chain):
            reference = made(dref, Context({before: [reference]}))
        return reference

    assert last(rref(chain[0], "1")) != last(rref(chain[0], "2"))
    assert last(rref(chain[0], "1")) == last(rref(chain[0], "1"))


def test_the_text_of_a_context_is_read_back():
    context = Context({ONE: [rref(ONE, "2"), rref(ONE, "1")]})
    assert parse_provenance(provenance_text(TWO, context, TREE)) == (TWO, context, TREE)


@pytest.mark.parametrize(
    "change",
    [
        (b"{", b"{ "),
        (b"\n", b""),
        (b'"inputs"', b'"inputz"'),
        (b"rref:1", b"rref:x"),
        (b"dref", b"rref"),
        (b'":["', b'":{"'),
    ],
)
def test_any_other_text_is_not_that_of_a_context(change):
    text = provenance_text(TWO, Context({ONE: [rref(ONE, "1")]}), TREE)
    with pytest.raises(Corrupted):
        parse_provenance(text.replace(*change))
