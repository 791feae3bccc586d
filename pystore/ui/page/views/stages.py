"""Stages: a row for each stage of the store."""

from ....ask.inspection.stages import list_stages
from ..asked import Asked, Shown


def show(asked: Asked) -> Shown:
    """The table of stages; with conditions, of what fits them."""
    rows = list_stages(asked.store, asked.where or None)
    command = asked.command("log", *asked.where_words) if asked.where else "pystore ls"
    data = {"where": asked.where, "stages": rows}
    return Shown("stages.html", "Stages", {"rows": rows}, data, command)
