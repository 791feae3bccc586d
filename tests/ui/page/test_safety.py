"""Who is answered, by a table; and what a browser may do with an answer."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from pystore.ui.page.safety import Safety

COOKIE = Safety(None, token="secret").cookie.encode()
GOOD = (b"cookie", COOKIE + b"=secret")
HOST = (b"host", b"localhost:8000")


def asked(
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    path: str = "/",
    query: bytes = b"",
    kind: str = "http",
    behind_proxy: bool = False,
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of the answer."""
    sent: list[MutableMapping[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the store"})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    scope = {
        "type": kind, "method": method, "path": path, "query_string": query, "headers": headers,
    }  # fmt: skip
    safety = Safety(inner, token="secret", behind_proxy=behind_proxy)
    asyncio.run(safety(scope, receive, send))
    begin = sent[0]
    told = {k.decode(): v.decode("latin-1") for k, v in begin.get("headers", [])}
    return begin.get("status", 0), told, sent[-1].get("body", b"")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200), (b"LOCALHOST:1", 200), (b"127.0.0.1:8000", 200), (b"[::1]:80", 200),
        (b"127.1.2.3", 200), (b"evil.example", 421), (b"localhost.evil.example", 421),
        (b"evil.example:localhost", 421), (b"127.0.0.1.evil.example", 421), (b"", 421),
        (b"localhost:8000@evil", 421), (b"\xff\xfe", 421), (b"localhost\n", 421), (b"[::2]", 421),
        (b"localhost:", 421), (b"localhost:123456", 421), (b" localhost", 421),
    ],
    ids=ascii,
)  # fmt: skip
def test_YS1_only_loopback_names_are_answered(host: bytes, status: int):
    assert asked((b"host", host), GOOD)[0] == status


def test_YS1_a_request_without_a_host_or_with_two_is_refused():
    assert asked(GOOD)[0] == 421
    assert asked(HOST, (b"host", b"evil.example"), GOOD)[0] == 421


def test_YS1_behind_a_proxy_any_host_is_answered_and_the_cookie_is_for_encrypted_sites():
    assert asked((b"host", b"lab.example"), GOOD, behind_proxy=True)[0] == 200
    status, told, _ = asked(query=b"token=secret", behind_proxy=True)
    assert (status, told["set-cookie"].endswith("; Secure")) == (303, True)


@pytest.mark.parametrize(
    "cookie",
    [
        b"", b"pystore=secret", COOKIE + b"=", COOKIE + b"=secre", COOKIE + b"=secret2",
        COOKIE + b"=SECRET", COOKIE + b"=\xff\xfe", b"x" + COOKIE + b"=secret", b"=", b";;;",
        COOKIE.replace(b"-", b"_") + b"=secret",
    ],
    ids=ascii,
)  # fmt: skip
def test_YS2_nothing_is_told_without_the_token(cookie: bytes):
    status, told, body = asked(HOST, (b"cookie", cookie))
    assert status == 401
    assert b"the store" not in body
    assert "set-cookie" not in told


def test_YS2_the_cookie_is_found_among_others():
    assert asked(HOST, (b"cookie", b"a=b; " + COOKIE + b"=secret; c=d"))[0] == 200
    assert asked(HOST, (b"cookie", b"a=b"), GOOD)[0] == 200


def test_YS2_the_token_of_the_address_is_exchanged_for_a_cookie():
    status, told, body = asked(HOST, path="/stage/a b", query=b"where=x%3D1&token=secret")
    assert (status, told["location"], body) == (303, "/stage/a%20b?where=x%3D1", b"")
    name, _, rest = told["set-cookie"].partition("=")
    assert name == COOKIE.decode()
    assert rest == "secret; Path=/; HttpOnly; SameSite=Strict"


@pytest.mark.parametrize(
    "query",
    [b"token=", b"token=other", b"token=\xff", b"token=%ff", b"token=secret&token=other", b"token"],
    ids=ascii,
)
def test_YS2_another_token_is_exchanged_for_nothing(query: bytes):
    status, told, _ = asked(HOST, query=query)
    assert (status, "set-cookie" in told) == (401, False)


def test_YS2_the_token_for_a_browser_is_right_once():
    safety = Safety(None, token="secret")
    first, second = safety.once(), safety.once()
    assert "secret" not in (first, second)
    assert [tried(safety, first), tried(safety, second, second)] == [401, 401]
    assert [tried(safety, second) for _ in range(2)] == [303, 401]
    assert tried(safety, "") == 401
    assert tried(safety, "secret") == 303


def tried(safety: Safety, *tokens: str) -> int:
    """The status of the answer to these tokens."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    query = "&".join(f"token={one}" for one in tokens).encode()
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": query, "headers": [HOST],
    }  # fmt: skip
    asyncio.run(safety(scope, None, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "path", ["//evil.example/", "///evil.example", "/\\evil.example", "/\r\nx"]
)
def test_YS2_the_exchange_leads_to_no_other_server(path: str):
    location = asked(HOST, path=path, query=b"token=secret")[1]["location"]
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")
    assert location.isprintable()


def test_YS2_each_server_has_a_cookie_of_its_own():
    others = [Safety(None, token=t).cookie for t in ("a", "b")]
    assert others[0] != others[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND"])
def test_YS3_only_get_and_head_are_answered(method: str):
    status, told, body = asked(HOST, GOOD, method=method)
    assert (status, told["allow"]) == (405, "GET, HEAD")
    assert b"the store" not in body


def test_YS3_no_web_socket_is_opened():
    assert asked(HOST, GOOD, kind="websocket")[0] == 0


@pytest.mark.parametrize(
    "headers", [(HOST, GOOD), (HOST,), ()], ids=["good", "no-token", "no-host"]
)
def test_YS4_each_answer_forbids_what_is_not_needed(headers: Any):
    told = asked(*headers)[1]
    policy = dict(
        one.strip().partition(" ")[::2] for one in told["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["img-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in told["content-security-policy"]
    assert told["x-content-type-options"] == "nosniff"
    assert told["referrer-policy"] == "no-referrer"
    assert told["cross-origin-opener-policy"] == "same-origin"
    assert told["cross-origin-resource-policy"] == "same-origin"


def test_YS5_head_has_no_body():
    status, told, body = asked(HOST, method="HEAD")
    assert (status, body) == (401, b"")
    assert int(told["content-length"]) > 0
