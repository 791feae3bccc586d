"""Search: trains with parameters that Optuna suggests; each trial is a realization.

TZ1  What the store has is not trained again: neither a known result, nor what was pruned.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...core.dataclasses import dataclass, replace
from ...core.errors import BadStage, PystoreError
from ...core.options import Mode, checked_count, checked_mode
from ...core.printable import counted, listed
from ...core.refs import RRef
from ...declare.instantiate import declare
from ...declare.metric_names import check_metric
from ...declare.registry import Registry
from ...run.options import RunOptions
from ...run.verbs import executor_for
from ...store.current import current_store
from ...store.searches import SearchFolder
from ...store.store import Store
from .pruning import Place
from .search_space import SearchSpace
from .studies import SAID, OpenStudy, checked, rejected_trials
from .table import Table, Tabular, interval
from .trials import Trials, Wanted

_ITS_OWN = ("build", "force_rebuild")  # options that mean nothing here


@dataclass(frozen=True, repr=False)
class Search(Tabular):
    """A search and its trials; prints as a table. `study` is Optuna's own, with all trials.

    A trial of which a result was rejected is shown as such, and is not the best; Optuna's study
    goes on counting it.
    """

    metric: str
    mode: Mode
    study: Any
    space: SearchSpace
    store: Store

    @property
    def best(self) -> RRef:
        """The realization of the best trial. Raises BadStage when none has ended with a number."""
        return RRef(self._best.user_attrs[SAID + "rref"])

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the best trial that were searched. Raises BadStage as `best` does."""
        return self.space.parameters(self._best.params)

    @property
    def _best(self) -> Any:
        from optuna.trial import TrialState

        rejected = rejected_trials(self.study, self.store)
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        left = [trial for trial in trials if trial.number not in rejected]
        if not left:
            but = f"; {counted(len(trials), 'trial')} rejected" if trials else ""
            raise BadStage(
                f"no trial has ended with a number that counts{but}",
                remedy="print the search, to see why; search again to try others",
            )
        sign = 1 if self.mode == "max" else -1
        return max(left, key=lambda trial: (sign * trial.value, -trial.number))

    def table(self) -> Table:
        """The trials as rows."""
        trials = self.study.get_trials(deepcopy=False)
        names = sorted(self.space.distributions)
        rejected = rejected_trials(self.study, self.store)
        ranges = any(SAID + "low" in t.user_attrs for t in trials)
        rows = [
            [
                t.number,
                "rejected" if t.number in rejected else t.state.name.lower(),
                *(t.params.get(name) for name in names),
                t.value if t.state.name == "COMPLETE" else None,
                *([_range(t.user_attrs)] if ranges else []),
                (t.user_attrs.get(SAID + "rref") or "")[:13],
            ]
            for t in trials
        ]
        told = [self.metric, *(["95%"] if ranges else []), "rref"]
        return Table.of(["trial", "state", *names, *told], rows)

    def notes(self) -> list[str]:
        """The line below the table: the best trial."""
        try:
            best = self._best
        except BadStage as error:
            return [error.what]
        shown = listed(f"{name}={value!r}" for name, value in sorted(self.parameters.items()))
        of = counted(len(self.study.get_trials(deepcopy=False)), "trial")
        return [f"the best of {of} is trial {best.number}: {shown}, {self.metric} {best.value:.6g}"]


def _range(said: Mapping[str, Any]) -> str:
    low, high = said.get(SAID + "low"), said.get(SAID + "high")
    return "" if low is None or high is None else interval(low, high, 4)


def search(
    stage: Callable[..., Any],
    space: Mapping[str, Any],
    metric: str,
    *,
    trials: int,
    mode: Mode = "max",
    attempts: int = 1,
    sampler: Any = None,
    pruner: Any = None,
    prune_by: str | None = None,
    storage: str | None = None,
    at_once: int | None = None,
    **options: Any,
) -> Search:
    """Trains a stage with the parameters that Optuna suggests, until there are so many trials.

    `space` gives each parameter that is searched a range: `uniform`, `loguniform`, `randint` or
    `choice`, or a distribution of Optuna; any other value is the same in all trials. Each trial is
    a realization: what the store has is not trained again. With `attempts`, each trial has so many,
    and Optuna is told their mean.

    The study is kept in the store, or in the database at the URL `storage`. A search that was
    killed goes on, also with the trials that were running. It is the same study as long as the
    code, the space, the metric, the mode and `attempts` are; several processes may work on it.

    `sampler` and `pruner` are Optuna's (default: TPESampler, and nothing is pruned). A realizer
    asks the pruner with `build_should_stop`. It goes by `metric`, or by `prune_by`, as told over
    its steps. Of several attempts of a trial, the first is pruned, or none.

    `at_once` is how many trials run at one time (default: `workers`, or 1). Other options are those
    of `realize`. After a failed trial nothing more is started, and its error is raised, unless
    with `keep_going`; then the next one is tried.

    Raises PystoreError without Optuna, BadStage for a space or an option that means nothing,
    BadMetric for a metric that no attempt tells, BadPlace for a storage that cannot be opened.
    """
    _need_optuna()
    wanted = Wanted(checked_count("trials", trials), checked_count("attempts", attempts), metric)
    checked_mode(mode)
    given = RunOptions(**{**options, "store": current_store(options.get("store"))})
    if own := [name for name in options if name in _ITS_OWN]:
        raise BadStage(f"search takes no {listed(own)}", remedy="leave it out")
    many = checked_count("at_once", at_once if at_once is not None else (given.workers or 1))
    sampler, pruner = checked("sampler", sampler), checked("pruner", pruner)
    searched, store = SearchSpace(stage, space), _store(given)
    closure = declare(list(searched.probes), Registry(), store)
    check_metric("search", searched.probes[0], metric, store, {}, where="the call")
    name = wanted.name(searched, mode)
    folder = SearchFolder(store, name)
    place = Place(name, storage, folder.journal)
    if storage is None:
        folder.make_journal()
    study = OpenStudy(folder, place, mode, sampler=sampler, pruner=pruner)
    with folder.at_work(), executor_for(closure, given) as executor:
        given = replace(given, executor=executor, workers=None, gpus=None)
        wanted = replace(wanted, pruner=pruner, prune_by=prune_by or metric)
        Trials(wanted, searched, study, given, rejected_trials(study.study, store)).run(many)
    return Search(metric, mode, study.end(), searched, store)


def _store(given: RunOptions) -> Store:
    if isinstance(given.store, Store):
        return given.store
    raise BadStage(
        "a search needs a store on a disk", given=repr(given.store), remedy="use Store(path)"
    )


def _need_optuna() -> None:
    try:
        import optuna  # noqa: F401 - only whether it is there
    except ImportError:
        raise PystoreError(
            "search needs Optuna, and it is not installed",
            remedy="pip install 'pystore-stages[search]'",
        ) from None
