"""An internet of one's own: names and public addresses that lead to servers of a test."""

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

PUBLIC = "93.184.215.14"  # leads to 127.0.0.1, where the servers of tests are
STRANGERS = "pystore.db.strangers"


@dataclass
class Internet:
    """What names mean, and which addresses were reached for.

    Only what pystore asks of strangers counts: a client of a database, or of Dask, may connect to
    its own server in another thread of these tests at any moment.
    """

    names: dict[str, list[str] | Callable[[], list[str]]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)  # each address that was connected to

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Internet":
        """Puts itself in place of what this machine can reach."""
        look_up, connect = socket.getaddrinfo, socket.socket.connect

        def fake_look_up(host: str, port: int, *args: Any, flags: int = 0, **more: Any) -> Any:
            if flags & socket.AI_NUMERICHOST or not is_for_a_stranger():
                return look_up(host, port, *args, flags=flags, **more)
            self.looked_up.append(host)
            found = self.names.get(host)
            if found is None:
                raise socket.gaierror(socket.EAI_NONAME, "not known")
            addresses = found if isinstance(found, list) else found()
            numeric = socket.AI_NUMERICHOST
            return [
                answer
                for address in addresses
                for answer in look_up(address, port, *args, flags=numeric, **more)
            ]

        def fake_connect(sock: socket.socket, address: tuple[Any, ...]) -> None:
            if is_for_a_stranger():
                self.reached.append(address[0])
                if address[0] == PUBLIC:
                    address = ("127.0.0.1", *address[1:])
            connect(sock, address)

        monkeypatch.setattr(socket, "getaddrinfo", fake_look_up)
        monkeypatch.setattr(socket.socket, "connect", fake_connect)
        return self


def is_for_a_stranger() -> bool:
    """Whether the code that asks strangers has called, at any depth."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(STRANGERS):
            return True
        frame = frame.f_back
    return False
