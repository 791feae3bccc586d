"""Web addresses: a URL of http or https, in the parts that a request needs."""

import re
from base64 import b64encode
from urllib.parse import quote, unquote, urljoin, urlsplit

from ...core.dataclasses import dataclass, field, replace
from ..errors import FetchRefused
from .policy import ascii_host

_LONGEST = 8000  # [characters]; servers take no more
_HOST = re.compile(r"[\w.:-]+")
_KEPT = "/%:@!$&'()*+,;=~-._?"  # what stands in a path or query as it is, and % of what is quoted
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class WebAddress:
    """A URL of http or https; `WebAddress.of(text)` raises FetchRefused when a text is none."""

    scheme: str
    host: str  # in lower case, as it is asked for
    port: int
    target: str  # path and query
    text: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str) -> "WebAddress":
        """The address that a text means."""
        try:
            if len(text) > _LONGEST:
                raise ValueError
            parts = urlsplit(text.strip())
            port, host = parts.port, ascii_host(parts.hostname or "")
        except ValueError:  # UnicodeError is one
            raise _no_url() from None
        if parts.scheme not in _PORTS:
            raise _no_scheme(parts.scheme)
        if not _HOST.fullmatch(host):
            raise _no_url()
        target = quote(parts.path or "/", safe=_KEPT.rstrip("?"))
        if parts.query:
            target += "?" + quote(parts.query, safe=_KEPT)
        found = cls(parts.scheme, host, port or _PORTS[parts.scheme], target, text)
        if parts.username is None:
            return found
        return replace(found, authorization=_basic(parts.username, parts.password or ""))

    @property
    def netloc(self) -> str:
        """Host and port as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def redirected(self, target: str) -> "WebAddress":
        """The address that the server here points to. Raises FetchRefused."""
        try:
            found = WebAddress.of(urljoin(self.text, target))
        except ValueError:
            raise _no_url() from None
        if (self.scheme, found.scheme) == ("https", "http"):
            raise FetchRefused(
                "redirects from https to http, where anybody may change the content",
                remedy="name the address with https:// where the content is",
            )
        return found


def _basic(user: str, password: str) -> str:
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return "Basic " + b64encode(pair).decode("ascii")


def _no_url() -> FetchRefused:
    return FetchRefused("no URL of a host", remedy="a URL reads https://images.example.com/7.png")


def _no_scheme(scheme: str) -> FetchRefused:
    if not scheme:
        return FetchRefused(
            "a URL without a scheme", remedy="write https:// before the name of the host"
        )
    return FetchRefused("neither http nor https", remedy="a URL begins with https:// or http://")
