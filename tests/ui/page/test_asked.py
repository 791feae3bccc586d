"""What an address asks."""

import pytest

from pystore import Store
from pystore.errors import BadRef, BadStage, NotInStore
from pystore.ui.page.asked import Asked


def asked(store: Store, **query: str) -> Asked:
    return Asked(store, "/here", {}, query, "/store/a")


def test_YQ1_a_parameter_that_is_too_long_is_refused(store: Store):
    asked(store, where="x" * 1990).check()
    with pytest.raises(BadStage, match="too long"):
        asked(store, where="x" * 2001).check()


def test_an_address_has_the_base_and_what_is_not_empty(store: Store):
    one = asked(store, where='a="b c"&d', metric="", format="json")
    assert one.url("/rlz/rref:1", show=3, where="") == "/store/a/rlz/rref:1?show=3"
    assert one.again(metric="x y") == "/store/a/here?where=a%3D%22b+c%22%26d&metric=x+y"


def test_a_command_is_quoted_for_a_shell(store: Store):
    words = ("log", "--where", "a=$(rm -r ~) 'b'")
    assert asked(store).command(*words) == "pystore log --where 'a=$(rm -r ~) '\"'\"'b'\"'\"''"


@pytest.mark.parametrize("text", ["1e3", "-1", "²", "1" * 30, " 1", "x"])
def test_what_is_no_whole_number_is_refused(store: Store, text: str):
    with pytest.raises(BadStage, match="no whole number"):
        asked(store, show=text).number("show", 0)


def test_a_choice_is_one_of_those_that_there_are(store: Store):
    assert asked(store).choice("best", ("max", "min"), "max") == "max"
    assert asked(store, best="min").choice("best", ("max", "min"), "max") == "min"
    with pytest.raises(BadStage):
        asked(store, best="<b>").choice("best", ("max", "min"), "max")


@pytest.mark.parametrize("text", ["..", ".", "/etc/passwd", "~", "", "a/b", "-n", "*", "a\n", "ä"])
def test_no_path_is_a_reference(store: Store, text: str):
    for find in (asked(store).ref, asked(store).rref):
        with pytest.raises(BadRef):
            find(text)


def test_a_family_that_is_not_there_is_absent(store: Store):
    with pytest.raises(NotInStore):
        asked(store).family("train")
