"""Records of attempts: what was written is read back, or is known not to be it."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import Config
from pystore.core.attempt import Attempt, Pruned, attempt_text, outcome_of, parse_attempt
from pystore.core.digest import short
from pystore.core.refs import RRef
from pystore.core.same_run import run_of
from pystore.errors import Corrupted

DREF = Config({"name": "train", "k": 1}).dref
ATTEMPT = Attempt(
    id="a" * 32,
    dref=DREF,
    context="b" * 32,
    number=3,
    outcome="succeeded",
    rref=RRef.of("c" * 32, DREF),
    error=None,
    seed=7,
    start=1_700_000_000_000_000_000,
    stop=1_700_000_002_500_000_000,
    host="lab",
    pid=42,
    realizer="train",
    source="d" * 32,
    versions={"python": "3.11"},
    metrics={"accuracy.txt": 0.1},
    notes={"data": ["é", 1]},
    tree="e" * 64,
    reads={"value /data": "f" * 32},
)


def test_a_record_is_read_back_as_it_was():
    assert parse_attempt(attempt_text(ATTEMPT)) == ATTEMPT
    unknown = ATTEMPT._replace(reads=None, tree=None)
    assert parse_attempt(attempt_text(unknown)) == unknown
    assert b"reads" not in attempt_text(unknown)


@given(st.data())
def test_AT1_a_changed_byte_is_noticed(data):
    text = bytearray(attempt_text(ATTEMPT))
    place = data.draw(st.integers(0, len(text) - 1))
    if text.find(b'"checksum"') <= place < text.find(b",") + 1:
        place = text.find(b",") + 1  # what is before the body has tests of its own
    text[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Corrupted):
        parse_attempt(bytes(text))


@given(st.integers(0, len(attempt_text(ATTEMPT)) - 1))
def test_AT1_a_record_that_was_cut_off_is_noticed(size):
    with pytest.raises(Corrupted):
        parse_attempt(attempt_text(ATTEMPT)[:size])


def test_AT1_another_checksum_is_noticed():
    text = attempt_text(ATTEMPT)
    checksum = text[13:45]
    with pytest.raises(Corrupted):
        parse_attempt(text.replace(checksum, checksum[::-1], 1))


def test_how_an_attempt_ended_is_told_from_its_exception():
    assert outcome_of(ValueError()) == "failed"
    assert outcome_of(KeyboardInterrupt()) == "stopped"


@dataclass
class Other:
    change: dict[str, object]
    same: bool


@pytest.mark.parametrize(
    "other",
    [
        Other({"id": "9" * 32, "number": 0, "context": "8" * 32}, same=True),  # as when adopted
        Other({"seed": 8}, same=False),
        Other({"start": ATTEMPT.start + 1}, same=False),
        Other({"pid": 43}, same=False),
        Other({"host": "home"}, same=False),
    ],
    ids=lambda other: " ".join(other.change),
)
def test_copies_share_their_run_and_trainings_do_not(other):
    assert (run_of(ATTEMPT._replace(**other.change)) == run_of(ATTEMPT)) is other.same


def test_a_duration_is_in_seconds():
    assert ATTEMPT.duration == 2.5
    assert ATTEMPT._replace(stop=ATTEMPT.start).duration == 0


def test_a_record_of_a_later_version_is_read():
    """It may have keys that we do not know."""
    body = json.dumps({**ATTEMPT._asdict(), "weather": "rain"}, sort_keys=True)[1:] + "\n"
    digest = short("pystore attempt 1", body.encode())
    assert parse_attempt(f'{{"checksum":"{digest}",{body}'.encode()) == ATTEMPT


WHY = {"metric": "loss", "step": 3, "value": 0.5}


def test_AT3_a_pruned_attempt_is_written_as_a_stopped_one_with_a_note():
    pruned = ATTEMPT._replace(outcome="pruned", rref=None, tree=None, notes={"pruned": WHY})
    text = attempt_text(pruned)
    assert json.loads(text)["outcome"] == "stopped"
    assert parse_attempt(text) == pruned
    assert attempt_text(parse_attempt(text)) == text


@pytest.mark.parametrize("note", [{}, {"pruned": True}, {"pruned": {"step": 1}}], ids=str)
def test_AT3_a_note_of_a_realizer_makes_no_attempt_a_pruned_one(note):
    stopped = ATTEMPT._replace(outcome="stopped", rref=None, tree=None, notes=note)
    assert parse_attempt(attempt_text(stopped)) == stopped


def test_the_outcome_of_a_pruned_attempt():
    assert outcome_of(Pruned("no more use")) == "pruned"
