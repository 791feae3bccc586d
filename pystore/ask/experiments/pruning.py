"""Pruning: the question of a realizer whether to go on, which Optuna answers where it runs.

Processes that train open the study themselves: where it is kept travels with the job.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ...core.attempt import Trace
from ...core.dataclasses import dataclass
from ...core.errors import BadMetric
from ...core.printable import listed
from ...store.searches import JournalLock


@dataclass(frozen=True)
class Place:
    """Where a study is kept: the URL of a database, or the path of a journal."""

    study: str
    url: str | None
    journal: str

    @property
    def storage(self) -> Any:
        """The storage of Optuna, opened once in a process."""
        return _opened(self.url, self.journal)


@lru_cache(8)
def _opened(url: str | None, journal: str) -> Any:
    from optuna.storages import RDBStorage

    if url is not None:
        return RDBStorage(url)
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    return JournalStorage(JournalFileBackend(journal, JournalLock(journal)))  # type: ignore[arg-type]  # it has its methods


@dataclass
class Pruning:
    """Tells Optuna the metric of one trial as an attempt tells it, and asks its pruner."""

    place: Place
    trial: int  # the id of the trial in its storage
    metric: str
    pruner: Any
    seen: int = 0  # entries of the trace that Optuna knows

    def __call__(self, told: Trace) -> Mapping[str, Any] | None:
        """Why the attempt is pruned; None if it may go on.

        Raises BadMetric when the metric has not been told at a step yet.
        """
        new = {step: value for step, name, value in told[self.seen :] if name == self.metric}
        if not new and not self.seen:
            raise BadMetric(
                f"the pruner goes by {self.metric!r}, and that has not been told at a step",
                told=listed(sorted({name for _, name, _ in told})) or "nothing",
                remedy=f"build_metric(b, {self.metric!r}, value, step=…) before build_should_stop; "
                "or name another metric: search(…, prune_by='val_loss')",
            )
        if not new:
            return None
        self.seen = len(told)
        for step, value in new.items():
            self.place.storage.set_trial_intermediate_value(self.trial, step, value)
        if not self._prunes():
            return None
        step = max(new)
        return {"metric": self.metric, "step": step, "value": new[step]}

    def _prunes(self) -> bool:
        import optuna

        study = optuna.load_study(
            study_name=self.place.study,
            storage=self.place.storage,
            sampler=optuna.samplers.RandomSampler(),
            pruner=self.pruner,
        )
        return bool(study.pruner.prune(study, self.place.storage.get_trial(self.trial)))
