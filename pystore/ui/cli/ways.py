"""Ways: the texts that choose among realizations, `latest` and `best:METRIC`, as matchers."""

from typing import Any

import click

from ...ask.inspection.short_refs import metric_and_mode
from ...core.matchers import Matcher, match_best, match_latest


class Way(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """`latest`, `best:METRIC`, `best:METRIC:min`."""

    name = "WAY"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Matcher:
        """The matcher that chooses so."""
        if isinstance(value, Matcher):
            return value
        rule, _, metric = str(value).partition(":")
        if value == "latest":
            return match_latest()
        if rule != "best" or not metric:
            self.fail(f"{value!r} is none of latest, best:METRIC, best:METRIC:min", param, ctx)
        name, mode = metric_and_mode(metric)
        return match_best(name, mode=mode)
