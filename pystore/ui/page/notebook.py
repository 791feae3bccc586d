"""Notebook: the results of a stage in the output of a cell, as the page of the store shows them.

JN1  It needs no server and runs no script, loads nothing, and styles nothing around it.
"""

from ...ask.experiments.results import Results
from ...ask.experiments.summary import Summary
from ...core.dataclasses import dataclass
from ...core.errors import BadMetric, PystoreError
from ...core.extras import needs_extra
from ...core.options import Mode, checked_mode


@dataclass(frozen=True, repr=False)
class Picture:
    """Results of one metric, to be shown in a notebook."""

    html: str
    text: str  # where no HTML is shown

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show(found: Results, metric: str | None = None, *, mode: Mode = "max") -> Picture:
    """The results as a table with the numbers of each row drawn as points, for a notebook.

    `metric` is one of the results; without it, the first. The best is the highest number; with
    `mode="min"`, the lowest. Raises BadMetric when there is no such metric.
    """
    checked_mode(mode)
    metric = metric or next(iter(found.metrics), None)
    if metric is None:
        remedy = "tell one in the stage: build_metric(build, name, number)"
        raise BadMetric("these results have no metric to show", remedy=remedy)
    summary = found.summary(metric, mode=mode)
    return Picture(_html(summary, metric, mode), str(summary))


def _html(summary: Summary, metric: str, mode: Mode) -> str:
    with needs_extra("ui", "a package is missing that shows results", PystoreError):
        from .fragment import fragment  # for weight: Jinja
    return fragment(summary, metric, mode)
