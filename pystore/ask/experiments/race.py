"""Race: gives attempts only to the configs that may still be the best, until one is."""

from collections.abc import Mapping
from typing import Any

from ...core.dataclasses import dataclass, replace
from ...core.derivation import Closure, Derivation
from ...core.errors import BadMetric, BadStage, BuildsFailed, MayGoBetter, in_one_line
from ...core.options import Mode
from ...core.printable import counted, listed
from ...core.racing import Best, Further, RaceRule
from ...core.refs import DRef, RRef
from ...core.statistics import Statistics
from ...declare.instantiate import declare
from ...declare.metric_names import check_metric
from ...declare.registry import Registry
from ...run.options import RunOptions
from ...run.verbs import executor_for, realize_with
from ...store.current import current_store
from ...store.store import Store
from .numbers import numbers_of
from .table import Table, Tabular, decimals, fixed

_ITS_OWN = ("attempts", "build", "force_rebuild", "keep_going")  # options that mean nothing here


@dataclass(frozen=True, repr=False)
class Race(Tabular):
    """What a race came to; prints as a table. `numbers` are those of all attempts, by config."""

    metric: str
    rule: RaceRule
    numbers: Mapping[str, tuple[float, ...]]  # first to last
    failed: Mapping[str, str]  # why a config has left the race without being worse
    left: tuple[str, ...]  # the configs that may be the best

    @property
    def best(self) -> str | None:
        """The config that is the best, or as good as the best; None if that cannot be told."""
        return self.left[0] if len(self.left) == 1 else None

    @property
    def attempts(self) -> int:
        """How many attempts of all configs have been made, now or earlier."""
        return sum(map(len, self.numbers.values()))

    def table(self) -> Table:
        """The configs as rows."""
        told = {key: Statistics.of(numbers) for key, numbers in self.numbers.items()}
        places = decimals(one.std for one in told.values())
        rows = [
            [key, one.n, *(fixed(x, places) for x in (one.mean, one.std)), self._word(key)]
            for key, one in told.items()
        ]
        return Table.of(["config", "n", "mean", "std", "race"], rows)

    def notes(self) -> list[str]:
        """The lines below the table: who is the best, and who could not take part."""
        return [self._verdict(), *(f"{key} failed: {why}" for key, why in self.failed.items())]

    def _word(self, key: str) -> str:
        if key in self.failed:
            return "failed"
        if key not in self.left:
            return "worse"
        return "best" if self.best else "may be the best"

    def _verdict(self) -> str:
        rule, spent = self.rule, counted(self.attempts, "attempt")
        if self.best is None:
            return (
                f"with {rule.at_most} attempts of each, these cannot be told apart: "
                f"{listed(self.left)}; {spent}"
            )
        return (
            f"{self.best} is the best by its mean {self.metric}, or no more than "
            f"{rule.indifference:g} from it, with {rule.confidence:.0%} confidence; {spent}"
        )


def race(
    configs: Mapping[str, Derivation],
    metric: str,
    *,
    indifference: float,
    confidence: float = 0.95,
    at_most: int | None = None,
    mode: Mode = "max",
    **options: Any,
) -> Race:
    """Which of several configs has the best mean of a metric, by as few attempts as that takes.

    `configs` is a dict of derivations, such as `sweep` and `sample` give. Each gets five attempts.
    Then further ones go only to those that may still be the best, until one is left, or until the
    means of those left are known so well that a difference of `indifference` would have shown.
    The config that is named is worse than the best by more than `indifference` in at most 1 -
    `confidence` of races. With `at_most` attempts of each, a race may end with several left.

    What the store has counts: the race goes on after a kill, and costs nothing when run again. A
    config of which an attempt fails, or has no such number, leaves the race; it is named below the
    table. `options` are those of `realize`, such as `workers`, `executor`, `retries`, `stop`.

    Raises BadStage for options that mean nothing, BadMetric when no config has the metric, and the
    error of the attempts when all configs have failed.
    """
    rule = RaceRule(_checked(configs, options), indifference, confidence, at_most, mode)
    given = RunOptions(**{**options, "store": current_store(options.get("store"))})
    store: Any = given.store
    known: dict[str, set[str]] = {}
    for derivation in configs.values():
        check_metric("race", derivation, metric, store, known, where="the call")
    closure = declare(dict(configs), Registry(), store)
    with executor_for(closure, given) as executor:
        # The workers stay for the whole race.
        given = replace(given, keep_going=True, executor=executor, workers=None, gpus=None)
        return _Racing(rule, configs, metric, store, given, options.get("workers") or 1).run()


class _Racing:
    """A race that goes on."""

    def __init__(
        self,
        rule: RaceRule,
        configs: Mapping[str, Derivation],
        metric: str,
        store: Store,
        options: RunOptions,
        workers: int,
    ) -> None:
        self._rule, self._configs, self._metric = rule, configs, metric
        self._store, self._options, self._workers = store, options, workers
        self._numbers: dict[str, tuple[float, ...]] = {}
        self._failed: dict[str, Exception] = {}

    def run(self) -> Race:
        """Realizes attempts until the rule has its answer."""
        standing: Any = Further(1, tuple(self._configs), tuple(self._configs))
        while isinstance(standing, Further):
            self._realize(standing)
            standing = self._rule.standing(
                {key: told for key, told in self._numbers.items() if key not in self._failed}
            )
        left = (standing.key,) if isinstance(standing, Best) else standing.left
        return Race(
            self._metric,
            self._rule,
            {key: self._numbers.get(key, ()) for key in self._configs},
            {key: in_one_line(str(error)) for key, error in self._failed.items()},
            left,
        )

    def _realize(self, further: Further) -> None:
        """Makes the attempts that are needed, and takes their numbers."""
        # Workers that would have nothing to do take attempts that will be needed soon, or never.
        spare = max(1, self._workers // len(further.of)) - 1 if self._numbers else 0
        count = min(further.attempts + spare, self._rule.at_most or further.attempts + spare)
        of = {key: self._configs[key] for key in further.of}
        while of:
            try:
                _, chosen = realize_with("race", of, replace(self._options, attempts=count))
                break
            except MayGoBetter as error:
                self._let_go(of, error)
        for key, derivation in of.items():
            self._take(key, chosen[derivation.dref][0])
        self._check_left()

    def _take(self, key: str, rref: RRef) -> None:
        context = self._store.context(rref).digest
        try:
            told = numbers_of(self._configs[key].dref, context, self._metric, self._store)
        except BadMetric as error:
            self._failed[key] = error
        else:
            self._numbers[key] = tuple(told)

    def _let_go(self, of: dict[str, Derivation], error: MayGoBetter) -> None:
        """Takes the configs out whose attempts, or whose inputs, have failed."""
        errors = error.errors if isinstance(error, BuildsFailed) else {str(error.dref): error}
        if strange := [one for one in errors.values() if not isinstance(one, MayGoBetter)]:
            raise strange[0]
        failed = {key: why for key, d in of.items() if (why := self._why(d, errors)) is not None}
        if not failed:
            raise error
        for key, why in failed.items():
            self._failed[key] = why
            del of[key]
        if not of:
            self._check_left()

    def _why(self, derivation: Derivation, errors: Mapping[str, Any]) -> Exception | None:
        closure: Closure = declare(derivation, Registry(), self._store)
        return next((errors[dref] for dref in map(str, closure) if dref in errors), None)

    def _check_left(self) -> None:
        if self._failed.keys() == self._configs.keys():
            raise next(iter(self._failed.values()))


def _checked(configs: object, options: Mapping[str, Any]) -> int:
    """The number of configs. Raises BadStage unless they, and the options, can make a race."""
    if not isinstance(configs, Mapping) or len(configs) < 2:
        raise BadStage(
            "a race takes a dict of two derivations or more",
            given=repr(configs)[:200],
            remedy="write race(sweep(train, width=[16, 64]), …)",
        )
    drefs: dict[DRef, str] = {}
    for key, derivation in configs.items():
        if not isinstance(derivation, Derivation):
            raise BadStage(
                f"{key} is no derivation", given=repr(derivation)[:200], remedy="call the stage"
            )
        if drefs.setdefault(derivation.dref, key) != key:
            raise BadStage(
                "two configs of a race are one derivation",
                dref=derivation.dref,
                keys=f"{drefs[derivation.dref]}, {key}",
                remedy="leave one out: they can never be told apart",
            )
    if own := [name for name in options if name in _ITS_OWN]:
        raise BadStage(
            f"race says itself how often it builds, and takes no {listed(own)}",
            remedy="leave it out; at_most limits the attempts of each config",
        )
    return len(configs)
