"""References: well-formed or not at all."""

import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pystore import DRef, RefPath, RRef, selfref
from pystore.core.refs import check_part, is_dref, is_promise, parse_ref
from pystore.errors import BadRef

H1, H2 = "0123456789abcdef" * 2, "fedcba9876543210" * 2
names = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


@given(digests, names)
def test_S8_the_parts_of_a_derivation_reference_come_back(digest, name):
    dref = DRef.of(digest, name)
    assert (dref.digest, dref.name) == (digest, name)
    assert DRef(str(dref)) == dref
    assert pickle.loads(pickle.dumps(dref)) == dref


@given(digests, digests, names)
def test_S8_the_parts_of_a_realization_reference_come_back(digest, derivation, name):
    dref = DRef.of(derivation, name)
    rref = RRef.of(digest, dref)
    assert (rref.digest, rref.dref, rref.name) == (digest, dref, name)
    assert parse_ref(str(rref)) == rref


@given(st.lists(digests, max_size=5), names)
def test_S8_several_realizations_are_those_that_are_made_one_by_one(several, name):
    dref = DRef.of(H1, name)
    made = RRef.each(several, dref)
    assert made == [RRef.of(digest, dref) for digest in several]
    assert {type(one) for one in made} <= {RRef}


@pytest.mark.parametrize(
    "several",
    [[H1, "0" * 31], [f"{H1},{H2}"], [f"{H1},{H2}", H1], [H1, ""], [H1.upper()], [f"{H1}\n"]],
    ids=["short", "two in one", "two in one and one", "empty", "capitals", "line"],
)
def test_S8_one_wrong_digest_among_several_is_refused(several):
    with pytest.raises(BadRef, match="realization reference"):
        RRef.each(several, DRef.of(H1, "a"))


@given(st.text(max_size=200))
@example(f"dref:{H1}-a\n")
@example(f"dref:{H1}-a/../../x")
@example(f"dref:{H1}-")
@example(f"dref:{H1.upper()}-a")
@example(f"dref:{H1}-é")
@example(f"dref:{H1}-a\0")
@example(f" dref:{H1}-a")
@example("dref:" + "\uff11" * 32 + "-a")
def test_S8_any_other_text_is_no_reference(text):
    for kind in (DRef, RRef):
        with pytest.raises(BadRef) as caught:
            kind(text)
        assert "expected:" in str(caught.value)
        assert "try:" in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, b"dref:", ["dref:"]])
def test_what_is_no_text_is_no_reference(value):
    with pytest.raises(BadRef):
        DRef(value)


def test_what_has_a_reference_stands_for_it():
    rref = RRef("rref:" + "1" * 32 + "-" + "2" * 32 + "-a")
    view: Any = SimpleNamespace(rref=rref, dref=rref.dref)
    failed: Any = SimpleNamespace(rref=None)
    assert RRef(view) is rref
    assert DRef(view) == rref.dref
    with pytest.raises(BadRef):
        RRef(failed)
    with pytest.raises(BadRef):
        RRef(rref.dref)


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "/", "a\0", 3, None, b"a"])
def test_S8_a_part_of_a_path_stays_where_it_is(part):
    with pytest.raises(BadRef):
        check_part(part)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_S8_a_path_is_refused_or_stays_inside(parts):
    import os.path

    try:
        path = RefPath.parse([DRef.of(H1, "a"), *parts])
    except BadRef:
        return
    joined = os.path.normpath(os.path.join("/store/out", *path.parts))
    assert joined == "/store/out" or joined.startswith("/store/out/")


def test_a_path_may_start_with_selfref():
    assert RefPath.parse([selfref, "a", "b"]) == RefPath(selfref, ("a", "b"))
    assert str(RefPath.parse([selfref, "a"])) == "dref:self/a"


def test_an_empty_path_is_refused():
    with pytest.raises(BadRef):
        RefPath.parse([])


@pytest.mark.parametrize(
    ("value", "dref", "promise"),
    [
        ("dref:" + 32 * "0" + "-data", True, False),
        (selfref, False, False),
        ([selfref, "file"], False, True),
        (["dref:" + 32 * "0" + "-data", "file"], False, False),
        ("data", False, False),
        (1, False, False),
    ],
)
def test_references_and_promises_are_told_from_other_values(value, dref, promise):
    assert (is_dref(value), is_promise(value)) == (dref, promise)
