"""Screen: draws bars at the foot of a terminal, below everything that is printed.

The cursor stays visible where the next output goes. The foot is drawn in the rows below it, and
wiped before more is printed. So nothing must be restored after a crash, and direct output of C
extensions also appears above the bars, at times with the end of a bar beside it.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO, cast

from .terminal import is_terminal

_DOWN, _SAVE, _BACK = "\x1bD", "\x1b7", "\x1b8"
_REST, _WIPE = "\x1b[K", "\x1b[J"  # erase to the end of the row, of the screen
_USUAL = (80, 24)  # columns and rows of a terminal that does not tell its size


class Screen:
    """A terminal, through a descriptor of its own: capturing redirects 1 and 2."""

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._descriptor = os.dup(descriptor)
        self._foot: Sequence[str] = ()
        self._amid = False  # the last output has not ended its line
        self._lock = threading.RLock()
        self.gone = False  # the terminal has hung up, which must not harm a build

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return _USUAL
        return (columns or _USUAL[0], rows or _USUAL[1])

    def print(self, text: str) -> bool:
        """Prints above the foot, and draws the foot again. Returns False after `close`."""
        with self._lock:
            if self.gone:
                return False
            self._amid = not text.endswith("\n") if text else self._amid
            self._put(_WIPE + text + self._drawn())
            return True

    def print_lines(self, text: str) -> None:
        """Prints whole lines, on lines of their own."""
        with self._lock:
            # The terminal shows typed characters, such as ^C: they are wiped.
            self.print(f"\n{text}" if self._amid else f"\r{_REST}{text}")

    def draw(self, foot: Sequence[str]) -> None:
        """Replaces the lines of the foot."""
        with self._lock:
            self._foot = foot
            self._put(self._drawn())

    def close(self) -> None:
        """Wipes the foot; only the printed output stays."""
        with self._lock:
            self._put(_WIPE)
            self.gone = True
            os.close(self._descriptor)

    def _drawn(self) -> str:
        # Going down first scrolls if there is no room, so that the saved position stays right.
        # Direct output may have moved the cursor to a row of the old foot.
        count = len(self._foot)
        below = "".join(f"\r\n{line}{_REST}" for line in self._foot)
        return (
            f"{_REST}{_DOWN * count}\x1b[{count}A{_SAVE}{below}{_WIPE}{_BACK}" if count else _WIPE
        )

    def _put(self, text: str) -> None:
        data = memoryview(text.encode(self.encoding, "replace"))
        while data and not self.gone:
            try:
                data = data[os.write(self._descriptor, data) :]
            except OSError:
                self.gone = True


class Above:
    """A stream whose output appears above the foot of a screen; all else is as in the stream."""

    def __init__(self, stream: TextIO, screen: Screen, captured: Callable[[], bool]) -> None:
        self._stream = stream
        self._screen = screen
        self._captured = captured
        self._process = os.getpid()  # in a fork, a thread that does not exist may hold the lock

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Prints the text."""
        if os.getpid() != self._process or self._captured():
            return self._stream.write(text)
        self._stream.flush()
        # Another thread may close the screen at this moment.
        return len(text) if self._screen.print(text) else self._stream.write(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Prints the lines."""
        self.write("".join(lines))


@contextmanager
def above(screen: Screen, captured: Callable[[], bool]) -> Iterator[None]:
    """Inside the block, Python's output to this terminal appears above the foot."""
    replaced = {
        name: (stream, Above(stream, screen, captured))
        for name in ("stdout", "stderr")
        if is_terminal(stream := getattr(sys, name))
    }
    for name, (_, mine) in replaced.items():
        setattr(sys, name, cast(TextIO, mine))
    try:
        yield
    finally:
        for name, (stream, mine) in replaced.items():
            if getattr(sys, name) is mine:  # else other code has replaced it, and will undo that
                setattr(sys, name, stream)
