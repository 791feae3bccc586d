"""Inputs: the limits of a body, and what counts as JSON."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from pystore.ui.web.inputs import Body, drain, question, read_body
from pystore.ui.web.problems import Problem

Messages = list[dict[str, Any]]


class Sender:
    """A client that sends these messages, and counts which were taken."""

    def __init__(self, *parts: bytes, **headers: str) -> None:
        last = len(parts) - 1
        self.messages: Messages = [
            {"type": "http.request", "body": part, "more_body": i < last}
            for i, part in enumerate(parts)
        ]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.scope = {"headers": [(k.encode(), v.encode()) for k, v in named.items()]}
        self.taken = 0

    async def __call__(self) -> dict[str, Any]:
        self.taken += 1
        if self.taken > len(self.messages):
            return {"type": "http.disconnect"}
        return self.messages[self.taken - 1]

    def read(self, most: int) -> Body:
        return asyncio.run(read_body(self.scope, self, most))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_a_body_is_what_was_sent_in_whatever_parts(parts: list[bytes]):
    assert Sender(*parts).read(100).data == b"".join(parts)


def test_BI1_a_body_that_says_that_it_is_too_large_is_not_read():
    sender = Sender(b"x" * 200, content_length="200")
    with pytest.raises(Problem) as refused:
        sender.read(100)
    assert (refused.value.status, refused.value.closing, sender.taken) == (413, True, 0)


def test_BI1_a_body_that_says_nothing_is_read_up_to_the_limit():
    sender = Sender(*[b"x" * 40] * 100)
    with pytest.raises(Problem) as refused:
        sender.read(100)
    assert (refused.value.status, sender.taken) == (413, 3)


def test_BI1_the_rest_is_thrown_away():
    sender = Sender(*[b"x" * 40] * 100)
    asyncio.run(drain(sender.scope, sender))
    assert sender.taken == 100


def test_BI1_a_client_that_waits_for_a_word_is_not_asked_for_the_rest():
    sender = Sender(*[b"x" * 40] * 100, expect="100-continue")
    asyncio.run(drain(sender.scope, sender))
    assert sender.taken == 0


@pytest.mark.parametrize("packed", ["gzip", "deflate", " BR "])
def test_BI4_a_compressed_body_is_refused(packed: str):
    sender = Sender(b"{}", content_encoding=packed)
    with pytest.raises(Problem, match="compressed") as refused:
        sender.read(100)
    assert (refused.value.status, sender.taken) == (415, 0)
    assert Sender(b"{}", content_encoding="identity").read(100).data == b"{}"


def test_BI4_an_order_of_columns_beside_the_features_is_refused():
    with pytest.raises(Problem, match="columns are named") as refused:
        question(b'{"columns": ["b", "a"], "features": [[1, 2]]}', {})
    assert refused.value.status == 422
    assert "records" in refused.value.facts["remedy"]


def test_a_client_that_goes_is_no_problem():
    sender = Sender(b"x", b"y")
    sender.messages.pop()
    with pytest.raises(ClientDisconnect):
        sender.read(100)


@pytest.mark.parametrize("length", ["-1", "1.5", "x", "9" * 30])
def test_a_strange_length_is_a_problem(length: str):
    with pytest.raises(Problem) as refused:
        Sender(b"x", content_length=length).read(100)
    assert refused.value.status == 400


NOT_JSON = [b"", b"{", b"x", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000]


@pytest.mark.parametrize("data", NOT_JSON, ids=lambda data: repr(data[:6]))
def test_BI2_what_is_no_json_is_a_problem_with_400(data: bytes):
    with pytest.raises(Problem) as refused:
        question(data, {})
    assert refused.value.status == 400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+400"])
def test_BI2_no_number_that_json_has_not(number: str):
    with pytest.raises(Problem) as refused:
        question(b'{"features": [[%s]]}' % number.encode(), {"shape": [3]})
    told = json.loads(refused.value.body())
    assert (told["status"], told["expected"]) == (422, {"shape": [3]})


@pytest.mark.parametrize("value", [[], {}, 1, "features", None])
def test_a_body_without_features_is_a_problem_with_422(value: object):
    with pytest.raises(Problem) as refused:
        question(json.dumps(value).encode(), {"shape": [3]})
    assert refused.value.status == 422


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.lists(FINITE | st.integers(-(10**9), 10**9) | st.text()))
def test_features_are_what_json_says(features: list[object]):
    data = json.dumps({"features": features}).encode()
    assert question(data, {}) == features


NUMBERS = st.integers() | st.integers(2**62, 2**70).map(lambda n: -n) | FINITE
VALUES = st.recursive(
    NUMBERS | st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(VALUES, st.sampled_from([None, 0, "\t"]), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_features_are_what_python_makes_of_the_json(features: object, indent: Any, encoding: str):
    data = json.dumps({"features": features}, indent=indent).encode(encoding)
    found = question(data, {})
    assert repr(found) == repr(features)  # so that 1 is not 1.0


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**18, 10**19, 10**300], ids=repr)
@pytest.mark.parametrize("before", ["", " ", "1,", "\n", "\t", "\r", '{"a":'], ids=repr)
def test_a_whole_number_stays_whole_however_long_it_is(number: int, before: str):
    after = "}" if before.startswith("{") else ""
    found = question(f'{{"features":[{before}{number}{after}]}}'.encode(), {})
    assert str(number) in repr(found)


def test_BI2_a_number_overflows_without_an_exponent_too():
    with pytest.raises(Problem) as refused:
        question(b'{"features": [%s.0]}' % (b"9" * 400), {})
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "body", [b'{"features": [1], "features": [2]}', b'{"features": {"a": 1, "b": 2, "a": 3}}']
)
def test_BI3_a_name_that_stands_twice_is_refused(body):
    with pytest.raises(Problem) as caught:
        question(body, {})
    assert caught.value.status == 422
    assert "twice" in caught.value.facts["title"] and caught.value.facts["remedy"]
