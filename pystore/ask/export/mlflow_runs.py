"""MLflow runs: attempts as runs of an experiment, found again by a tag with the attempt's id.

EM1  A second export adds no run twice; it brings notes and tags up to date, and marks the runs of
     results that were rejected since.
EM2  A run that an export has begun and not ended, since it was killed, is replaced.
EM3  Nothing is written before all that is needed has answered: package, server, experiments.
"""

import logging
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

from ...core.errors import BadPlace
from ...core.options import Scope
from ...declare.recorder import store_was_read
from ...store.current import current_store
from ...store.store import Store
from ..experiments.table import named_apart
from ..finding.conditions import Where
from .ended import Ended, Told, ended
from .exported import Exported

_ID = "pystore.attempt"
_REJECTED = "pystore.rejected"
_STATUS = {
    "succeeded": "FINISHED",
    "stopped": "KILLED",
    "pruned": "KILLED",
}  # any other outcome is FAILED
_LONGEST_NAME = 250  # [characters] that MLflow takes
_LONGEST_VALUE = 5000  # [characters] of a parameter or a tag
_METRICS, _PARAMETERS = 1000, 100  # of one request
_PATIENCE = 10  # [s] until a server must have answered


def export_mlflow(
    what: Any,
    uri: str,
    *,
    where: Where | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Exported:
    """Adds the attempts of stages, names or derivations to MLflow as runs.

    `uri` is the tracking URI: that of a server, or `sqlite:///mlflow.db`. Runs stand in an
    experiment that is named like the stage. Each has all parameters of its attempt, those of inputs
    too, its metrics over their steps, the times of its start and end, and tags: reference, host,
    seed, outcome, tags and notes. Files are not sent. Runs of an earlier export are found by the
    id of the attempt, and get the tags and notes of now; where the result was rejected since, the
    tag `pystore.rejected` says why. Needs mlflow or mlflow-skinny. `what`, `where` and `code` are
    those of `results`.

    Raises BadStage when there is nothing to show; BadPlace without mlflow, or where the server
    does not answer or refuses.
    """
    store_was_read()
    found = ended(what, code, current_store(store), where)
    client_of = _client_maker()
    _check_answers(uri)
    with _refusals(uri):
        client = client_of(tracking_uri=uri)
        experiments = _experiments(client, uri, found)
        known = _runs(client, experiments.values())
        fresh = [one for one in found if not _is_whole(known.get(one.attempt.id))]
        _make_up_to_date(client, found, known)
        rejected = _mark_rejected(client, found, known)
        for one in fresh:
            if begun := known.get(one.attempt.id):
                client.delete_run(begun.info.run_id)  # it was not ended (EM2)
            with redirect_stdout(StringIO()):  # MLflow prints two lines a run
                _add(client, experiments[one.attempt.dref.name], one)
    left = len(found.several) - len(fresh)
    return Exported(uri, len(fresh), left, found.unfinished, found.left_out, rejected)


def _client_maker() -> Any:
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise BadPlace(
            "an export to MLflow needs the package mlflow-skinny, or mlflow",
            remedy="pip install 'pystore-stages[mlflow]'",
        ) from None
    return MlflowClient


def _check_answers(uri: str) -> None:
    """Raises BadPlace if no server answers: MLflow itself would try for minutes."""
    if not uri.startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(uri, timeout=_PATIENCE, stream=True).close()
    except requests.RequestException as error:
        raise BadPlace(
            "no MLflow server answers",
            url=uri,
            because=type(error).__name__,
            remedy="start it: mlflow server; or name a file: sqlite:///mlflow.db",
        ) from None


@contextmanager
def _refusals(uri: str) -> Iterator[None]:
    """Raises BadPlace for what MLflow refuses, or for a package that its store lacks."""
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    try:
        yield
    except (MlflowException, ImportError) as error:
        raise BadPlace(
            "MLflow refuses",
            url=uri,
            because=str(error)[:1000],
            remedy="look at the reason; the same call goes on where this one has ended",
        ) from None


def _experiments(client: Any, uri: str, found: Ended) -> Mapping[str, str]:
    """The ids of the experiments by the names of stages; those that are missing are made."""
    there = {name: client.get_experiment_by_name(name) for name in found.names()}
    for name, one in there.items():
        if one is not None and one.lifecycle_stage == "deleted":
            raise BadPlace(
                "the experiment was deleted in MLflow",
                url=uri,
                experiment=name,
                remedy=f"mlflow experiments restore --experiment-id {one.experiment_id}",
            )
    return {
        name: client.create_experiment(name) if one is None else one.experiment_id
        for name, one in there.items()
    }


def _runs(client: Any, experiments: Iterable[str]) -> dict[str, Any]:
    """The runs of earlier exports by the id of their attempt."""
    found: dict[str, Any] = {}
    page: Any = None
    while page is None or page.token:
        token = page.token if page is not None else None
        page = client.search_runs([*experiments], max_results=1000, page_token=token)
        for run in page:
            attempt = run.data.tags.get(_ID)
            if attempt is not None and not _is_whole(found.get(attempt)):
                found[attempt] = run
    return found


def _is_whole(run: Any) -> bool:
    return run is not None and run.info.status != "RUNNING"


def _make_up_to_date(client: Any, found: Ended, known: Mapping[str, Any]) -> None:
    """Brings the notes and tags of runs up to date (EM1)."""
    for one in found:
        run = known.get(one.attempt.id)
        if run is None or not _is_whole(run):
            continue
        for name, text in _noted(one).items():
            if run.data.tags.get(name, "") != text:
                client.set_tag(run.info.run_id, name, text)


def _mark_rejected(client: Any, found: Ended, known: Mapping[str, Any]) -> int:
    """Says in the tags of runs why their results were rejected; returns how many these are."""
    runs = {id_: known[id_] for id_ in found.rejected if _is_whole(known.get(id_))}
    for id_, run in runs.items():
        if _REJECTED not in run.data.tags:
            client.set_tag(run.info.run_id, _REJECTED, _cut(found.rejected[id_]))
    return len(runs)


def _add(client: Any, experiment: str, one: Told) -> None:
    from mlflow.entities import Metric, Param

    attempt = one.attempt
    # The times of single steps are not known.
    start, stop = attempt.start // 10**6, attempt.stop // 10**6
    label = f"{attempt.dref.name}-{attempt.number}"
    run = client.create_run(experiment, start_time=start, tags=_tags(one), run_name=label).info
    points = one.points()
    metrics = _named({name for _, name, _ in points})
    told = [Metric(metrics[name], value, stop, step) for step, name, value in points]
    for at in range(0, len(told), _METRICS):
        client.log_batch(run.run_id, metrics=told[at : at + _METRICS])
    names = _named(one.parameters)
    given = [Param(names[name], _cut(str(value))) for name, value in one.parameters.items()]
    for at in range(0, len(given), _PARAMETERS):
        client.log_batch(run.run_id, params=given[at : at + _PARAMETERS])
    client.set_terminated(run.run_id, _STATUS.get(attempt.outcome, "FAILED"), end_time=stop)


def _tags(one: Told) -> dict[str, str]:
    attempt = one.attempt
    told = {
        _ID: attempt.id,
        "pystore.reference": one.reference,
        "pystore.dref": str(attempt.dref),
        "pystore.number": str(attempt.number),
        "pystore.outcome": attempt.outcome,
        "pystore.error": attempt.error or "",
        "pystore.host": attempt.host,
        "pystore.seed": str(attempt.seed),
        "mlflow.note.content": one.notes,  # MLflow shows it as the description
        "mlflow.source.git.commit": attempt.versions.get("git", ""),
        **_noted(one),
    }
    return {name: _cut(text) for name, text in told.items() if text}


def _noted(one: Told) -> dict[str, str]:
    return {"pystore.tags": _cut(one.tags), "pystore.notes": _cut(one.notes)}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _named(names: Iterable[str]) -> dict[str, str]:
    """The names as MLflow takes them; two that would be one are told apart."""
    given = sorted(names)
    return dict(zip(given, named_apart(map(_fitting, given), (), "other"), strict=True))


def _fitting(name: str) -> str:
    """The name with _ for each character that MLflow refuses, and no path that leads elsewhere."""
    fitting = re.sub(r"[^\w.:/ -]", "_", name, flags=re.ASCII)[: _LONGEST_NAME - 30]
    leads = posixpath.normpath(fitting) != fitting or fitting.startswith(("/", "."))
    return fitting.replace("/", "_").replace(".", "_") or "_" if leads else fitting
