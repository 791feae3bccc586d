"""Plots of results. Importing matplotlib takes long, so only a plot imports it."""

from collections.abc import Iterable
from typing import Any

from ...core.errors import PystoreError
from .summary import Summary
from .table import brief

Line = tuple[str, list[tuple[int, float]]]
"""A label, and the points of one attempt: step and value."""


def plot_points(summary: Summary, axes: Any = None) -> Any:
    """A column of points for each group, with the mean and its 95 % interval beside it."""
    axes = axes or _new_axes()
    for place, group in enumerate(summary):
        axes.plot([place] * len(group.values), group.values, "o", color="C0", alpha=0.4)
        found = group.statistics
        if found.n:
            reach = [[found.halfwidth]] * 2 if found.n > 1 else None
            axes.errorbar([place + 0.15], [found.mean], yerr=reach, fmt="s", color="C1", capsize=3)
    axes.set_xticks(range(len(summary)))
    given = [[brief(group.parameters.get(n)) for n in summary.parameters] for group in summary]
    axes.set_xticklabels(["\n".join(values) for values in given], fontsize="small")
    axes.set_xlabel(", ".join(summary.parameters))
    axes.set_ylabel(summary[0].metric)
    return axes


def plot_lines(lines: Iterable[Line], metric: str, axes: Any = None) -> Any:
    """A line for each attempt over its steps, with one colour for each label."""
    axes = axes or _new_axes()
    colours: dict[str, str] = {}
    for label, points in lines:
        first = label not in colours
        colour = colours.setdefault(label, f"C{len(colours) % 10}")
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=colour, alpha=0.7, label=label if first and label else None)
    axes.set_xlabel("step")
    axes.set_ylabel(metric)
    if any(colours):
        axes.legend(fontsize="small")
    return axes


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise PystoreError("matplotlib is not installed", remedy="pip install matplotlib") from None
    return plt.subplots(layout="constrained")[1]
