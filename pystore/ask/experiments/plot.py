"""Plots of results; matplotlib is imported when one is drawn."""

from collections.abc import Iterable
from typing import Any

from ...core.errors import BadMetric, PystoreError
from ...core.printable import listed
from .inputs import within
from .results import Results
from .table import brief


def plot_points(
    results: Results, metric: str | None, *, over: str | Iterable[str] = (), axes: Any = None
) -> Any:
    """A column of points for each config, with the mean and its 95 % interval beside it."""
    metric = metric or _only_metric(results)
    summary = results.summary(metric, over=over)
    axes = axes or _new_axes()
    for place, group in enumerate(summary):
        axes.plot([place] * len(group.values), group.values, "o", color="C0", alpha=0.4)
        found = group.statistics
        if found.n:
            reach = [[found.halfwidth]] * 2 if found.n > 1 else None
            axes.errorbar([place + 0.15], [found.mean], yerr=reach, fmt="s", color="C1", capsize=3)
    axes.set_xticks(range(len(summary)))
    given = [
        [brief(group.parameters.get(name)) for name in summary.parameters] for group in summary
    ]
    axes.set_xticklabels(["\n".join(values) for values in given], fontsize="small")
    axes.set_xlabel(", ".join(summary.parameters))
    axes.set_ylabel(metric)
    return axes


def plot_traces(
    results: Results, metric: str, *, over: str | Iterable[str] = (), axes: Any = None
) -> Any:
    """A line for each attempt over its steps, with the colour of its config."""
    pooled = [over] if isinstance(over, str) else list(over)
    lines = []
    for row in results:
        trace = results.store.trace(row.attempt)
        points = [(step, value) for step, name, value in trace if name == metric]
        label = " ".join(
            f"{k}={v}" for k, v in row.parameters.items() if not any(within(k, o) for o in pooled)
        )
        lines += [(label, points)] if points else []
    if not lines:
        raise BadMetric(
            f"no attempt has a trace of {metric!r}",
            remedy="tell it in the stage: build_metric(b, name, value, step=…)",
        )
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


def _only_metric(results: Results) -> str:
    if len(results.metrics) == 1:
        return results.metrics[0]
    raise BadMetric(
        "which metric is to be plotted?",
        there_are=listed(results.metrics) or "none",
        remedy="name it: results(…).plot('accuracy.txt')",
    )


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise PystoreError("matplotlib is not installed", remedy="pip install matplotlib") from None
    return plt.subplots(layout="constrained")[1]
