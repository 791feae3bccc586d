"""Web: a remote that a web server shows, to read.

WE1  No more is taken than was asked for, whatever the server sends, and as it sends it: what is
    small and packed cannot grow here.
WE2  Who sends nothing, or next to nothing, is left; so is everybody once the place was given up.
WE3  Headers, cookies and credentials of the options go to the host of the URL, to no other one to
    which that redirects.
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
_PAGE = 1 << 26  # [bytes] of a page that lists a folder
_REDIRECTS = 10
_MOVED = (301, 302, 303, 307, 308)
_WAY = ("ssl", "proxy", "proxy_auth", "proxy_headers", "timeout")  # options of how, not for whom
_LINK = re.compile(rb"""<a\s[^>]*?href\s*=\s*["']?([^"'\s>?#]+)""", re.I)


class WebPlace(UrlPlace):
    """Folders of which a server shows pages with links."""

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

    def size(self, name: str) -> int | None:
        """How long an object is, as the server says."""
        from fsspec.asyn import sync

        try:
            found = self._ask(lambda: sync(self._system.loop, self._length, self._path(name)))
        except FileNotFoundError:
            return None
        return -1 if found is None else int(found)

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
                        _check(response, path)
                        yield response
                        return
                url = self._redirected(url, target)
                if not _is_at_home(url, own):
                    session, asked = stranger, self._asked_of_strangers()
        raise self._refused(f"redirects more than {_REDIRECTS} times")

    def _asked_of_strangers(self) -> dict[str, Any]:
        options = self._system.kwargs
        way = {name: options[name] for name in _WAY if name in options}
        return {**way, "headers": {"Accept-Encoding": "identity"}, "allow_redirects": False}

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
        """Makes sure that what comes is worth waiting for (WE2). Raises FetchError."""
        if self.stopped or (waited > _GRACE and count < _RATE * waited):
            raise FetchError(
                "the remote sends too little",
                url=self.url,
                came=f"{count} bytes",
                waited=f"{waited:.0f} s",
                remedy="try again later, or another remote",
            )

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
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


def _check(response: "ClientResponse", path: str) -> None:
    if response.status == 404:
        raise FileNotFoundError(path)
    response.raise_for_status()


def _is_at_home(url: "URL", own: "URL") -> bool:
    """Whether a URL is of the host that was named, on a way that is as safe."""
    if url.host != own.host:
        return False
    return url.origin() == own.origin() or (own.scheme, url.scheme) == ("http", "https")


@asynccontextmanager
async def _stranger(session: "ClientSession") -> AsyncIterator["ClientSession"]:
    """A session over the same connections, which has nothing to tell about us."""
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
