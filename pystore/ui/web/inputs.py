"""Inputs: the body of a request, within its limits, and the question in it.

BI1  A body that is too large is refused before it is read. Its connection is closed, after what
     still comes was thrown away for a moment: else the client would see a reset, not the answer.
BI2  NaN, infinities and nests that are too deep are no JSON here, whatever Python makes of them.
BI3  A name that stands twice in one object is refused: nobody knows which value is meant.
BI4  A body that says what is not read, that it is compressed or that its columns have another
    order, is refused: its sender would get the answer to another question.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect

from ...core.dataclasses import dataclass
from .problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_SLOWEST = 30.0  # [s] in which a body must have come
_DRAINED = 64 << 20  # [bytes] that are thrown away at most
_DRAINING = 5.0  # [s]
# A number follows one of these; one of 19 digits before the point may have more than 64 bits.
_DIGITS = bytes.maketrans(b"123456789,:[- \t\n\r", b"000000000        ")
_LONG = b" " + 19 * b"0"


@dataclass(frozen=True)
class Body:
    """What was posted."""

    data: bytes
    media_type: str

    @property
    def is_picture(self) -> bool:
        """Whether it was sent as a picture."""
        return self.media_type.startswith("image/")


def header(scope: Scope, name: bytes) -> str:
    """The header of this name, which is in small letters; empty if there is none."""
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == name), "")


async def read_body(scope: Scope, receive: Receive, most: int) -> Body:
    """The body. Raises Problem, or ClientDisconnect when the client has gone."""
    told = header(scope, b"content-length")
    if told and (not told.isdecimal() or len(told) > 18):
        raise Problem(400, "the length of the body is no number", closing=True)
    if told and int(told) > most:
        raise _too_large(most, int(told))
    packed = header(scope, b"content-encoding").strip().lower()
    if packed not in ("", "identity"):
        remedy = "send it as it is, without Content-Encoding"
        raise Problem(415, "the body is compressed", given=packed, remedy=remedy, closing=True)
    media_type = header(scope, b"content-type").partition(";")[0].strip().lower()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        data = message.get("body", b"")
        if len(data) > most:
            raise _too_large(most, len(data))
        return Body(data, media_type)
    try:
        async with asyncio.timeout(_SLOWEST):
            return Body(await _rest(message, receive, most), media_type)
    except TimeoutError:
        within = f"{_SLOWEST:g} s"
        raise Problem(408, "the body did not come in time", within=within, closing=True) from None


async def _rest(message: Message, receive: Receive, most: int) -> bytes:
    data = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data += message.get("body", b"")
        if len(data) > most:
            raise _too_large(most, len(data))
        if not message.get("more_body"):
            return bytes(data)
        message = await receive()


def _too_large(most: int, told: int) -> Problem:
    remedy = "send less at once, or let the service take more"
    return Problem(413, "the body is too large", bytes=told, most=most, remedy=remedy, closing=True)


async def drain(scope: Scope, receive: Receive) -> None:
    """Throws away what still comes of a body, for a moment."""
    if header(scope, b"expect"):
        return  # the client waits for a word before it sends anything
    left = _DRAINED
    try:
        async with asyncio.timeout(_DRAINING):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        pass


def question(data: bytes, expected: Any) -> Any:
    """The features in a JSON body. Raises Problem, with what is expected."""
    try:
        value = _parsed(data)
    except _NoNumber as error:
        title, remedy = f"{error} is no number of JSON", "send finite numbers"
        raise Problem(422, title, expected=expected, remedy=remedy) from None
    if not isinstance(value, dict) or "features" not in value:
        remedy = 'send {"features": [row, …]}; /openapi.json has an example'
        raise Problem(422, 'the body lacks "features"', expected=expected, remedy=remedy)
    if "columns" in value:
        title = "columns are named beside the features"
        remedy = 'send records: {"features": [{"a": 1, …}, …]}'
        raise Problem(422, title, expected=expected, remedy=remedy)
    return value["features"]


class _NoNumber(Exception):
    """NaN, or an infinity."""


def _parsed(data: bytes) -> Any:
    if _LONG not in data.translate(_DIGITS):  # orjson would round whole numbers above 64 bits
        try:
            value = orjson.loads(data)
            colons = data.count(b":")
            # orjson takes the last value of a name that stands twice: then colons are more (BI3).
            if colons <= 1 or colons == _names(value):
                return value
        except (orjson.JSONDecodeError, RecursionError):
            pass  # Python's parser takes more encodings, and says what is wrong
    try:
        return json.loads(
            data, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_distinct
        )
    except RecursionError:
        raise Problem(400, "the body is nested too deep", remedy="send rows or records") from None
    except ValueError as error:
        because = str(error) if data else "it is empty"
        remedy = 'send {"features": …}, or a picture as image/png or image/jpeg'
        raise Problem(400, "the body is no JSON", because=because, remedy=remedy) from None


def _names(value: Any) -> int:
    """How many names the objects in a value have, together."""
    if isinstance(value, dict):
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if isinstance(value, list) else 0


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        title, remedy = "a name stands twice in one object", "send each name once"
        raise Problem(422, title, name=twice, remedy=remedy)
    return found


def _refuse(name: str) -> Any:
    raise _NoNumber(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text[:20])
