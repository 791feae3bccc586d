"""A server on loopback that misbehaves as it is told."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

FILE = bytes(i * 7 % 251 for i in range(200_000))
HALF = len(FILE) // 2


@dataclass
class Request:
    """One request, and the connection to answer it on."""

    number: int  # 0 is the first that the server got
    path: str
    headers: dict[str, str]  # names in lower case
    connection: socket.socket
    server: "Server"

    def send(self, *parts: str | bytes) -> None:
        """Sends these, as long as somebody listens."""
        for part in parts:
            self.connection.sendall(part.encode("latin-1") if isinstance(part, str) else part)

    def head(self, status: str, **headers: object) -> None:
        """Sends a status line and headers; `Content_Length=3` is `Content-Length: 3`."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]))

    def whole(self, content: bytes = FILE, **headers: object) -> None:
        """Sends a file as it should be sent."""
        self.head("200 OK", Content_Length=len(content), **headers)
        self.send(content)

    @property
    def start(self) -> int:
        """Where the range that is asked for begins, 0 without one."""
        return int(self.headers.get("range", "bytes=0-")[6:-1])

    def drip(self, pause: float = 0.05, drop: bytes = b"x") -> None:
        """Sends a little, again and again, until nobody listens."""
        while not self.server.closed:
            self.send(drop)
            time.sleep(pause)

    def hang(self) -> None:
        """Sends nothing until the server is closed."""
        while not self.server.closed:
            time.sleep(0.02)


Behaviour = Callable[[Request], object]


@contextmanager
def unused_port() -> Iterator[int]:
    """A port on loopback that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # it does not listen
        yield kept.getsockname()[1]


@dataclass
class Server:
    """Answers each request by `behave`."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: bool = False

    def __enter__(self) -> "Server":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._listener.getsockname()[1]
        self.base = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{self.base}/data.bin"
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while not self.closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, accepted: socket.socket) -> None:
        # An OSError says that nobody listens any more.
        with suppress(OSError), self._secured(accepted) as connection:
            text = b""
            while b"\r\n\r\n" not in text and (got := connection.recv(65536)):
                text += got
                if not text.startswith(b"GET "):
                    return connection.sendall(b"HTTP/1.1 400 what?\r\n\r\n")
            if not text:
                return None
            first, *lines = text.decode("latin-1").split("\r\n")
            pairs = [line.partition(":")[::2] for line in lines if line]
            headers = {name.lower(): value.strip() for name, value in pairs}
            path = first.split()[1]
            request = Request(len(self.requests), path, headers, connection, self)
            self.requests.append(request)
            self.behave(request)

    def _secured(self, accepted: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(accepted, server_side=True) if self.tls else accepted
