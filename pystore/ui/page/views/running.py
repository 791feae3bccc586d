"""Running: the attempts that run now, on any host of the store, and those that have died."""

from typing import Any

from ....ask.experiments.table import written
from ....ask.inspection.attempts import log_of
from ....ask.inspection.running import Unfinished, running
from ....core.dataclasses import dataclass
from ....store.store import Store
from ..asked import Asked, Shown

_MOST = 500  # rows


@dataclass(frozen=True)
class Row:
    """An attempt without a record, and what it has told and printed last."""

    one: Unfinished
    line: str  # that it printed last

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1; None if it does not tell."""
        done, total, _ = self.one.progress or (0.0, None, "")
        return min(1.0, max(0.0, done / total)) if total and done == done else None

    @property
    def label(self) -> str:
        """Its parameters on one line."""
        return " ".join(f"{name}={written(x)}" for name, x in self.one.parameters.items())

    def to_dict(self) -> dict[str, Any]:
        """As `pystore ps --json`, and `line`."""
        return {**self.one.to_dict(), "line": self.line}


def show(asked: Asked) -> Shown:
    """What runs, the oldest first; then what has died and was not tried again."""
    rows = [_row(one, asked.store) for one in running(asked.store, died=True)]
    rows.sort(key=lambda row: row.one.outcome == "died")
    values = {"rows": rows[:_MOST], "more": len(rows[_MOST:])}
    return Shown("running.html", "Running", values, rows, asked.command("ps"))


def _row(one: Unfinished, store: Store) -> Row:
    return Row(one, log_of(one.attempt, store).last_line)
