"""Outlook and Change: the words, as values."""

import json
from typing import get_args

import pytest

from pystore import Config, DRef, Outlook
from pystore.core.change import Version, changes, distance, masked, pairs
from pystore.core.outlook import Kind, Step


def dref(name, digit="1"):
    return DRef.of(digit * 32, name)


STEPS = (
    Step(dref("data"), "up-to-date", ("up to date",)),
    Step(dref("train"), "wants-more", ("the matcher wants 2 more",), 2),
    Step(dref("train", "2"), "code-changed", ("new because <b>", "and more"), 1),
    Step(dref("eval"), "may-follow", ("input train will be rebuilt, this may follow",), sure=False),
)


def test_a_table_is_aligned_and_names_are_told_apart():
    assert str(Outlook(STEPS)) == (
        "data          reuse      up to date\n"
        "train@111111  build 2    the matcher wants 2 more\n"
        "train@222222  build 1    new because <b>\n"
        "                         and more\n"
        "eval          may build  input train will be rebuilt, this may follow\n"
        "2 to build (3 attempts), 1 may follow, 1 up to date"
    )


def test_steps_are_found_by_what_is_done():
    outlook = Outlook(STEPS)
    assert [step.dref.name for step in outlook.builds] == ["train", "train"]
    assert [step.dref.name for step in outlook.may_follow] == ["eval"]
    assert [step.dref.name for step in outlook.up_to_date] == ["data"]
    assert outlook[dref("eval")] is STEPS[3]
    assert len(outlook) == 4
    assert list(outlook) == list(STEPS)


def test_it_is_json_for_programs():
    told = json.loads(json.dumps(Outlook(STEPS).to_dict()))
    assert told["counts"] == {"reuse": 1, "build": 2, "may build": 1}
    assert told["steps"][1] == {
        "dref": dref("train"),
        "name": "train",
        "action": "build",
        "kind": "wants-more",
        "reasons": ["the matcher wants 2 more"],
        "attempts": 2,
        "sure": True,
        "nearest": None,
    }


def test_a_notebook_shows_it_escaped():
    shown = Outlook(STEPS)._repr_html_()
    assert "new because &lt;b&gt;<br>and more" in shown
    assert "2 to build (3 attempts)" in shown


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_an_action_and_a_word_in_the_summary(kind):
    outlook = Outlook((Step(dref("x"), kind, ("why",)),))
    assert outlook.summary().startswith("1 ")
    assert str(outlook).startswith(f"x  {outlook.steps[0].told}")


# --- difference ------------------------------------------------------------------------


def words(old, new, realizations=1):
    return [change.words for change in changes(Version(old), Version(new), realizations)]


def test_values_that_are_equal_and_not_the_same_are_told_apart():
    assert words({"x": 1}, {"x": 1.0}, 2) == ["`x` 1 → 1.0; 2 realizations exist for the old value"]
    assert words({"x": True}, {"x": True}) == []
    assert distance(pairs({"x": 1}), pairs({"x": True})) == 2


def test_CH1_keys_come_and_go():
    assert words({"a": 1}, {"b": "x"}) == [
        '`b` (not there) → "x", `a` 1 → (not there); 1 realization exists for the old values'
    ]


def test_CH2_inputs_are_told_from_parameters():
    old, new = ({"data": [dref("data", d), "x"], "n": [dref("m", d)]} for d in "12")
    assert words(old, new) == ["its inputs `data`, `n` changed"]
    assert words({"data": dref("a")}, {"data": dref("b")}) == [
        '`data` "dref:a" → "dref:b"; 1 realization exists for the old value'
    ]


def test_a_version_of_the_code_by_name_is_a_parameter():
    assert words({"name": "f", "code": "v1"}, {"name": "f", "code": "v2"}) == [
        '`code` "v1" → "v2"; 1 realization exists for the old value'
    ]
    assert words({"name": "f", "code": "a" * 32}, {"name": "f", "code": "b" * 32}) == [
        "`f()` changed"
    ]


def test_CH1_all_changed_parts_are_named_with_their_places():
    old = Version({"name": "f", "code": "a" * 32}, {"g": "1", "R": "1", "h": "1"})
    places = {"g": ("function", "x.py"), "R": ("constant", "")}
    new = Version({"name": "f", "code": "b" * 32}, {"g": "2", "R": "2", "k": "1"}, places)
    assert [change.words for change in changes(old, new, 1)] == [
        "`f()` changed: function `g` in `x.py`, constant `R`, `k` is new, `h` is gone"
    ]


def test_masked_configs_are_alike_but_for_their_inputs():
    one, other, third = (
        Config({"in": dref("a", digit), "n": n}).text for digit, n in (("1", 1), ("2", 1), ("1", 2))
    )
    assert masked(one) == masked(other) != masked(third)
