"""Places in a config, and what is seen there."""

import pytest

from pystore import Config, Context
from pystore.core.reads import Surroundings, below, digest_of, ordered, references
from pystore.core.refs import RRef
from pystore.errors import NotInStore

DATA = Config({"name": "data", "k": 1, "a/b": {"~": [1, {"deep": 2}]}})
OTHER = Config({"name": "other", "k": 2, "data": DATA.dref})
CONFIG = Config({"runs": [OTHER.dref, [DATA.dref, "file"]], "out": ["dref:self", "x"], "k": 3})


def rref(config, number):
    return RRef.of(f"{number:032x}", config.dref)


INNER = rref(DATA, 2)


class World:
    """Two derivations; of the first, three realizations, whose trees sort backwards."""

    def config(self, dref):
        return {DATA.dref: DATA, OTHER.dref: OTHER}[dref]

    def context(self, rref):
        return Context({DATA.dref: [INNER]} if rref.dref == OTHER.dref else {})

    def tree(self, rref):
        return f"{9 - int(rref.digest, 16) // 2:064x}"

    def attempts(self, dref):
        raise NotInStore("gone", ref=dref, remedy="none")


CHOSEN = Context({OTHER.dref: [rref(OTHER, 9)], DATA.dref: [rref(DATA, n) for n in (0, 2, 3)]})
AROUND = Surroundings(CONFIG, CHOSEN, World())


def test_references_are_found_with_their_places():
    assert dict(references(CONFIG.value)) == {"/runs/0": OTHER.dref, "/runs/1/0": DATA.dref}


def test_realizations_are_in_the_order_of_their_trees_then_of_their_references():
    assert ordered(CHOSEN[DATA.dref], World()) == (rref(DATA, 2), rref(DATA, 3), rref(DATA, 0))


@pytest.mark.parametrize(
    ("key", "seen", "words"),
    [
        ("value /runs/0/0/k", '{"value":2}', "`runs[0].k`"),
        ("value /runs/0/0/data/0/a~1b/~0/1", '{"value":{"deep":2}}', "`runs[0].data.a/b.~[1]`"),
        ("value /runs/0/0/data", '{"value":"rref:1"}', "`runs[0].data`"),
        ("value /runs/0/0/nothing", "", "`runs[0].nothing`"),
        ("rref /runs/1/0/0", rref(DATA, 2), "the reference of `runs[1][0][0]`"),
        ("rref /runs/1/0/2", rref(DATA, 0), "the reference of `runs[1][0][2]`"),
        ("dref /runs/0/0", OTHER.dref, "the derivation of `runs[0]`"),
        ("tree /runs/0/0/data/0", f"{8:064x}", "the files of `runs[0].data`"),
        ("dref ", CONFIG.dref, "its own reference"),
        ("context ", CHOSEN.digest, "its own reference"),
    ],
)
def test_what_is_at_a_place_is_seen_and_has_words(key, seen, words):
    reads = {key: digest_of(key.partition(" ")[0], seen)}
    assert AROUND.differing(reads) == []
    assert AROUND.differing({key: digest_of("another", seen)}) == [key]
    assert AROUND.in_words(key) == words


@pytest.mark.parametrize(
    "key",
    [
        "rref /runs/0/7",
        "rref /runs/0/x",
        "rref /k",
        "tree ",
        "attempts /runs/0/0",
        "store ",
        "what /k",
    ],
)
def test_RD2_what_cannot_be_looked_at_is_never_the_same(key):
    kind = key.partition(" ")[0]
    assert AROUND.differing({key: digest_of(kind, "")}) == [key]


def test_a_place_escapes_what_a_pointer_means():
    assert below("", "a/b~") == "/a~1b~0"


def test_the_digest_of_a_read_is_that_of_the_format():
    assert digest_of("value", '{"value":2}') == "0f3495f3d4b2583076dd70143ec73b26"


def test_realizations_that_are_one_are_told_from_those_that_are_alike():
    reads = {"tree /runs/0/0/data/0": "…"}
    assert AROUND.same(reads).splitlines() == [
        "/runs/0/0 /runs/0/0",
        "/runs/0/0/data/0 /runs/0/0/data/0",
        "/runs/1/0/0 /runs/0/0/data/0",
        "/runs/1/0/1 /runs/1/0/1",
        "/runs/1/0/2 /runs/1/0/2",
    ]
