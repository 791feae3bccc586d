"""Lines: connections to servers of strangers, with a deadline, to addresses that were checked.

WI1  A connection is made to the very address that the policy has admitted: no name is looked up
     a second time, and a proxy of the environment is not asked.
WI2  Nothing waits beyond the deadline: names that do not resolve, handshakes, headers and bodies
     that drip.

`requests` has no deadline, since its timeout starts again with every byte.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from queue import Empty, SimpleQueue
from typing import Any

from ..errors import FetchRefused
from .policy import Policy, kind_of
from .web_address import WebAddress

# Nobody can stop a lookup. The system gives up within some 30 s, and meanwhile there may be others.
_LOOKUPS = threading.BoundedSemaphore(64)
_MOST_ADDRESSES = 8  # of one name that are tried
_MOST_RESTING = 32
_IDLE = 5.0  # [s] for which a connection is kept; many servers keep it no longer


_Server = tuple[str, str, int]
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class Deadline:
    """The time until which everything must have ended."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """[s], above 0. Raises TimeoutError when nothing is left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Plain(socket.socket):
    """A socket that waits for bytes until its deadline, and not for so long for each of them."""

    until: Deadline

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.until.left)
        return super().recv_into(*args)


class _Encrypted(ssl.SSLSocket):
    """The same over TLS."""

    until: Deadline

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.until.left)
        return super().recv_into(*args)


class Line:
    """A connection to a server, for one request after another."""

    def __init__(self, where: WebAddress, policy: Policy, until: Deadline) -> None:
        self._sock = _connected(where, policy, until)
        self._connection = HTTPConnection(where.host, where.port)
        self._connection.auto_open = 0  # it would look the name up again (WI1)
        self._connection.sock = self._sock
        self._since = time.monotonic()

    def ask(self, target: str, headers: dict[str, str], until: Deadline) -> HTTPResponse:
        """The head of the answer; its body can be read. Raises OSError and HTTPException."""
        self._sock.until = until
        self._sock.settimeout(until.left)
        self._connection.request("GET", target, headers=headers)
        return self._connection.getresponse()

    def rest(self) -> None:
        """Begins to wait for the next request."""
        self._since = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the server still seems to wait for a request, and has not said a word."""
        if self._connection.sock is None or time.monotonic() - self._since > _IDLE:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Closes the connection, whatever is still to come."""
        self._connection.close()
        self._sock.close()


class Lines:
    """Lines that rest until a server is asked again. Several threads may share them."""

    def __init__(self) -> None:
        self._resting: list[tuple[_Server, Line]] = []  # the newest last
        self._most = _MOST_RESTING
        self._lock = threading.Lock()

    def take(self, where: WebAddress) -> Line | None:
        """A line to this server that rests and is still open."""
        while True:
            with self._lock:
                lines = self._resting
                found = [n for n, (server, _) in enumerate(lines) if server == _server(where)]
                line = lines.pop(found[-1])[1] if found else None
            if line is None or line.is_open:
                return line
            line.close()

    def give(self, where: WebAddress, line: Line) -> None:
        """Lets a line rest whose last answer has been read as a whole."""
        line.rest()
        with self._lock:
            self._resting.append((_server(where), line))
        self._close_older()

    def close(self) -> None:
        """Closes all lines that rest, and each that is still given."""
        self._most = 0
        self._close_older()

    def _close_older(self) -> None:
        with self._lock:
            older = self._resting[: max(0, len(self._resting) - self._most)]
            del self._resting[: len(older)]
        for _, line in older:
            line.close()


def _server(where: WebAddress) -> _Server:
    return where.scheme, where.host, where.port


# --- making a connection ---------------------------------------------------------------


def _connected(where: WebAddress, policy: Policy, until: Deadline) -> "_Plain | _Encrypted":
    sock = _connected_plainly(where, policy, until)
    if where.scheme == "http":
        return sock
    try:
        sock.settimeout(until.left)  # of the whole handshake
        name = where.host.rstrip(".")
        encrypted = trust().wrap_socket(sock, server_hostname=name)
    except BaseException:
        sock.close()
        raise
    assert isinstance(encrypted, _Encrypted)
    return encrypted


def _connected_plainly(where: WebAddress, policy: Policy, until: Deadline) -> _Plain:
    found = _addresses(where, until)
    admitted = [one for one in found if policy.admits(str(one[4][0]))][:_MOST_ADDRESSES]
    if found and not admitted:
        raise FetchRefused(
            f"the address of the host is {kind_of(str(found[0][4][0]))}, not public",
            remedy="if it is a server of yours, private=True, or the networks that it may be in: "
            'private=["10.0.0.0/8"]',
        )
    said: OSError = socket.gaierror(socket.EAI_NONAME)
    for number, (family, kind, protocol, _, address) in enumerate(admitted):
        sock = _Plain(family, kind, protocol)
        try:
            # An address where nobody answers leaves time for the next ones.
            sock.settimeout(until.left / (len(admitted) - number))
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            said = error
    raise said


def _addresses(where: WebAddress, until: Deadline) -> Sequence[_Found]:
    try:
        return _look_up(where, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    if not _LOOKUPS.acquire(timeout=until.left):
        raise TimeoutError
    answer: SimpleQueue[Sequence[_Found] | Exception] = SimpleQueue()

    def look() -> None:
        try:
            answer.put(_look_up(where))
        except Exception as error:
            answer.put(error)
        finally:
            _LOOKUPS.release()

    threading.Thread(target=look, name="pystore lookup", daemon=True).start()
    try:
        found = answer.get(timeout=until.left)
    except Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _look_up(where: WebAddress, flags: int = 0) -> Sequence[_Found]:
    return socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=flags)


@cache
def trust() -> ssl.SSLContext:
    """The certificates of this machine, and those that `requests` comes with."""
    import certifi  # not cheap, and needed for https only

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.sslsocket_class = _Encrypted
    return context
