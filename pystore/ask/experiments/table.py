"""Table: rows of values, aligned for a terminal, escaped for a notebook, or as a DataFrame."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from ...core.dataclasses import dataclass
from ...core.errors import PystoreError

_WIDEST = 40  # [characters] of a cell
_MOST = 60  # rows that are printed


@dataclass(frozen=True)
class Table:
    """A header and rows of text; columns of numbers are aligned to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]

    @classmethod
    def of(
        cls, header: Sequence[str], rows: Iterable[Sequence[Any]], widest: int | None = _WIDEST
    ) -> "Table":
        """The table of these values; None and NaN are empty, and long values are cut."""
        values = list(rows)
        columns = [list(column) for column in zip(*values, strict=True)] or [[] for _ in header]
        written = [[brief(value, widest) for value in column] for column in columns]
        return cls(
            tuple(header),
            tuple(zip(*written, strict=True)) if values else (),
            tuple(all(map(_reads_as_number, column)) for column in written),
        )

    def __str__(self) -> str:
        shown, left_out = self._shown()
        widths = [max(map(len, column)) for column in zip(self.header, *shown, strict=True)]
        lines = [self._line(row, widths) for row in (self.header, *shown)]
        if left_out:
            lines.append(f"… {left_out:,} more")
        return "\n".join(lines)

    def _line(self, row: tuple[str, ...], widths: list[int]) -> str:
        cells = zip(row, widths, self.numeric, strict=True)
        return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in cells).rstrip()

    def html(self, notes: Iterable[str] = ()) -> str:
        """The table for a notebook, with notes below it."""
        from html import escape  # only notebooks need it

        shown, left_out = self._shown()
        head = "".join(f"<th>{escape(name)}</th>" for name in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in shown
        )
        more = [f"… {left_out:,} more"] if left_out else []
        below = "".join(f"<p>{escape(note)}</p>" for note in (*more, *notes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"

    _repr_html_ = html

    def _shown(self) -> tuple[tuple[tuple[str, ...], ...], int]:
        left_out = max(0, len(self.rows) - _MOST)
        return (self.rows[:_MOST] if left_out else self.rows), left_out


def frame(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """A pandas DataFrame. Raises PystoreError when pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise PystoreError("pandas is not installed", remedy="pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(header))


class Tabular(ABC):
    """A value that prints as a table with notes below it, also in a notebook."""

    @abstractmethod
    def table(self) -> Table:
        """The table as it is printed."""

    @abstractmethod
    def notes(self) -> list[str]:
        """The lines below the table."""

    def __str__(self) -> str:
        return "\n".join([str(self.table()), *self.notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table().html(self.notes())


def brief(value: object, widest: int | None = _WIDEST) -> str:
    """The value on one line of at most `widest` characters."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = value if isinstance(value, str) else _number(value) if _is_number(value) else repr(value)
    text = " ".join(text.split())
    return text if widest is None or len(text) <= widest else text[: widest - 1] + "…"


def written(value: object, widest: int | None = _WIDEST) -> str:
    """The parameter on one line. None is written too, since a parameter may be absent as well."""
    return "None" if value is None else brief(value, widest)


def decimals(spreads: Iterable[float]) -> int:
    """The number of decimals that shows two digits of the smallest of these spreads."""
    known = [s for s in spreads if s > 0 and math.isfinite(s)]
    return min(8, max(1, 1 - math.floor(math.log10(min(known))))) if known else 4


def fixed(x: float, places: int) -> str:
    """The number with so many decimals; NaN is empty."""
    return "" if x != x else f"{x:.{places}f}"


def interval(low: float, high: float, places: int) -> str:
    """The interval with so many decimals; NaN is empty."""
    return "" if low != low else f"[{low:.{places}f}, {high:.{places}f}]"


def named_apart(names: Iterable[str], taken: Iterable[str], word: str) -> list[str]:
    """The names of columns; a name that is taken gets the word in front of it: `attempt.seed`."""
    used = set(taken)
    found = []
    for name in names:
        while name in used:
            name = f"{word}.{name}"
        used.add(name)
        found.append(name)
    return found


def _reads_as_number(text: str) -> bool:
    try:
        return not text or float(text) is not None
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
