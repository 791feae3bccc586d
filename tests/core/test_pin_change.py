"""Changes of pins as values: what is read, and what is refused."""

import json

import pytest

from pystore import DRef, RRef
from pystore.core.pin_change import LARGEST, PinChange, digest_of, parse_pin_change
from pystore.errors import Corrupted

FIRST, SECOND = (RRef.of(d * 32, DRef("dref:" + "1" * 32 + "-train")) for d in "ab")
CHANGE = PinChange("serving", SECOND, FIRST, 5, "ada@lab", "s3://lab")


def forged(**fields):
    text = json.dumps(json.loads(CHANGE.file_text) | fields).encode()
    return digest_of(text), text


@pytest.mark.parametrize(
    "change",
    [
        CHANGE,
        PinChange("serving", None, FIRST, 0, "ada@lab"),
        PinChange("a-b_c", FIRST, None, 1, "1000@h"),
    ],
    ids=["moved", "removed", "made"],
)
def test_PQ1_a_change_is_read_back_from_its_file(change):
    assert parse_pin_change(change.pin, change.digest, change.file_text) == change


def test_PQ1_each_changed_byte_is_noticed():
    for place in range(len(CHANGE.file_text)):
        text = bytearray(CHANGE.file_text)
        text[place] ^= 1
        with pytest.raises(Corrupted, match="match its name"):
            parse_pin_change("serving", CHANGE.digest, bytes(text))


@pytest.mark.parametrize(
    "fields",
    [
        {"pin": "other"},
        {"pin": "../x"},
        {"rref": "rref:x"},
        {"rref": 5},
        {"rref": None, "before": None},
        {"before": "dref:x"},
        {"time": -1},
        {"time": "now"},
        {"time": 2**63},
        {"by": None},
        {"url": 5},
    ],
    ids=lambda fields: ascii(fields),
)
def test_what_no_change_may_say_is_refused(fields):
    with pytest.raises(Corrupted):
        parse_pin_change("serving", *forged(**fields))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"[" * 9000, b" " * (LARGEST + 1)], ids=len)
def test_what_is_no_change_at_all_is_refused(text):
    with pytest.raises(Corrupted):
        parse_pin_change("serving", digest_of(text), text)
