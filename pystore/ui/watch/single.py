"""Single: one bar, for the one thing that a command does: bytes that move, checks."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ...core.events import Event, Listener, Progress
from .words import amount


@contextmanager
def single_bar() -> Iterator[Listener]:
    """A listener that draws how far it is; nothing of it stays."""
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def draw(event: Event) -> None:
            if isinstance(event, Progress):
                told = _told(event, bars.tasks[0].speed)
                bars.update(task, completed=event.done, total=event.total, description=told)

        yield draw


def _told(event: Progress, speed: float | None) -> str:
    """How far it is, and of bytes, how fast."""
    total = f"/{amount(event.total, event.unit)}" if event.total is not None else ""
    done = amount(event.done, event.unit if event.unit == "bytes" or not total else "")
    fast = f"  {amount(speed, 'bytes')}/s" if speed and event.unit == "bytes" else ""
    return f"{done}{total}{fast}"
