"""Safety: who is answered, and what a browser may do with the answers.

YS1  Only a loopback name as Host is answered, or a rebound name could read the store (421); behind
    a proxy, the proxy sees to names.
YS2  Nothing is told without the token of the printed address, or the cookie that it was exchanged
    for. The cookie is not for scripts, not for other sites, and not for another server on a port.
     A token that another program gets, such as a browser, is right once: others may see it there.
YS3  Only GET and HEAD are answered.
YS4  No page runs or loads anything but files of its own, and none is shown inside of another one.
YS5  Whatever bytes are sent, they are refused or answered, and nothing fails.
"""

import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = re.compile(rb"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SANDBOXED = "sandbox; default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "private, no-cache",
}
_NO_TOKEN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>No token</title>
<p>The token is missing. Open the address that <code>pystore ui</code> printed.</p>
<p>If you have opened it just now from another page: <a href="">go on</a>.</p></html>"""


class Safety:
    """An ASGI application in front of another one."""

    def __init__(self, app: App, *, token: str, behind_proxy: bool = False) -> None:
        self._app = app
        self._token = token.encode()
        # Cookies are the same for all ports of a host: each server has a name of its own.
        self.cookie = f"pystore-{sha256(self._token).hexdigest()[:12]}"
        self._behind_proxy = behind_proxy
        self._once = b""

    def once(self) -> str:
        """A token that is right one time, for the command line of a browser: all users see that."""
        self._once = token_urlsafe(24).encode()
        return self._once.decode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, refuses, or lets the other application answer."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        refused = self._refused(scope)
        if refused is None:
            return await self._app(scope, receive, _guarded(send))
        status, text, more = refused
        headers = {**_HEADERS, "content-type": "text/html; charset=utf-8", **more}
        headers["content-length"] = str(len(text.encode()))
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        body = b"" if scope["method"] == "HEAD" else text.encode()
        await send({"type": "http.response.body", "body": body})

    def _refused(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        """The status, the text and further headers for a request that goes no further."""
        if not self._behind_proxy:
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
                return 421, "this page answers to localhost, 127.0.0.1 and [::1] only", {}
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "this page is only read", {"allow": "GET, HEAD"}
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value.encode("utf-8", "replace") for name, value in query if name == "token"]
        if self._admits(shown):
            left = [(name, value) for name, value in query if name != "token"]
            return 303, "", {"location": _address(scope["path"], left), "set-cookie": self._set()}
        if not any(self._is_right(value) for value in self._cookies(scope)):
            return 401, _NO_TOKEN, {}
        return None

    def _admits(self, shown: list[bytes]) -> bool:
        """Whether these tokens are right, and all are."""
        if self._once and [*map(partial(hmac.compare_digest, self._once), shown)] == [True]:
            self._once = b""
            return True
        return bool(shown) and all(map(self._is_right, shown))

    def _is_right(self, shown: bytes) -> bool:
        return hmac.compare_digest(shown, self._token)

    def _cookies(self, scope: Scope) -> list[bytes]:
        sent = b";".join(value for name, value in scope["headers"] if name == b"cookie")
        pairs = (one.strip().partition(b"=") for one in sent.split(b";"))
        return [value for name, _, value in pairs if name == self.cookie.encode()]

    def _set(self) -> str:
        secure = "; Secure" if self._behind_proxy else ""
        return f"{self.cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _address(path: str, query: list[tuple[str, str]]) -> str:
    """An address on this server: two slashes at its beginning would lead to another one."""
    place = "/" + quote(path.lstrip("/"), safe="/:@", errors="replace")
    return place + (f"?{urlencode(query, errors='replace')}" if query else "")


def _guarded(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            more = [(k.encode(), v.encode()) for k, v in _HEADERS.items() if k.encode() not in own]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent
