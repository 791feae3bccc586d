"""Manifest: a tree as a value."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.manifest import Entry, Manifest, decode_name, encode_name
from pystore.errors import Corrupted

names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name)
hexes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
entries = st.one_of(
    st.builds(
        Entry, names, st.just("file"), st.booleans(), st.integers(0, 2**50), hexes, st.just(b"")
    ),
    st.builds(lambda path, target: Entry(path, "link", target=target), names, names),
    st.builds(lambda path: Entry(path, "directory"), names),
)
trees = st.lists(entries, unique_by=lambda entry: entry.path, max_size=8)


@given(trees, st.randoms())
def test_MF1_the_order_of_listing_makes_no_difference(tree, rng: random.Random):
    other = list(tree)
    rng.shuffle(other)
    assert Manifest.of(tree).digest == Manifest.of(other).digest


@given(trees)
def test_the_text_of_a_manifest_reads_back(tree):
    manifest = Manifest.of(tree)
    assert Manifest.parse(manifest.text) == manifest


@given(trees, trees)
def test_different_trees_have_different_digests(first, second):
    same = Manifest.of(first) == Manifest.of(second)
    assert (Manifest.of(first).digest == Manifest.of(second).digest) == same


@given(st.binary(max_size=30))
def test_MF2_every_name_comes_back(name):
    assert decode_name(encode_name(name)) == name
    encode_name(name).encode()  # it is text


@given(st.binary(max_size=10), st.binary(max_size=10))
def test_MF2_two_names_never_share_a_text(first, second):
    assert (encode_name(first) == encode_name(second)) == (first == second)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"entries":[{}]}', b'{"entries":[]}', b"\xff"]
)
def test_other_text_is_no_manifest(text):
    with pytest.raises(Corrupted):
        Manifest.parse(text)


def test_golden_manifest():
    """This never changes: docs/format.md promises it."""
    manifest = Manifest.of(
        [
            Entry(b"run.sh", "file", True, 2, "00" * 32),
            Entry(b"a\xff%.txt", "file", False, 0, "11" * 32),
            Entry(b"latest", "link", target=b"run.sh"),
            Entry(b"empty", "directory"),
        ]
    )
    assert manifest.text.decode() == (
        '{"entries":[\n'
        '{"digest":"'
        + "11"
        * 32
        + '","executable":false,"kind":"file","path":"a%FF%25.txt","size":0},\n'
        '{"kind":"directory","path":"empty"},\n'
        '{"kind":"link","path":"latest","target":"run.sh"},\n'
        '{"digest":"' + "00" * 32 + '","executable":true,"kind":"file","path":"run.sh","size":2}\n'
        "]}\n"
    )
    assert manifest.digest == "e7b3e2f313f6c80bc14b711dce4b8fcfafb48f8a7b61e843d79a4af096d7671c"
