"""Fragment: a summary of results as a part of a page that is not ours."""

from ...ask.experiments.summary import Summary
from ...core.options import Mode
from .templating import template
from .views.family import axis_of, ranked, rows_of

_MOST = 100  # rows


def fragment(summary: Summary, metric: str, mode: Mode) -> str:
    """The table of a summary of one metric, with styles that are for it alone."""
    groups = ranked(summary, mode)
    return template("notebook.html").render(
        metric=metric,
        summary=summary,
        axis=axis_of(groups),
        lines=rows_of(groups[:_MOST], summary, metric, mode),
        left_out=len(groups[_MOST:]),
    )
