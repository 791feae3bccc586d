"""Family: the results of one stage, a row for the attempts with equal parameters."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ....ask.experiments.family import family
from ....ask.experiments.results import Results, results
from ....ask.experiments.summary import Group, Summary
from ....ask.experiments.table import decimals, fixed, interval
from ....core.errors import BadStage
from ....core.options import Mode
from ....core.refs import DRef
from ....declare.parameters import cell
from ....store.store import Store
from ...quantities import number
from ..asked import Asked, Shown
from ..strips import strip

_MOST = 200  # rows of a page
_OLDER = 100  # rows by older code


class Line(NamedTuple):
    """A group as a row."""

    group: Group
    cells: list[Any]  # its parameters
    mean: str
    interval: str
    best: str  # the number that its best realization has
    strip: str


def show(asked: Asked) -> Shown:
    """The results of a stage by the code that ran last; those by older code are folded away."""
    store, name = asked.store, asked.path["name"]
    drefs = asked.family(name)
    now = family(name, store=store)
    whole = built(asked.store, name)
    names = whole.metrics if whole else ()
    metric = asked.choice("metric", names or ("",), names[0] if names else "")
    mode: Mode = "min" if asked.choice("best", ("max", "min"), "max") == "min" else "max"
    summary = None if whole is None else _fitting(asked, whole, metric, mode)
    older = _older(asked, set(drefs).difference(now), metric, mode)
    begin = max(0, asked.number("from", 0))
    groups = ranked(summary, mode) if summary else []
    lines = rows_of(groups[begin : begin + _MOST], summary, metric, mode)
    values: dict[str, Any] = {
        "name": name, "metric": metric, "metrics": names, "best": mode, "summary": summary,
        "lines": lines, "axis": axis_of(groups), "older": older, "begin": begin, "most": _MOST,
        "total": len(groups), "derivations": len(drefs), "rejected": _rejected(store, now),
    }  # fmt: skip
    data = {
        "name": name, "metric": metric, "metrics": names, "where": asked.where,
        "groups": groups, "notes": summary.notes() if summary else [], "older": list(older),
    }  # fmt: skip
    command = asked.command(
        "metrics", name, *(["-m", metric] if metric else []),
        *(["--min"] if mode == "min" else []), *asked.where_words,
    )  # fmt: skip
    return Shown("family.html", name, values, data, command)


def built(store: Store, *what: Any, **options: Any) -> Results | None:
    """The results; None when nothing has been built."""
    try:
        return results(*what, store=store, **options)
    except BadStage:
        return None


def _fitting(asked: Asked, whole: Results, metric: str, mode: Mode) -> Summary:
    """The summary of what fits the conditions. Raises BadStage for a bad condition."""
    if not asked.conditions():
        return whole.summary(metric or None, mode=mode)
    names = [metric] if metric else None
    found = results(asked.path["name"], where=asked.where, metrics=names, store=asked.store)
    return found.summary(metric or None, mode=mode)


def _rejected(store: Store, drefs: Sequence[DRef]) -> int:
    """The number of attempts that count nowhere, since their results were rejected."""
    held = store.holdings(drefs).values()
    return sum(made in one.rejected for one in held for made in one.attempts.made)


def _older(asked: Asked, drefs: Iterable[DRef], metric: str, mode: Mode) -> Sequence[Group]:
    """The groups by older code that fit the conditions."""
    where = asked.where or None
    found = built(asked.store, *sorted(drefs), where=where, code="any") if drefs else None
    if found is None:
        return ()
    summary = found.summary(metric if metric in found.metrics else None, mode=mode)
    return [group for group in summary if group.metric in ("", metric)][:_OLDER]


def ranked(summary: Summary, mode: str) -> list[Group]:
    """The groups in the order of their parameters; of too many, the best ones first."""
    groups = list(summary)
    if len(groups) <= _MOST:
        return groups
    sign = -1 if mode == "max" else 1
    return sorted(groups, key=lambda g: sign * g.statistics.mean if g.values else math.inf)


def axis_of(groups: Sequence[Group]) -> tuple[float, float]:
    """The ends of the axis that all strips have."""
    values = [end for g in groups if g.values for end in (g.statistics.min, g.statistics.max)]
    return (min(values), max(values)) if values else (math.nan, math.nan)


def rows_of(groups: Sequence[Group], summary: Summary | None, metric: str, mode: str) -> list[Line]:
    """The groups as rows of a table."""
    places = decimals([group.statistics.std for group in groups])
    low, high = axis_of(groups)
    lines = []
    for group in groups:
        s = group.statistics
        best = "" if not group.best else number(s.min if mode == "min" else s.max)
        told = [cell(group.parameters, name) for name in summary.parameters] if summary else []
        drawn = strip(group.values, low, high) if metric else ""
        mean, span = fixed(s.mean, places), interval(s.low, s.high, places)
        lines.append(Line(group, told, mean, span, best, drawn))
    return lines
