"""Notebook: bars in the output of a Jupyter cell: one picture, which is replaced."""

import importlib
import io
from typing import Any

from rich.console import Console, RenderableType

from ...core.progress import Tally
from .frame import frame, line
from .words import Labels, Words, summary

_LAST = 20  # lines of what has ended that stay in the picture
_COLUMNS = 100
_FORMAT = (
    "<pre style='white-space:pre;overflow-x:auto;line-height:normal;"
    'font-family:Menlo,"DejaVu Sans Mono",consolas,"Courier New",monospace\'>{code}</pre>'
)


class Notebook:
    """The surface in the output of a cell."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._ended: list[Words] = []
        self._handle: Any = None
        self._display = importlib.import_module("IPython.display")

    def paint(self, ended: list[Words], tally: Tally, now: float, took: float) -> None:
        """Replaces the picture."""
        self._ended = [*self._ended, *ended][-_LAST:]
        self._show(frame(tally, now, took, self._labels))

    def close(self, tally: Tally, took: float) -> None:
        """Shows the last picture: what has ended, and the summary."""
        self._show(line(("", summary(tally, took))))

    def _show(self, last: RenderableType) -> None:
        console = Console(
            file=io.StringIO(), record=True, force_jupyter=False, width=_COLUMNS, highlight=False
        )
        for part in (*map(line, self._ended), last):
            console.print(part)
        html = self._display.HTML(console.export_html(inline_styles=True, code_format=_FORMAT))
        if self._handle is None:
            self._handle = self._display.display(html, display_id=True)
        else:
            self._handle.update(html)
