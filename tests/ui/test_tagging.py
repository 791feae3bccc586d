"""pystore note, tag, untag; and what the other commands show of notes."""

import json

import pytest
from small_store import train

HIGH = train(1.0).dref


def test_a_note_is_written_and_listed(pystore):
    code, out, _ = pystore("note", "train@latest", "it is\ngood")
    assert (code, out[:18]) == (0, "noted on rref:d41f")
    assert pystore("note", "train@latest")[1].splitlines()[1].endswith(r"it is\ngood")
    (told,) = json.loads(pystore("note", "train@latest", "--json")[1])
    assert (told["text"], told["tag"], told["attempt"]) == ("it is\ngood", None, None)
    assert pystore("note", "odd")[1] == "no notes\n"


def test_an_attempt_that_failed_or_died_is_noted_by_its_number(pystore):
    assert pystore("note", "train", "it was killed", "--attempt", "1")[0] == 0
    assert pystore("note", HIGH)[1].count(f"attempt 1 of {HIGH}") == 1
    assert "1 of" in pystore("tag", HIGH, "died", "--attempt", "1")[1]
    rows = json.loads(pystore("log", "--json")[1])
    assert [row["tags"] for row in rows if row["outcome"] == "died"] == [["died"]]
    assert [row["noted"][0]["text"] for row in rows if row["outcome"] == "died"] == [
        "it was killed"
    ]
    others = [row["tags"] for row in rows if row["outcome"] != "died"]
    assert [tags for tags in others if tags] == [["rejected"]]  # as small_store.py has left it


def test_tags_are_shown_wherever_their_owner_is(pystore):
    for command in (["ls"], ["ls", HIGH], ["log", HIGH], ["metrics", "train"]):
        assert "best paper/1" not in pystore(*command)[1]
    pystore("tag", "train@latest", "best", "paper/1")
    for command in (["ls"], ["ls", HIGH], ["log"], ["find"], ["metrics", "train"]):
        header, *rows = pystore(*command)[1].splitlines()
        assert "tags" in header.split()
        assert any("best paper/1" in row for row in rows)
        told = json.loads(pystore(*command, "--json")[1])
        assert ["best", "paper/1"] in [row["tags"] for row in told]
    assert "  tags        best paper/1" in pystore("show", "train@latest")[1]


def test_show_has_the_notes_the_newest_first(pystore):
    pystore("note", "train@latest", "first")
    pystore("note", "train@latest", "second\nin two lines")
    shown = pystore("show", "train@latest")[1]
    assert "noted (2)\n" in shown
    assert "    second\n    in two lines\n" in shown
    texts = [line.strip() for line in shown.splitlines() if line.strip() in ("first", "second")]
    assert texts == ["second", "first"], shown
    (told,) = json.loads(pystore("show", "train@latest", "--json")[1])
    assert [note["text"] for note in told["noted"]] == ["first", "second\nin two lines"]


def test_control_characters_are_never_printed(pystore):
    pystore("note", "train@latest", "a right-to-left \u202e mark")
    assert "\\u202e" in pystore("show", "train@latest")[1]
    code, _, err = pystore("note", "train@latest", "red \x1b[31m")
    assert code == 2
    assert "control character '\\x1b'" in err


def test_untag_takes_away_what_stands(pystore):
    pystore("tag", "train@latest", "best")
    assert pystore("tag", "train@latest", "best")[1] == "it has these tags already\n"
    assert pystore("untag", "train@latest", "best")[1].endswith(": best\n")
    code, _, err = pystore("untag", "train@latest", "best")
    assert (code, err.splitlines()[0]) == (2, "pystore: no such tag")
    assert "best" not in pystore("log")[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["note", "train", "x"], "3 things are meant"),
        (["note", "nothing", "x"], "nothing here is called so"),
        (["note", "odd", " "], "this text can be no note"),
        (["note", "odd", "x", "--attempt", "9"], "no such attempt"),
        (["tag", "odd", "a b"], "not a tag"),
        (["untag", "odd", "a"], "no such tag"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_told_without_a_traceback(pystore, arguments, says):
    code, out, err = pystore(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"pystore: {says}")
    assert "  try: " in err


def test_doctor_counts_them(pystore):
    pystore("note", "odd", "x")
    assert "attempts, 2 notes\n" in pystore("doctor")[1]  # with a rejection
