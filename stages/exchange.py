"""Exchange: one request, and the answer as it arrives in a thread of its own.

HX1  The receiver never waits longer than it asks to: names that do not resolve, headers that
    drip and bodies that stall hold up only the thread of the exchange.
HX2  The bytes are those that were sent: nothing is decoded, so nothing can grow like a bomb.
HX3  Only http and https are used, and no redirect leads from https to http.

`requests` itself has no deadline: its timeout starts again with every byte.
"""

import errno
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from requests import Response, Session

_CHUNK = 1 << 18  # [bytes]
_AHEAD = 16  # chunks that may wait for the receiver
_REDIRECTS = 10

# Errors of this machine: no server causes them, and no other try or source helps.
_LOCAL = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO}


class Refused(Exception):
    """This source will not send the file; another try is of no use."""


class Dropped(Exception):
    """This source did not send the file; another try may help."""

    def __init__(self, what: str, after: float = 0.0) -> None:
        super().__init__(what)
        self.after = after  # [s] that the server asks to wait before another try


@dataclass(frozen=True)
class Head:
    """The head of an answer."""

    status: int
    reason: str
    url: str  # after redirects
    headers: Mapping[str, str]  # the case of their names does not matter


class Exchange:
    """A request for `url`, sent at once."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, connect: float, silence: float
    ) -> None:
        self._url = url
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "pystore", **headers}
        self._timeout = (connect, silence)
        self._arrived: Queue[Head | bytes | Exception] = Queue(_AHEAD)
        self._closed = threading.Event()
        self._response: Response | None = None
        threading.Thread(
            target=self._work, name=f"pystore fetch {shown_url(url)}", daemon=True
        ).start()

    def head(self, patience: float) -> Head:
        """The head of the answer. Raises Dropped, Refused."""
        head = self._receive(patience)
        assert isinstance(head, Head)
        return head

    def chunk(self, patience: float) -> bytes:
        """The next bytes, empty at the end. Raises Dropped, Refused."""
        chunk = self._receive(patience)
        assert isinstance(chunk, bytes)
        return chunk

    def close(self) -> None:
        """Ends the exchange; what still arrives is dropped."""
        self._closed.set()
        shutdown = getattr(getattr(self._response, "raw", None), "shutdown", None)
        if shutdown is not None:
            try:
                shutdown()  # wakes the thread; closing the response could wait for it
            except (OSError, ValueError, RuntimeError):
                pass  # it had ended

    def _receive(self, patience: float) -> Head | bytes:
        try:
            arrived = self._arrived.get(timeout=patience)
        except Empty:
            raise Dropped(f"sent nothing for {patience:.1f} s") from None
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    # --- in the thread -----------------------------------------------------------------

    def _work(self) -> None:
        try:
            with _session() as session, self._follow(session) as response:
                self._response = response
                self._put(
                    Head(response.status_code, response.reason, response.url, response.headers)
                )
                self._stream(response)
        except Exception as error:
            self._put(_verdict(error))

    def _follow(self, session: "Session") -> "Response":
        url = self._url
        for _ in range(_REDIRECTS + 1):
            response = session.get(
                url,
                headers=self._headers,
                stream=True,
                allow_redirects=False,
                timeout=self._timeout,
            )
            target = session.get_redirect_target(response)
            if target is None:
                return response
            response.close()
            url = _redirected(url, target)
        raise Refused(f"redirects more than {_REDIRECTS} times")

    def _stream(self, response: "Response") -> None:
        # read1 gives what has arrived, where read waits until it has as much as was asked for.
        read = getattr(response.raw, "read1", response.raw.read)
        chunk = b"?"
        while chunk and not self._closed.is_set():
            chunk = read(_CHUNK, decode_content=False) or b""
            self._put(chunk)

    def _put(self, item: "Head | bytes | Exception") -> None:
        while not self._closed.is_set():
            try:
                return self._arrived.put(item, timeout=0.5)
            except Full:
                continue


def _session() -> "Session":
    import requests

    class OneStep(requests.Session):
        """A session that leaves redirects alone; requests' own reads their bodies, all of them."""

        def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Any]:
            return iter(())

    return OneStep()


def _redirected(url: str, target: str) -> str:
    result = urljoin(url, target)
    old, new = urlsplit(url).scheme, urlsplit(result).scheme
    if new not in ("http", "https"):
        raise Refused(f"redirects to {new}:, which is neither http nor https")
    if (old, new) == ("https", "http"):
        raise Refused("redirects from https to http, where anybody may change the file")
    return result


def _verdict(error: Exception) -> Exception:
    """The error for the receiver: one of this machine as it is, others as Refused or Dropped."""
    from http.client import HTTPException

    from requests import exceptions as known
    from urllib3.exceptions import HTTPError

    network = (known.RequestException, HTTPError, HTTPException, ValueError, Refused, Dropped)
    if (local := _local_cause(error)) or not isinstance(error, network):
        return local or error
    if isinstance(error, Refused | Dropped):
        return error
    useless = (known.InvalidURL, known.InvalidSchema, known.SSLError, known.ConnectTimeout)
    text = _reason(error)
    return Refused(text) if isinstance(error, useless) else Dropped(text)


def _local_cause(error: BaseException | None) -> OSError | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _LOCAL:
            return error
        error = error.__cause__ or error.__context__
    return None


def _reason(error: BaseException) -> str:
    """The innermost message of an error, without the address, which may hold passwords."""
    inner = error.args[0] if error.args else None
    inner = getattr(inner, "reason", inner)
    if isinstance(inner, BaseException):
        return _reason(inner)
    return f"{type(error).__name__}: {str(error).rpartition('): ')[2]}"[:200]


def shown_url(url: str) -> str:
    """`url` for people and records: without passwords and other parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
