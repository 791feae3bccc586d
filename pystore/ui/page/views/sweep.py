"""Sweep: a metric over a parameter, and which parameters matter."""

import math
from collections.abc import Sequence
from typing import Any

from ....ask.experiments.cells import Cell, axes, cells
from ....ask.experiments.importance import Importance, importances
from ....ask.experiments.results import results
from ....ask.experiments.summary import Summary
from ....core.dataclasses import replace
from ....core.options import Mode
from ....core.statistics import Statistics
from ..asked import Asked, Shown
from ..scales import Scale
from .family import built

SERIES = 8  # colours, and shapes
LINES = 200  # of the parallel coordinates
NONE = "(none)"

Drawn = dict[str, Any]


def show(asked: Asked) -> Shown:
    """The sweep of one stage."""
    name = asked.path["name"]
    asked.family(name)
    asked.conditions()
    found = built(asked.store, name)
    if found and asked.where:
        found = results(name, where=asked.where, store=asked.store)
    metrics = found.metrics if found else ()
    values: dict[str, Any] = {"name": name, "metrics": metrics, "plain": "", "x": None}
    command = asked.command("metrics", name, *asked.where_words)
    if not found or not metrics:
        told = "No attempt fits these conditions." if asked.where else "There is no metric yet."
        values["plain"] = told
        return Shown("sweep.html", f"Sweep of {name}", values, {"metrics": []}, command)
    metric = asked.choice("metric", metrics, metrics[0])
    modes: Sequence[Mode] = ("max", "min")
    mode: Mode = "min" if asked.choice("best", modes, "max") == "min" else "max"
    over = [one for one in found.parameters if one.rpartition(".")[2] == "seed"]
    summary = found.summary(metric, over=over, mode=mode)
    options = [word for one in over for word in ("--over", one)]
    options += [*(["--min"] if mode == "min" else []), *asked.where_words]
    command = asked.command("metrics", name, "-m", metric, *options)
    values |= {"metric": metric, "mode": mode, "over": over, "parameters": summary.parameters}
    if not summary.parameters:
        values["plain"] = "All attempts have the same parameters: there is nothing to compare."
        return Shown("sweep.html", f"Sweep of {name}", values, {"metric": metric}, command)
    shares = importances(summary)
    first, second = axes(summary, shares, SERIES)
    x = asked.choice("x", summary.parameters, first)
    others = [one.parameter for one in shares if one.parameter != x]
    by = asked.choice("by", [*others, NONE], second if second in others else NONE)
    shown, left_out = _few(cells(summary, x, None if by == NONE else by))
    picked = summary.picked()
    values |= {
        "x": x, "by": by, "others": others, "without": NONE, "cells": shown, "left_out": left_out,
        "chart": _chart(shown), "importance": shares, "picked": picked,
        "notes": summary.notes()[bool(picked):], "coordinates": _coordinates(summary, shares, mode),
    }  # fmt: skip
    data = {
        "metric": metric, "mode": mode, "x": x, "by": by, "over": over, "cells": shown,
        "importance": shares, "notes": summary.notes(),
        "best": picked and {"parameters": dict(picked[0].parameters), "mean": picked[1].mean,
                            "corrected": picked[1].corrected},
    }  # fmt: skip
    return Shown("sweep.html", f"Sweep of {name}", values, data, command)


def _few(found: list[Cell]) -> tuple[list[Cell], int]:
    """The cells of as many series as are drawn, from left to right, and how many are left out."""
    names = sorted({one.by for one in found}, key=_size)
    scale = Scale.of(one.x for one in found)
    kept = [one for one in found if one.by in names[:SERIES]]
    return sorted(kept, key=lambda one: (names.index(one.by), scale.at(one.x))), len(names[SERIES:])


def _size(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return math.inf, text


# --- drawing ---------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, BELOW = 720, 320, 72, 34


def _chart(found: Sequence[Cell]) -> Drawn:
    """The places of points, intervals, lines and ticks."""
    xs = Scale.of((one.x for one in found), margin=0.04)
    ends = [x for one in found for x in (*_ends(one.statistics), one.statistics.mean)]
    ys = replace(Scale.of(ends, margin=0.05, may_be_log=False), values=())
    names = list(dict.fromkeys(one.by for one in found))
    series = []
    for place, name in enumerate(names):
        apart = (place - (len(names) - 1) / 2) * 5  # so that intervals do not hide each other
        points = [_point(one, xs, ys, apart) for one in found if one.by == name]
        line = " ".join(f"{p['x']:.1f},{p['y']:.1f}" for p in points)
        series.append({"name": name, "points": points, "line": "" if xs.categories else line})
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "bottom": HEIGHT - BELOW,
        "series": series, "is_log": xs.is_log,
        "x_ticks": [(_across(at), text) for at, text in xs.ticks],
        "y_ticks": [(_up(at), text) for at, text in ys.ticks],
    }  # fmt: skip


def _ends(told: Statistics) -> tuple[float, float]:
    return (told.low, told.high) if math.isfinite(told.low) else (told.mean, told.mean)


def _point(one: Cell, xs: Scale, ys: Scale, apart: float) -> Drawn:
    low, high = _ends(one.statistics)
    return {
        "x": _across(xs.at(one.x)) + apart, "y": _up(ys.at(one.statistics.mean)),
        "low": _up(ys.at(low)), "high": _up(ys.at(high)),
    }  # fmt: skip


def _across(at: float) -> float:
    return LEFT + at * (WIDTH - LEFT - 12)


def _up(at: float) -> float:
    return (HEIGHT - BELOW) - at * (HEIGHT - BELOW - 12)


def _coordinates(summary: Summary, shares: Sequence[Importance], mode: Mode) -> Drawn:
    """Parallel coordinates: an axis for each parameter and for the metric, a line for each row."""
    groups = sorted(
        (group for group in summary if group.values),
        key=lambda group: group.statistics.mean,
        reverse=mode == "max",
    )
    best = math.ceil(len(groups) / 10)
    step = math.ceil(max(0, len(groups) - best) / LINES) or 1
    kept = [*groups[:best][:LINES], *groups[best::step]]
    names = [one.parameter for one in reversed(shares[:7])]
    columns: dict[str, list[Any]] = {n: [g.parameters.get(n) for g in kept] for n in names}
    columns |= {"": [group.statistics.mean for group in kept]}
    scales = [Scale.of(c, margin=0 if n else 0.02, may_be_log=bool(n)) for n, c in columns.items()]
    places = [60 + at * (WIDTH - 120) / max(1, len(scales) - 1) for at in range(len(scales))]
    axes = [
        {"name": name, "x": x, "is_log": scale.is_log,
         "ticks": [(_up(at), text) for at, text in scale.ticks]}
        for name, x, scale in zip(columns, places, scales, strict=True)
    ]  # fmt: skip
    lines = [
        " ".join(f"{x:.0f},{_up(s.at(v)):.1f}" for x, s, v in zip(places, scales, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    return {
        "width": WIDTH, "height": HEIGHT + 24, "top": 12, "bottom": HEIGHT - BELOW, "axes": axes,
        "best": lines[:best], "rest": lines[best:], "of": len(groups),
    }  # fmt: skip
