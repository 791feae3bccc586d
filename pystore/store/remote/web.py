"""WebPlace: a remote on a web server, to be read.

WE1  No more bytes are taken than asked for, whatever the server sends. Compressed answers are not
    decompressed.
WE2  A transfer ends when the server sends nothing or almost nothing, or when the place is stopped.
WE3  Headers, cookies and credentials of the options go to the host of the URL only, and to no host
    to which that one redirects.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...core.errors import FetchError
from .url_place import UrlPlace

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

_SILENCE = 60.0  # [s]
_GRACE = 60.0  # [s] before the rate counts
_RATE = 1000  # [bytes/s] at the least
_PAGE = 1 << 26  # [bytes] of the page that lists a folder
_REDIRECTS = 10
_MOVED = (301, 302, 303, 307, 308)
# Options of the connection, not of the user.
_WAY = ("ssl", "proxy", "proxy_auth", "proxy_headers", "timeout")
_LINK = re.compile(rb"""<a\s[^>]*?href\s*=\s*["']?([^"'\s>?#]+)""", re.I)


class WebPlace(UrlPlace):
    """Folders that a server lists as pages with links."""

    read_only = True

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        from aiohttp import ClientTimeout

        ours = {
            "auto_decompress": False,  # WE1
            "timeout": ClientTimeout(total=None, sock_connect=10.0, sock_read=_SILENCE),
        }
        return {**given, "client_kwargs": {**ours, **given.get("client_kwargs", {})}}

    def _read(self, path: str, most: int) -> bytes:
        from fsspec.asyn import sync

        content = sync(self._system.loop, self._stream, path, most)
        assert isinstance(content, bytes)
        return content

    async def _stream(self, path: str, most: int) -> bytes:
        content, began = bytearray(), time.monotonic()
        async with self._answered(path) as response:
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) >= most:
                    break
                self._go_on(len(content), time.monotonic() - began)
        return bytes(content[:most])

    def _size(self, path: str) -> Any:
        from fsspec.asyn import sync

        return sync(self._system.loop, self._length, path)

    async def _length(self, path: str) -> int | None:
        async with self._answered(path) as response:
            return response.content_length

    @asynccontextmanager
    async def _answered(self, path: str) -> AsyncIterator["ClientResponse"]:
        """The last answer to a request, after redirects (WE3). Raises FileNotFoundError."""
        system = self._system
        session = await system.set_session()
        own: URL = system.encode_url(path)
        headers = {**system.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
        asked, url = {**system.kwargs, "headers": headers, "allow_redirects": False}, own
        async with _stranger(session) as stranger:
            for _ in range(_REDIRECTS + 1):
                async with session.get(url, **asked) as response:
                    moved = response.status in _MOVED
                    target = response.headers.get("Location") if moved else None
                    if target is None:
                        if response.status == 404:
                            raise FileNotFoundError(path)
                        response.raise_for_status()
                        yield response
                        return
                url = self._redirected(url, target)
                if not _is_at_home(url, own):
                    way = {name: asked[name] for name in _WAY if name in asked}
                    headers = {"Accept-Encoding": "identity"}
                    session = stranger
                    asked = {**way, "headers": headers, "allow_redirects": False}
        raise self._refused(f"redirects more than {_REDIRECTS} times")

    def _redirected(self, url: "URL", target: str) -> "URL":
        from yarl import URL

        new = url.join(URL(target))
        if new.scheme not in ("http", "https"):
            raise self._refused(f"redirects to {new.scheme}:, which is neither http nor https")
        if (url.scheme, new.scheme) == ("https", "http"):
            raise self._refused("redirects from https to http, where anybody may read along")
        return new

    def _refused(self, what: str) -> FetchError:
        return FetchError(
            f"the remote {what}", url=self.url, remedy="check the URL; ask who runs the remote"
        )

    def _go_on(self, count: int, waited: float) -> None:
        """Raises FetchError when the transfer should end (WE2)."""
        if self.stopped or (waited > _GRACE and count < _RATE * waited):
            raise FetchError(
                "the remote sends too little",
                url=self.url,
                came=f"{count} bytes",
                waited=f"{waited:.0f} s",
                remedy="try again later, or another remote",
            )

    def names(self, folder: str) -> list[str]:
        """The names in a folder."""
        path = self._path(folder) + "/"
        try:
            page = self._ask(lambda: self._read(path, _PAGE))
        except FileNotFoundError:
            return []
        if len(page) >= _PAGE:
            raise FetchError(
                "the list of a folder is longer than it may be",
                url=self.url,
                folder=folder,
                most=f"{_PAGE} bytes",
                remedy="ask who runs the remote",
            )
        links = (link.decode("latin-1").rstrip("/") for link in _LINK.findall(page))
        return [link.rpartition("/")[2] for link in links]


def _is_at_home(url: "URL", own: "URL") -> bool:
    """Whether a URL leads to the host of `own`, by the same scheme or by https in place of http."""
    if url.host != own.host:
        return False
    return url.origin() == own.origin() or (own.scheme, url.scheme) == ("http", "https")


@asynccontextmanager
async def _stranger(session: "ClientSession") -> AsyncIterator["ClientSession"]:
    """A session over the same connections, without cookies and credentials (WE3)."""
    from aiohttp import ClientSession, DummyCookieJar

    stranger = ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        timeout=session.timeout,
        auto_decompress=False,
        trust_env=session.trust_env,
    )
    try:
        yield stranger
    finally:
        stranger.detach()
