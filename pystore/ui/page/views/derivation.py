"""Derivation: why it is new, its config, what is chosen now, its attempts and their traces."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ....ask.experiments.results import results
from ....ask.experiments.summary import Group
from ....ask.experiments.thinned import lines_of
from ....ask.finding.attempts import Found, Wanted, find
from ....ask.inspection.attempts import NotedAttempt, with_notes
from ....ask.inspection.choices import choices
from ....ask.planning.explanation import Explanation, HistoryExplainer
from ....core.errors import BadStage, Corrupted, NotInStore
from ....core.note import tags_among
from ....core.refs import DRef
from ....store.notes import notes_of
from ....store.pins import pins
from ....store.store import Store
from ..asked import Asked, Shown
from ..strips import strip

_MOST = 100  # attempts in the table
_COLUMNS = 8  # metrics in that table


class Measured(NamedTuple):
    """The values of a metric."""

    group: Group
    strip: str


def show(asked: Asked) -> Shown:
    """A derivation."""
    store, dref = asked.store, asked.ref(asked.path["ref"]).dref
    config = store.config(dref)
    found = find([dref], store, Wanted(asked.where or None), _MOST)
    attempts = with_notes(found.attempts(store), store)
    measured, noted = _measured(asked, dref), notes_of(store, dref)
    pinned = {name: rref for name, rref in pins(store).items() if rref.dref == dref}
    told, names = _traced(found, attempts), found.values.metrics()
    values: dict[str, Any] = {
        "dref": dref, "config": json.dumps(config.value, indent=1, ensure_ascii=False),
        "inputs": config.inputs, "explained": _explained(dref, store), "pinned": pinned,
        "choices": choices(dref, store), "attempts": attempts, "total": found.total,
        "columns": names[:_COLUMNS], "hidden": len(names[_COLUMNS:]),
        "measured": measured, "traced": told,
        "noted": [note for note in noted if note.text], "tagged": tags_among(noted),
    }  # fmt: skip
    data = {
        "dref": dref, "name": dref.name, "config": config.value, "inputs": config.inputs,
        "explanation": values["explained"], "choices": values["choices"], "pins": pinned,
        "attempts": attempts, "total": found.total, "groups": [one.group for one in measured],
        "noted": noted, "traced": told,
    }  # fmt: skip
    command = asked.command("show", dref)
    if asked.where:
        command = asked.command("log", dref, *asked.where_words)
    return Shown("derivation.html", dref.name, values, data, command)


def _explained(dref: DRef, store: Store) -> Explanation | None:
    try:
        return HistoryExplainer(store).explanation(dref)
    except (NotInStore, Corrupted):  # it, or an input, was removed or damaged
        return None


def _measured(asked: Asked, dref: DRef) -> list[Measured]:
    """The distribution of each metric."""
    try:
        found = results(dref, where=asked.where or None, code="any", store=asked.store)
    except BadStage:
        if asked.conditions():
            raise
        return []  # nothing has been built
    rows = []
    for group in found.summary():
        if group.metric and group.values:
            ends = min(group.values), max(group.values)
            rows.append(Measured(group, strip(group.values, *ends)))
    return rows


def _traced(found: Found, attempts: Sequence[NotedAttempt]) -> list[str]:
    """The names of the metrics that these attempts told at steps."""
    told = (one.attempt.extremes or () for one in attempts)
    names = {name for extremes in told for name in extremes}
    running = any(one.attempt.outcome in ("running", "died") for one in attempts)
    return sorted(names | set(found.values.metrics() if running else ()))


def traces(asked: Asked) -> Shown:
    """The traces of one metric, of the newest attempts, as JSON for a drawing."""
    store, dref = asked.store, asked.ref(asked.path["ref"]).dref
    store.config(dref)
    metric = asked.query.get("metric", "")
    found = find([dref], store, Wanted(asked.where or None), _MOST).attempts(store)
    told = {"dref": dref, "metric": metric, "lines": lines_of(found, metric, store)}
    return Shown("", metric, {}, told)
