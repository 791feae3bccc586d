"""Foot: the bars at the foot of a terminal."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console, RenderableType

from ...core.progress import Tally
from .bars import Bars
from .frame import frame, line
from .screen import Screen, above
from .words import Labels, Words, summary

_SHARE = 2  # bars take the screen's rows divided by this


class Foot:
    """The surface below the printed lines."""

    def __init__(self, bars: Bars, labels: Labels) -> None:
        self._bars = bars
        self._labels = labels
        self._screen = Screen(sys.stderr.fileno(), sys.stderr.encoding or "utf-8")
        self._console = Console(
            file=_Encoded(self._screen.encoding), force_terminal=True, highlight=False
        )
        self._streams = ExitStack()
        self._streams.enter_context(above(self._screen, self._captured))

    def paint(self, ended: list[Words], tally: Tally, now: float, took: float) -> None:
        """Prints what has ended, and draws the bars again."""
        columns, rows = self._screen.size
        if ended:
            self._screen.print_lines(self._text([line(words) for words in ended], columns))
        picture = frame(tally, now, took, self._labels, max(rows // _SHARE, 2), columns)
        # Some terminals count a row that is full to its last column as two.
        self._screen.draw(self._text([picture], columns - 1).splitlines())

    def close(self, tally: Tally, took: float) -> None:
        """Wipes the bars, and prints the summary."""
        last = self._text([line(("", summary(tally, took)))], self._screen.size[0])
        self._screen.draw(())
        self._screen.print_lines(last)
        self._streams.close()
        self._screen.close()

    def _text(self, parts: Sequence[RenderableType], columns: int) -> str:
        with self._console.capture() as captured:
            for part in parts:
                self._console.print(part, width=max(columns, 20), crop=True)
        return captured.get()

    def _captured(self) -> bool:
        """Whether the output of this process goes to the log of an attempt."""
        running = self._bars.tally.running.values()
        return any(one.log and one.pid in (0, os.getpid()) for one in running)


class _Encoded(io.StringIO):
    """A file with the encoding of the terminal; rich chooses the characters of a bar by it."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        """The encoding of the terminal."""
        return self._encoding
