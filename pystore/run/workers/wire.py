"""Wire: messages between a worker and the process that gives it tasks, over a socket.

Each is its length in eight bytes, and then itself.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

CUT = os.EX_PROTOCOL  # the exit code of a worker whose end a realizer has closed
_LENGTH = struct.Struct("!Q")
_PART = 2**18  # [bytes] to receive at one time


def send(end: socket.socket, message: bytes) -> None:
    """Sends one message, however long the other end takes."""
    end.sendall(_LENGTH.pack(len(message)) + message)


def receive(end: BinaryIO) -> bytes:
    """The next message, waited for. Raises EOFError when the other end has closed."""
    head = end.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    return end.read(length)


class Wire:
    """An end that never waits for the other one, which may be stopped or busy."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._unsent: deque[memoryview] = deque()
        self._received = bytearray()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._end.fileno()

    @property
    def is_full(self) -> bool:
        """Whether something is to be sent yet, for which there was no room."""
        return bool(self._unsent)

    def send(self, message: bytes) -> None:
        """Sends one message, as far as there is room; `flush` sends the rest."""
        self._unsent += map(memoryview, (_LENGTH.pack(len(message)), message))
        self.flush()

    def flush(self) -> None:
        """Sends what there is room for; to an end that has closed, nothing."""
        try:
            while self._unsent:
                self._unsent[0] = self._unsent[0][self._end.send(self._unsent[0]) :]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:  # its end is told by `receive`
            self._unsent.clear()

    def receive(self) -> Iterator[bytes]:
        """The messages that what has arrived makes whole.

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
