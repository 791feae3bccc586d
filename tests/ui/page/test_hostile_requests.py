"""Hostile requests: whatever is asked, there is no failure, and nothing from outside of the store.

1,000 requests; with PYSTORE_TEST_LONG=1, 10,000.
"""

import asyncio
import os
import random
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from small_page import TOKEN, Page

from pystore import Store

COUNT = 10_000 if os.environ.get("PYSTORE_TEST_LONG") == "1" else 1_000
SECRET = "a secret beside the store"
BITS = (
    "..", "../../..", "%2e%2e", "/etc/passwd", "\0", "\r\nSet-Cookie: a=b", "'", '"', "<script>",
    "{{7*7}}", "{%raw%}", "${x}", "%s%n", "\\", "//", "/", "~", "*", "?", "-n", "$(id)", "`id`",
    "train", "digits", "odd", "baseline", "train@latest", "train@best:accuracy.txt",
    "train@best:../x", "train@best:/etc/passwd", "rref:", "dref:", "secret.txt", "0", "-1",
    "9" * 40, "1e999", "nan", "|",
    "ä", "\u202e", "\U0001f600", "x" * 3000, "[" * 500, "(" * 500, "rate=0.5", "rate>x", "a=b'",
    "=",
    "rate=[", "rate=1..0", "accuracy.txt>0.9", "stage=*", "attempt.seed=1", "data.seed=1", "=1",
    "metric.accuracy.txt>0", "json", "max", "min", "2", "accuracy.txt", "seed", "dref:self",
)  # fmt: skip
NAMES = (
    "where", "metric", "format", "best", "from", "show", "a", "b", "x", "by", "token", "seen",
    "pair",
    "path", "self", "name", "ref", "",
)  # fmt: skip
HEADERS = (b"if-none-match", b"range", b"accept", b"x-forwarded-host", b"cookie", b"last-event-id")


def requests(store: Store, seed: int) -> Iterator[dict[str, Any]]:
    """Scopes of requests: known paths with strange parts, and strange paths."""
    dice = random.Random(seed)
    refs = [str(ref) for dref in store.drefs() for ref in (dref, *store.realizations(dref))]

    def bit() -> str:
        one = dice.choice((*BITS, *refs))
        if dice.random() < 0.15:
            one = one[: dice.randrange(len(one) + 1)] + dice.choice(BITS)
        if dice.random() < 0.1:
            one = "".join(chr(dice.randrange(1, 0xD000)) for _ in range(dice.randrange(9)))
        return one

    paths = (
        "/", "/stage/{}", "/drv/{}", "/drv/{}/traces", "/rlz/{}", "/rlz/{}/file/{}",
        "/rlz/{}/picture/{}", "/compare", "/running", "/sweep/{}", "/room", "/collections",
        "/picture/{}", "/static/{}", "/store/{}/", "/{}", "/{}/{}", "{}",
    )  # fmt: skip
    for _ in range(COUNT):
        path = dice.choice(paths)
        while "{}" in path:
            path = path.replace("{}", bit().replace("{}", ""), 1)
        query = "&".join(
            f"{dice.choice(NAMES)}{dice.choice(['=', '', '=%'])}{_escaped(bit(), dice)}"
            for _ in range(dice.randrange(4))
        )
        headers = [(b"host", b"localhost"), (b"cookie", b"")]
        if dice.random() < 0.2:
            headers.append((dice.choice(HEADERS), bit().encode()))
        yield {
            "type": "http", "method": dice.choice(["GET"] * 9 + ["HEAD"]), "path": path or "/",
            "query_string": query.encode("utf-8", "surrogatepass"), "headers": headers,
            "raw_path": path.encode(), "root_path": "", "scheme": "http",
            "server": ("localhost", 1),
            "client": ("127.0.0.1", 2), "http_version": "1.1",
        }  # fmt: skip


def _escaped(text: str, dice: random.Random) -> str:
    if dice.random() < 0.5:
        return text.replace("&", "%26").replace("=", "%3D")
    return "".join(f"%{byte:02x}" for byte in text.encode())


async def _answer(page: Page, scope: dict[str, Any]) -> tuple[int, bytes, dict[bytes, bytes]]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    cookie = f"{page.app.cookie}={TOKEN}".encode()
    headers = [(k, v or cookie) for k, v in scope["headers"]]
    await page.app({**scope, "headers": headers}, receive, send)
    body = b"".join(one.get("body", b"") for one in sent)
    return sent[0]["status"], body, dict(sent[0]["headers"])


def test_whatever_is_asked_nothing_fails_and_nothing_gets_out(
    page: Page, small: Store, capfd: pytest.CaptureFixture[str]
):
    Path(small.root.parent / "secret.txt").write_text(SECRET)

    async def ask() -> dict[int, int]:
        counts: dict[int, int] = {}
        for scope in requests(small, seed=COUNT):
            status, body, headers = await _answer(page, scope)
            told = (scope["path"], scope["query_string"], scope["headers"][2:])
            assert status in (200, 303, 304, 400, 401, 404), (status, told, body)
            assert SECRET.encode() not in body, told
            assert b"root:x:0:0" not in body, told
            assert b"<script>" not in body, told
            assert b"content-security-policy" in headers, told
            assert not any(b"\n" in value for value in headers.values()), told
            counts[status] = counts.get(status, 0) + 1
        return counts

    counts = asyncio.run(ask())
    assert counts[200] > COUNT / 20  # else the requests would not reach the views
    assert counts[404] > COUNT / 20
    assert counts[400] > COUNT / 50
    assert "Traceback" not in capfd.readouterr().err
