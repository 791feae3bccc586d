"""Studies: the trials of a search, as Optuna keeps them, shared by all processes that search.

SX1  A trial that was running when its process was killed is taken over: not lost, and not double.
SX2  A trial is counted once, whoever asked for it; one that failed is not counted.
SX3  A trial of which a result was rejected since does not count: another one is tried in its place,
     and it is not the best.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...core.dataclasses import dataclass, field
from ...core.errors import BadPlace, BadStage
from ...core.options import Mode
from ...core.refs import RRef
from ...store.searches import SearchFolder
from ...store.store import Store
from .pruning import Place

BY = "pystore:by"  # attributes of trials: which process runs it
SAID = "pystore:"  # before the name of what is said of a trial that ended


@dataclass(frozen=True)
class Trial:
    """One trial that this process runs."""

    number: int
    id: int  # in the storage
    values: Mapping[str, Any]  # as Optuna suggests them


@dataclass(frozen=True)
class Ended:
    """How a trial ended: with a value, pruned, or failed."""

    value: float | None = None
    pruned: bool = False
    error: Exception | None = None
    said: Mapping[str, Any] = field(default_factory=dict)  # attributes for the dashboard
    steps: Mapping[int, float] = field(default_factory=dict)  # of a trial that was pruned before


class OpenStudy:
    """A study of Optuna that several processes may work on."""

    def __init__(
        self, folder: SearchFolder, place: Place, mode: Mode, *, sampler: Any, pruner: Any
    ) -> None:
        import optuna

        self._folder, self.place = folder, place
        self._mine: set[int] = set()
        self._exhausted = False  # whether the sampler has no more to suggest
        with _quietly():
            try:
                self.storage = place.storage
                self.study = optuna.create_study(
                    study_name=place.study,
                    storage=self.storage,
                    sampler=sampler,
                    pruner=pruner or optuna.pruners.NopPruner(),  # asked where it trains
                    direction="maximize" if mode == "max" else "minimize",
                    load_if_exists=True,
                )
            except Exception as error:  # of any database
                raise BadPlace(
                    "the study of a search cannot be opened",
                    storage=place.url or place.journal,
                    because=f"{type(error).__name__}: {error}"[:500],
                    remedy="name a database that Optuna can open: storage='sqlite:///search.db'",
                ) from error
        begun = len(self.study.get_trials(deepcopy=False))
        if sampler is None:
            # A new stream for each call: else a search that goes on would suggest the same again.
            self.study.sampler = optuna.samplers.TPESampler(seed=begun)
        elif begun:
            sampler.reseed_rng()
        # A sampler that has suggested all of a grid says so in this way.
        self.study.stop = self._exhaust  # type: ignore[method-assign]  # that of Optuna's own loop

    def _exhaust(self) -> None:
        self._exhausted = True

    def end(self) -> Any:
        """The study, for its user."""
        del self.study.stop
        return self.study

    def next(
        self, trials: int, failed: int, distributions: Mapping[str, Any], rejected: Collection[int]
    ) -> Trial | None:
        """A trial to run, unless there are `trials` with the `failed` ones of this call.

        The trials with the numbers that are `rejected` do not count.
        """
        from optuna.trial import TrialState

        with self._folder.alone():
            known = self.study.get_trials(deepcopy=False)
            running = [t for t in known if t.state == TrialState.RUNNING and BY in t.user_attrs]
            for trial in running:
                if trial.number not in self._mine and self._folder.has_died(trial.user_attrs[BY]):
                    return self._take(trial.number, trial._trial_id, trial.params)
            counted = [t for t in known if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
            ended = sum(t.number not in rejected for t in counted)
            if self._exhausted or ended + len(running) + failed >= trials:
                return None
            asked = self.study.ask(dict(distributions))
            return self._take(asked.number, asked._trial_id, asked.params)

    def _take(self, number: int, identity: int, values: Mapping[str, Any]) -> Trial:
        self._mine.add(number)
        self.storage.set_trial_user_attr(identity, BY, self._folder.by)
        return Trial(number, identity, dict(values))

    def tell(self, trial: Trial, ended: Ended) -> None:
        """Tells Optuna how a trial ended."""
        from optuna.trial import TrialState

        for name, value in ended.said.items():
            self.storage.set_trial_user_attr(trial.id, SAID + name, value)
        for step, value in ended.steps.items():
            self.storage.set_trial_intermediate_value(trial.id, step, value)
        state = TrialState.PRUNED if ended.pruned else TrialState.FAIL if ended.error else None
        with _quietly():
            self.study.tell(trial.number, ended.value, state)


def rejected_trials(study: Any, store: Store) -> frozenset[int]:
    """The numbers of the trials of which a result was rejected since (SX3)."""
    found = set()
    for trial in study.get_trials(deepcopy=False):
        said = trial.user_attrs
        of = [RRef(one) for one in said.get(SAID + "of", filter(None, [said.get(SAID + "rref")]))]
        if of and not store.rejected(of[0].dref).isdisjoint(of):
            found.add(trial.number)
    return frozenset(found)


@contextmanager
def _quietly() -> Iterator[None]:
    """Optuna says nothing of what goes as it should."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def checked(kind: str, given: Any) -> Any:
    """A sampler or a pruner of Optuna, or None. Raises BadStage for anything else."""
    import optuna

    base = {"sampler": optuna.samplers.BaseSampler, "pruner": optuna.pruners.BasePruner}[kind]
    if given is None or isinstance(given, base):
        return given
    raise BadStage(
        f"{kind} is no {kind} of Optuna",
        given=repr(given)[:200],
        remedy=f"write {kind}=optuna.{kind}s.{_EXAMPLES[kind]}",
    )


_EXAMPLES = {"sampler": "TPESampler(seed=0)", "pruner": "MedianPruner()"}
