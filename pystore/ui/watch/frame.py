"""Frame: the picture of a tally, drawn by rich. It is a function of values, and has no effects."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...core.progress import Running, Tally
from ..quantities import span
from .words import Labels, Words, how_far, summary

_VERBS = {"built": "green", "fetched": "green", "adopted": "green", "failed": "bold red"}
_ALMOST = 0.99  # the largest fraction that a guess shows
_COLUMN = 9  # characters of the verbs
_WIDTHS = {"far": 12, "took": 6, "left": 11}  # the least characters of the other columns
_ROOM = {"bar": 64, "took": 52, "left": 46}  # a narrower terminal does not show the column


def frame(
    tally: Tally, now: float, took: float, labels: Labels, rows: int = 20, columns: int = 100
) -> Group:
    """What runs, what waits, and the counts. If the rows are too few, it shows the first ones.

    If the columns are too few, the least important parts are left out: the bars first.
    """
    transfer = [tally.transfer] if tally.transfer else []
    running = [*transfer, *tally.running.values()]
    waiting = list(tally.waiting.items())
    room = max(rows - 1, 1)
    hidden = len(running) + len(waiting) - room
    if hidden > 0:
        room, hidden = room - 1, hidden + 1
    parts: list[RenderableType] = (
        [_bars(running[:room], now, labels, len(transfer), columns)] if running else []
    )
    for dref, owner in waiting[: max(room - len(running), 0)]:
        parts.append(line(("waiting", f"for {labels(dref)}: {owner}")))
    if hidden > 0:
        parts.append(line(("", f"… and {hidden} more")))
    parts.append(line(("", summary(tally, took))))
    return Group(*parts)


def line(words: Words) -> Text:
    """A verb in its column and colour, then the rest of the line."""
    verb, rest = words
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(verb.rjust(_COLUMN) + " ", _VERBS.get(verb, "yellow"))
    return text.append(rest)


def _bars(
    running: Sequence[Running], now: float, labels: Labels, fetching: int, columns: int
) -> Table:
    shown = [part for part in ("bar", *_WIDTHS) if columns >= _ROOM.get(part, 0)]
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=_COLUMN, justify="right", style="cyan", no_wrap=True)
    rest = None if "bar" in shown else 1
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=40, ratio=rest)
    for part in shown:
        if part == "bar":
            table.add_column(ratio=1)
        else:
            table.add_column(no_wrap=True, justify="right", min_width=_WIDTHS[part])
    for number, one in enumerate(running):
        verb = "fetching" if number < fetching else "building"
        parts = _parts(one, now)
        table.add_row(verb, labels(one.dref, one.number), *(parts[part] for part in shown))
    return table


def _parts(one: Running, now: float) -> dict[str, RenderableType]:
    left = one.remaining(now)
    return {
        "bar": _bar(one, now),
        "far": how_far(one),
        "took": span(now - one.since),
        "left": f"~{span(left)} left" if left else "",
    }


def _bar(one: Running, now: float) -> ProgressBar:
    fraction = one.fraction
    if fraction is None and one.usual:
        fraction = min((now - one.since) / one.usual, _ALMOST)
    if fraction is None:
        return ProgressBar(total=None, pulse=True, animation_time=now)
    return ProgressBar(total=1.0, completed=fraction)
