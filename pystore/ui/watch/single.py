"""Single: one bar, for a command that does one thing, such as a copy or a check."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ...core.events import Event, Listener, Progress
from .words import amount


@contextmanager
def single_bar() -> Iterator[Listener]:
    """A listener that draws the progress; the bar is removed in the end."""
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def draw(event: Event) -> None:
            if isinstance(event, Progress):
                told = _told(event, bars.tasks[0].speed)
                bars.update(task, completed=event.done, total=event.total, description=told)

        yield draw


def _told(event: Progress, speed: float | None) -> str:
    """The progress; of bytes, also the speed."""
    total = f"/{amount(event.total, event.unit)}" if event.total is not None else ""
    done = amount(event.done, event.unit if event.unit == "bytes" or not total else "")
    fast = f"  {amount(speed, 'bytes')}/s" if speed and event.unit == "bytes" else ""
    return f"{done}{total}{fast}"
