"""Wire: messages over a socket between a worker and the process that gives it tasks.

A message is sent as its length in eight bytes, then its bytes.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

CUT = os.EX_PROTOCOL  # the exit code of a worker whose socket a realizer has closed
_LENGTH = struct.Struct("!Q")
_PART = 2**18  # [bytes] to receive at one time


def send(end: socket.socket, message: bytes) -> None:
    """Sends one message, and waits until all of it is sent."""
    end.sendall(_LENGTH.pack(len(message)) + message)


def receive(end: BinaryIO) -> bytes:
    """Waits for the next message. Raises EOFError when the other end has closed."""
    head = end.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    return end.read(length)


class Wire:
    """An end that never waits for the other end, which may be stopped or busy."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._unsent: deque[memoryview] = deque()
        self._received = bytearray()

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._end.fileno()

    @property
    def is_full(self) -> bool:
        """Whether something is left to send, for which there was no room."""
        return bool(self._unsent)

    def send(self, message: bytes) -> None:
        """Sends as much of a message as there is room for; `flush` sends the rest."""
        self._unsent += map(memoryview, (_LENGTH.pack(len(message)), message))
        self.flush()

    def flush(self) -> None:
        """Sends as much as there is room for; nothing if the other end has closed."""
        try:
            while self._unsent:
                self._unsent[0] = self._unsent[0][self._end.send(self._unsent[0]) :]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:  # the other end has closed, and `receive` says so
            self._unsent.clear()

    def receive(self) -> Iterator[bytes]:
        """The messages that are complete now.

        Raises BlockingIOError when nothing has arrived, EOFError when the other end has closed.
        """
        part = self._end.recv(_PART)
        if not part:
            raise EOFError
        self._received += part
        while len(self._received) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            yield bytes(self._received[_LENGTH.size : end])
            del self._received[:end]
