"""How templates write values."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from pystore.ui.page.asked import Asked, Shown
from pystore.ui.page.templating import _environment, rendered

ENVIRONMENT = _environment()


def written(value: object, template: str = "{{ value }}") -> str:
    return ENVIRONMENT.from_string(template).render(value=value)


@given(st.text())
def test_YT1_whatever_a_text_is_it_is_no_markup_and_can_be_sent(text: str):
    for template in ("{{ value }}", '<a title="{{ value }}">', "{{ value | replace('a', 'b') }}"):
        shown = written(text, template).removeprefix('<a title="').removesuffix('">')
        assert not set(shown) & set("<>\"'")
        shown.encode()
        assert all(c.isprintable() or c in "\n\t" for c in shown)


def test_YT1_what_steers_a_reader_is_escaped():
    assert written("a\x1b[31m\u202eb\r\n\tc\udcff") == "a\\x1b[31m\\u202eb\\r\n\tc\\xff"


def test_YT2_a_name_without_a_value_is_an_error():
    with pytest.raises(UndefinedError):
        written(1, "{{ values }}")
    with pytest.raises(UndefinedError):
        written({}, "{{ value.missing }}")


@pytest.mark.parametrize("literal", ["none", "true", "False"])
def test_YT2_a_value_that_no_template_can_read_is_an_error(literal: str):
    shown = Shown("error.html", "", {literal: "(none)"}, None)
    with pytest.raises(AssertionError, match=f"no template reads .*{literal}"):
        rendered(cast(Asked, None), shown)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("size", 2048, "2.05 kB"), ("size", None, "—"), ("number", 0.123456789, "0.123457"),
        ("number", float("nan"), "—"), ("number", float("inf"), "—"), ("span", 61.0, "1 min 01 s"),
        ("when", 1_700_000_000_000_000_000, "2023-11-14 22:13:20Z"), ("when", None, "—"),
        ("cell", None, "—"), ("cell", True, "True"), ("cell", 0.1 + 0.2, "0.3"),
        ("cell", [1], "[1]"),
        ("short", "rref:0123456789abcdef", "01234567"),
    ],
)  # fmt: skip
def test_values_are_written_for_people(name: str, value: object, text: str):
    assert written(value, f"{{{{ value | {name} }}}}") == text
