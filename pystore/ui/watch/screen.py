"""Screen: bars at the foot of a terminal, below everything that is printed.

The cursor stays where the printing goes on, visible; the foot is drawn in the rows below it and
wiped before more is printed. So there is nothing to restore after a crash, and what C extensions
write past us lands above the bars too, if at times with the end of a bar beside it.
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
_USUAL = (80, 24)  # columns and rows of a terminal that does not say


class Screen:
    """A terminal, through a descriptor of its own: capturing redirects the usual ones."""

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._descriptor = os.dup(descriptor)
        self._foot: Sequence[str] = ()
        self._amid = False  # what was printed last has not ended its line
        self._lock = threading.RLock()
        self.gone = False  # hung up: what cannot be shown harms no build

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return _USUAL
        return (columns or _USUAL[0], rows or _USUAL[1])

    def print(self, text: str) -> bool:
        """Prints above the foot, which is drawn again below; False when it has been closed."""
        with self._lock:
            if self.gone:
                return False
            self._amid = not text.endswith("\n") if text else self._amid
            self._put(_WIPE + text + self._drawn())
            return True

    def print_lines(self, text: str) -> None:
        """Prints whole lines, on lines of their own."""
        with self._lock:
            # The terminal itself shows what is typed, such as ^C: that goes.
            self.print(f"\n{text}" if self._amid else f"\r{_REST}{text}")

    def draw(self, foot: Sequence[str]) -> None:
        """Replaces the lines of the foot."""
        with self._lock:
            self._foot = foot
            self._put(self._drawn())

    def close(self) -> None:
        """Wipes the foot; the screen shows what was printed, and nothing else."""
        with self._lock:
            self._put(_WIPE)
            self.gone = True
            os.close(self._descriptor)

    def _drawn(self) -> str:
        # Going down scrolls where there is no room, so that the saved place stays true. A line
        # that was written past us has moved the cursor on to a row of the old foot.
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
    """A stream that prints above the foot of a screen, and is the stream itself otherwise."""

    def __init__(self, stream: TextIO, screen: Screen, captured: Callable[[], bool]) -> None:
        self._stream = stream
        self._screen = screen
        self._captured = captured
        self._process = os.getpid()  # in a fork, a lock may be held by a thread that is not there

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Prints it."""
        if os.getpid() != self._process or self._captured():
            return self._stream.write(text)
        self._stream.flush()
        # The screen may be closed by another thread, just now.
        return len(text) if self._screen.print(text) else self._stream.write(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Prints them."""
        self.write("".join(lines))


@contextmanager
def above(screen: Screen, captured: Callable[[], bool]) -> Iterator[None]:
    """Lets what Python prints to this terminal inside the block come above the foot."""
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
            if getattr(sys, name) is mine:  # else somebody replaced it meanwhile, and will undo it
                setattr(sys, name, stream)
