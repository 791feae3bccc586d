"""The twin of a page for programs."""

import json

from pystore import DRef
from pystore.core.note import Note
from pystore.ui.page.json_twin import as_json


def test_numbers_that_json_lacks_are_null():
    told = {"a": [float("nan"), float("inf"), 1.5], 2: (True, None)}
    assert json.loads(as_json(told)) == {"a": [None, None, 1.5], "2": [True, None]}


def test_values_are_written_as_they_say():
    note = Note(DRef(f"dref:{'0' * 32}-a"), "", "\x1b\udcff", "", 1, "me")
    assert json.loads(as_json([note]))[0]["by"] == "me"
    assert as_json([note]).isascii()


def test_other_values_are_text():
    assert json.loads(as_json([b"a", {1}])) == ["b'a'", "{1}"]
