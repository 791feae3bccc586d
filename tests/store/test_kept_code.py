"""Texts of code are kept once, and shown only where they have the digest."""

import os

import pytest

from pystore import Store
from pystore.core.kept_code import LARGEST, CodeText, by_hand_digest, part_digest
from pystore.errors import Corrupted
from pystore.store.verify import verify

PART = CodeText("(FunctionDef ...)", "def f():\n    ...\n")
HAND = CodeText("def f():\n    ...", "def f():\n    ...  # nothing\n")
TEXTS = {part_digest(PART.text): PART, by_hand_digest(HAND.text): HAND}


def test_KC1_what_was_kept_comes_back(store):
    store.keep_code(TEXTS)
    assert {digest: store.code(digest) for digest in TEXTS} == TEXTS
    assert store.code("0" * 16) is None
    assert verify(store).sound


def test_a_text_is_kept_once(store):
    store.keep_code(TEXTS)
    before = [os.stat(store.parts.layout.code / digest).st_ino for digest in TEXTS]
    store.keep_code({digest: CodeText(one.text) for digest, one in TEXTS.items()})
    assert [os.stat(store.parts.layout.code / digest).st_ino for digest in TEXTS] == before


@pytest.mark.parametrize("how", ["cut", "another", "no json"])
def test_KC1_another_text_is_not_shown_and_named_by_verify(store, how):
    store.keep_code(TEXTS)
    digest, other = TEXTS
    path = store.parts.layout.code / digest
    content = {
        "cut": path.read_bytes()[:-3],
        "another": (store.parts.layout.code / other).read_bytes(),
        "no json": b"x\x9c\x03\x00\x00\x00\x00\x01",
    }[how]
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(Corrupted):
        store.code(digest)
    assert [d.path for d in verify(store).damages] == [f"code/{digest}"]


def test_a_very_long_text_is_not_kept(store):
    long = CodeText("x" * LARGEST)
    store.keep_code({part_digest(long.text): long})
    assert store.code(part_digest(long.text)) is None


def test_texts_of_the_store_below_are_seen(store, tmp_path):
    store.keep_code(TEXTS)
    above = Store(tmp_path / "above", durable=False, below=store.root)
    assert above.code(part_digest(PART.text)) == PART


def test_a_store_whose_folder_of_code_is_gone_makes_it_again(store):
    (store.root / "code").rmdir()
    store.keep_code(TEXTS)  # nothing depends on it
    Store(store.root).keep_code(TEXTS)
    assert store.code(part_digest(PART.text)) == PART
