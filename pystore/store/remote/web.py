"""Web: a remote that a web server shows, to read.

W1  No more is taken than was asked for, whatever the server sends, and as it sends it: what is
    small and packed cannot grow here.
W2  Who sends nothing, or next to nothing, is left; so is everybody once the place was given up.
"""

import re
import time
from typing import Any

from ...model.errors import FetchError
from .place import UrlPlace

_SILENCE = 60.0  # [s]
_GRACE = 60.0  # [s] before the rate counts
_RATE = 1000  # [bytes/s] at the least
_PAGE = 1 << 26  # [bytes] of a page that lists a folder
_LINK = re.compile(rb"""<a\s[^>]*?href\s*=\s*["']?([^"'\s>?#]+)""", re.I)


class WebPlace(UrlPlace):
    """Folders of which a server shows pages with links."""

    read_only = True

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        from aiohttp import ClientTimeout

        ours = {
            "auto_decompress": False,  # W1
            "timeout": ClientTimeout(total=None, sock_connect=10.0, sock_read=_SILENCE),
        }
        return {**given, "client_kwargs": {**ours, **given.get("client_kwargs", {})}}

    def _read(self, path: str, most: int) -> bytes:
        from fsspec.asyn import sync

        content = sync(self._system.loop, self._stream, path, most)
        assert isinstance(content, bytes)
        return content

    async def _stream(self, path: str, most: int) -> bytes:
        system, content, began = self._system, bytearray(), time.monotonic()
        session = await system.set_session()
        headers = {**system.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
        asked = {**system.kwargs, "headers": headers}
        async with session.get(system.encode_url(path), **asked) as response:
            if response.status == 404:
                raise FileNotFoundError(path)
            response.raise_for_status()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) >= most:
                    break
                self._go_on(len(content), time.monotonic() - began)
        return bytes(content[:most])

    def _go_on(self, count: int, waited: float) -> None:
        """Makes sure that what comes is worth waiting for (W2). Raises FetchError."""
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
