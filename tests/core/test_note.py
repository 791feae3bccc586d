"""Notes as values: their texts, their order, and which tags stand."""

import json
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import Attempt, DRef, RRef
from pystore.core.note import (
    LARGEST,
    LONGEST,
    Note,
    about,
    check_tag,
    check_text,
    digest_of,
    parse_note,
    place_of,
    standing,
    tags_among,
    written_by,
)
from pystore.errors import BadName, BadStage, Corrupted

TRAIN = DRef("dref:" + "1" * 32 + "-train")
FIRST, SECOND = (RRef.of(digit * 32, TRAIN) for digit in "ab")
OTHER = DRef("dref:" + "2" * 32 + "-train")


def attempt(context="c" * 32, start=5, rref=FIRST, number=0):
    return Attempt(
        id="d" * 32, dref=TRAIN, context=context, number=number, outcome="succeeded", rref=rref,
        error=None, seed=1, start=start, stop=start, host="", pid=1, realizer="", source="",
        versions={}, metrics={}, notes={},
    )  # fmt: skip


def tag(text, time, *, removed=False, ref=FIRST, by="ada@lab"):
    return Note(ref, "", "", text, time, by, removed)


def forged(**fields):
    """The text of a note with other fields, and the digest that fits it."""
    value = json.loads(Note(FIRST, "", "good", "", 5, "ada@lab").file_text) | fields
    text = json.dumps(value).encode()
    return digest_of(text), text


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)


@given(texts, st.integers(0, 2**63 - 1))
def test_NT1_a_note_is_read_back_from_its_file(text, time):
    for ref, place in ((FIRST, ""), (TRAIN, ""), (TRAIN, place_of(attempt()))):
        note = Note(ref, place, text, "", time, "ada@lab")
        assert parse_note(TRAIN, note.digest, note.file_text) == note


@given(st.data())
def test_NT1_a_changed_byte_is_noticed(data):
    note = tag("best", 5)
    text = bytearray(note.file_text)
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Corrupted, match="match its name"):
        parse_note(TRAIN, note.digest, bytes(text))


def test_NT1_a_key_of_a_later_version_is_passed_over():
    digest, text = forged(colour="red")
    assert parse_note(TRAIN, digest, text).text == "good"


def test_NT2_the_last_move_of_a_tag_counts_whatever_the_order():
    moves = [
        tag("best", 1), tag("best", 2, removed=True), tag("best", 3), tag("old", 1),
        tag("old", 2, removed=True), tag("best", 9, ref=SECOND, removed=True),
    ]  # fmt: skip
    for order in permutations(moves):
        assert standing(order) == [tag("best", 3)]


def test_NT2_of_two_moves_at_one_time_the_one_that_takes_away_counts():
    moves = [tag("best", 1, removed=True), tag("best", 1), tag("best", 1, by="bob@lab")]
    for order in permutations(moves):
        assert standing(order) == []


@given(st.lists(st.builds(tag, st.sampled_from("ab"), st.integers(0, 4), removed=st.booleans())))
def test_NT2_moves_that_come_twice_change_nothing(moves):
    assert standing(moves + moves) == standing(moves) == standing(reversed(moves))


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "red \x1b[31m"},
        {"text": "a\0b"},
        {"text": "x" * (LONGEST + 1)},
        {"text": ""},
        {"text": "  \n"},
        {"text": 5},
        {"text": None},
        {"text": "both", "tag": "both"},
        {"text": "good", "removed": True},
        {"text": None, "tag": "best", "removed": 1},
        {"text": None, "tag": "no spaces"},
        {"text": None, "tag": "x" * 65},
        {"text": None, "tag": "../../x"},
        {"time": -1},
        {"time": 2**63},
        {"time": 1.5},
        {"time": True},
        {"by": ""},
        {"by": "ada\x1b"},
        {"by": "a" * 256},
        {"by": None},
        {"ref": OTHER},
        {"ref": RRef.of("a" * 32, OTHER)},
        {"ref": "../../../etc/passwd"},
        {"ref": None},
        {"ref": {"rref": FIRST}},
        {"attempt": "../x"},
        {"attempt": "c" * 32 + ".0"},
        {"attempt": "c" * 32 + ".5"},  # which no realization has
        {"attempt": 7},
        {"because": "no tag"},
        {"text": None, "tag": "best", "because": "another tag"},
        {"text": None, "tag": "rejected", "ref": TRAIN, "because": "of a derivation"},
        {"text": None, "tag": "rejected", "ref": FIRST, "because": "\x1b[31m"},
        {"text": None, "tag": "rejected", "ref": FIRST, "because": 5},
        {"text": None, "tag": "rejected", "ref": FIRST, "because": "why", "removed": True},
    ],
    ids=lambda fields: ascii(fields)[:60],
)
def test_NT3_what_no_note_may_say_is_refused(fields):
    with pytest.raises(Corrupted):
        parse_note(TRAIN, *forged(**fields))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"5", b"\xff", b"[" * 50_000])
def test_NT3_what_is_no_note_at_all_is_refused(text):
    with pytest.raises(Corrupted):
        parse_note(TRAIN, digest_of(text), text)


def test_NT3_a_file_that_is_too_long_is_not_read():
    text = b" " * (LARGEST + 1)
    with pytest.raises(Corrupted, match="longer"):
        parse_note(TRAIN, digest_of(text), text)


def test_the_longest_text_fits_the_largest_file():
    note = Note(FIRST, "", "\U0001f600" * LONGEST, "", 2**63 - 1, "a" * 255)
    assert len(note.file_text) <= LARGEST
    lines = replace(note, text="x" + "\n" * (LONGEST - 1))
    assert parse_note(TRAIN, lines.digest, lines.file_text) == lines


@pytest.mark.parametrize("text", ["", " \n", "a\x07", "\ud800", "x" * (LONGEST + 1), None, 5])
def test_a_text_that_is_no_note_is_told_with_its_reason(text):
    what = "this text can be no note" if isinstance(text, str) else "a note needs a text"
    with pytest.raises(BadStage, match=what) as told:
        check_text(text)
    assert told.value.because


def test_a_text_loses_white_space_around_it_and_keeps_its_lines():
    assert check_text("  two\n\tlines\n") == "two\n\tlines"


@pytest.mark.parametrize("text", ["best", "v1.2", "paper/figure-3", "lr=0.1", "9", "a" * 64])
def test_a_tag_has_letters_digits_and_a_few_signs(text):
    assert check_tag(text) == text


@pytest.mark.parametrize("text", ["", "-x", "/x", "a b", "a,b", "é", "a\n", "a" * 65, None])
def test_another_text_is_no_tag(text):
    with pytest.raises(BadName, match="not a tag"):
        check_tag(text)


def test_notes_are_about_attempts_their_realizations_and_their_derivations():
    first, second = attempt(), attempt(start=6, rref=SECOND, number=1)
    on_first = Note(TRAIN, place_of(first), "x", "", 1, "ada@lab")
    assert on_first.is_about(first)
    assert not on_first.is_about(second)
    assert not on_first.is_about(attempt(context="e" * 32))
    assert tag("x", 1).is_about(first)
    assert not tag("x", 1).is_about(second)
    assert tag("x", 1, ref=TRAIN).is_about(second)
    assert not tag("x", 1, ref=OTHER).is_about(second)


def test_a_realization_has_the_notes_of_the_attempts_that_made_it():
    on_first = Note(TRAIN, place_of(attempt()), "x", "", 1, "ada@lab")
    notes = [on_first, tag("b", 1), tag("a", 1), tag("c", 1, ref=TRAIN), tag("b", 2, ref=SECOND)]
    assert about(notes, FIRST, [attempt()]) == notes[:3]
    assert about(notes, TRAIN) == notes
    assert tags_among(notes) == ("a", "b", "c")


def test_who_writes_is_told_without_characters_that_steer_a_terminal():
    assert written_by("ada", "lab\x1b[2J") == "ada@lab?[2J"
    assert len(written_by("a" * 300, "lab")) == 255


def test_NT4_a_rejection_says_why_and_no_user_sets_or_removes_its_tag():
    rejection = Note(FIRST, "", "", "rejected", 5, "ada@lab", because="a label leak")
    assert parse_note(TRAIN, rejection.digest, rejection.file_text) == rejection
    with pytest.raises(BadName, match="reject"):
        check_tag("rejected")
