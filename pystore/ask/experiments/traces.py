"""Traces: the values of one metric over the steps of attempts, a row a step.

TC1  A row is a value that an attempt told, in the order in which it was told; none is made up.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...core.refs import RRef
from ...declare.parameters import Parameters, cell
from ...store.store import Store
from .inputs import within
from .plot import Line, plot_lines
from .result import Result
from .table import Table, Tabular, frame, named_apart

_COLUMNS = ("attempt", "step", "value", "rref")


@dataclass(frozen=True)
class Point:
    """One step of an attempt: the value that a metric had there."""

    attempt: Attempt
    parameters: Parameters  # those that differ between the attempts
    step: int
    value: float

    @property
    def rref(self) -> RRef | None:
        """The realization of the attempt; None if the attempt failed."""
        return self.attempt.rref


@dataclass(frozen=True, repr=False)
class Traces(Tabular):
    """The values of one metric over the steps of attempts; prints as a table."""

    metric: str
    points: tuple[Point, ...]
    parameters: tuple[str, ...]  # the names of the parameters that differ

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def plot(self, *, over: str | Iterable[str] = (), axes: Any = None) -> Any:
        """A line for each attempt over its steps, with the colour of its config.

        Returns matplotlib's Axes, which are `axes` if given. `over` names parameters that make no
        colour of their own.
        """
        pooled = [over] if isinstance(over, str) else list(over)
        return plot_lines(self._lines(pooled), self.metric, axes)

    def to_pandas(self) -> Any:
        """A DataFrame with a row a step; needs pandas."""
        header = self._header()
        return frame(header, (self._row(p, p.parameters.get, whole=True) for p in self))

    def table(self) -> Table:
        """The table as it is printed."""
        shown = (self._row(p, lambda n, p=p: cell(p.parameters, n), whole=False) for p in self)
        return Table.of(self._header(), shown)

    def notes(self) -> list[str]:
        """The lines below the table: none."""
        return []

    def _header(self) -> list[str]:
        return [*self.parameters, *named_apart(_COLUMNS, self.parameters, "trace")]

    def _row(self, point: Point, parameter: Any, *, whole: bool) -> list[Any]:
        rref = point.rref and str(point.rref)
        own = [point.attempt.number, point.step, point.value, rref if whole else rref and rref[:13]]
        return [*map(parameter, self.parameters), *own]

    def _lines(self, pooled: list[str]) -> list[Line]:
        """The points of each attempt, with the text of its config."""
        lines: dict[str, Line] = {}
        for point in self:
            own = {k: v for k, v in point.parameters.items() if not within(k, *pooled)}
            label = " ".join(f"{name}={value}" for name, value in own.items())
            lines.setdefault(point.attempt.id, (label, []))[1].append((point.step, point.value))
        return list(lines.values())


def traces_of(
    rows: Iterable[Result], parameters: tuple[str, ...], store: Store
) -> Mapping[str, Traces]:
    """The traces of attempts by the names of their metrics; each attempt is read once (TC1)."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        for step, name, value in store.trace(row.attempt):
            found.setdefault(name, []).append(Point(row.attempt, row.parameters, step, value))
    return {name: Traces(name, tuple(points), parameters) for name, points in found.items()}
