"""Names in records: the same as in the whole attempt, or the same refusal."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pystore import Config
from pystore.core.attempt import Attempt, attempt_text, parse_attempt
from pystore.core.digest import short
from pystore.core.record_names import record_names
from pystore.core.refs import RRef
from pystore.errors import Corrupted

DREF = Config({"name": "train", "k": 1}).dref
PLAIN = st.text(max_size=5)
SCALAR = PLAIN | st.integers() | st.floats() | st.booleans() | st.none()
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLAIN, inner, max_size=2)
)
ATTEMPTS = st.builds(
    Attempt,
    id=st.just("a" * 32),
    dref=st.just(DREF),
    context=st.just("b" * 32),
    number=st.integers(0, 10**6),
    outcome=st.sampled_from(["succeeded", "failed", "stopped"]),
    rref=st.none() | st.just(RRef.of("c" * 32, DREF)),
    error=st.none() | PLAIN,
    seed=st.integers(0, 2**32 - 1),
    start=st.integers(0, 2**63),
    stop=st.integers(0, 2**63),
    host=PLAIN,
    pid=st.integers(1, 10**6),
    realizer=PLAIN,
    source=PLAIN,
    versions=st.dictionaries(PLAIN, PLAIN, max_size=2),
    metrics=st.dictionaries(PLAIN, st.floats(), max_size=2),
    notes=st.dictionaries(PLAIN, VALUE, max_size=2),
    tree=st.none() | st.just("d" * 64),
    reads=st.none() | st.dictionaries(PLAIN, PLAIN, max_size=2),
    extremes=st.none() | st.just({"loss": {"max": [1.0, 2], "min": [0.5, 1]}}),
)
SNIPPETS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b",",
    b":",
    b"0",
    b"-",
    b".",
    b"e",
    b"null",
    b"[1]",
    b"\xff",
    b"",
]


def both(text: bytes) -> list[Any]:
    """What the short way says of a record, and what the long way says."""
    said: list[Any] = []
    for read in (record_names, parse_attempt):
        try:
            found = read(text)
            said.append((found.context, found.number, found.dref, found.rref))
        except Corrupted as error:
            said.append(str(error))
    return said


def with_checksum(body: bytes) -> bytes:
    """A record of any body, whose checksum is right."""
    return b'{"checksum":"' + short("pystore attempt 1", body).encode() + b'",' + body


@given(ATTEMPTS)
def test_RN1_names_are_those_of_the_attempt(attempt):
    text = attempt_text(attempt)
    assert record_names(text) == (attempt.context, attempt.number, attempt.dref, attempt.rref)
    short_way, long_way = both(text)
    assert short_way == long_way


@given(ATTEMPTS, st.data())
def test_RN1_a_changed_record_is_refused_where_the_whole_one_is(attempt, data):
    body = attempt_text(attempt)[47:]
    start = data.draw(st.integers(0, len(body)))
    end = min(len(body), start + data.draw(st.integers(0, 3)))
    body = body[:start] + data.draw(st.sampled_from(SNIPPETS)) + body[end:]
    short_way, long_way = both(with_checksum(body))
    assert short_way == long_way


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"dref":"dref:', b'"dref":"xref:'),
        (b'"rref":"rref:', b'"rref":"dref:'),
        (b'"rref":"rref:', b'"rref":""'),
        (b'"seed":7', b'"seed":07'),
        (b'"seed":7', b'"seed":7,"seed":8'),
        (b'"pid":42', b'"pid":' + b"4" * 5000),
        (b'"notes":{}', b'"notes":{"a":1,}'),
        (b'"notes":{}', b'"notes":{"a":"\n"}'),
        (b'"number":3', b'"number":"3"'),
        (b"}\n", b"}"),
        (b"}\n", b"}\n\n"),
        (b"}\n", b"} {}\n"),
    ],
    ids=range(12),
)
def test_RN1_odd_records_are_taken_or_refused_as_the_whole_one_is(before, after):
    attempt = Attempt(
        id="a" * 32, dref=DREF, context="b" * 32, number=3, outcome="succeeded",
        rref=RRef.of("c" * 32, DREF), error=None, seed=7, start=1, stop=2, host="lab", pid=42,
        realizer="train", source="d" * 32, versions={}, metrics={}, notes={},
    )  # fmt: skip
    body = attempt_text(attempt)[47:]
    assert before in body
    short_way, long_way = both(with_checksum(body.replace(before, after)))
    assert short_way == long_way


@given(st.binary(max_size=100))
@example(b"")
def test_RN1_any_bytes_are_refused_as_the_whole_record_is(text):
    short_way, long_way = both(text)
    assert short_way == long_way
