"""Values: what a name in a condition or a column means: a parameter, a metric, or a fact."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...core.attempt_columns import AttemptColumns
from ...core.config import Config
from ...core.errors import BadMetric, BadStage, Corrupted, NotInStore
from ...core.holding import Holding
from ...core.later import later
from ...core.near_names import near_names
from ...core.printable import listed
from ...core.refs import DRef
from ...declare.parameters import ABSENT
from ...store.store import Store
from ..experiments.inputs import names_of, parameter_of
from ..experiments.numbers import number_of

if TYPE_CHECKING:
    from . import conditions
    from .conditions import Condition
else:
    later(globals(), ".conditions")  # a list of derivations has none

FACTS = ("stage", "attempt", "outcome", "seconds", "seed", "host", "pid")
_COLUMNS = {"attempt": "number", "outcome": "outcome", "seed": "seed", "host": "host", "pid": "pid"}
_MANY = 300  # derivations whose parameters are named in an error


class Values:
    """The values of names, of the attempts of some derivations.

    A name means a parameter where a derivation has one of this name, else a metric, else a fact.
    `metric.NAME` and `attempt.NAME` say which is meant.
    """

    def __init__(self, known: Mapping[DRef, Holding], store: Store) -> None:
        self.known = known
        self._store = store
        self._configs: dict[DRef, Config | None] = {}

    def of(self, dref: DRef, name: str) -> Sequence[Any]:
        """The values of all attempts of a derivation, first to last; ABSENT where there is none."""
        columns = self.known[dref].attempts
        value = self._parameter(dref, name)
        if value is not ABSENT:
            return [value] * columns.count
        metric = name.removeprefix("metric.")
        in_files = metric.endswith(".txt") and metric in self._recorded
        if metric in columns.metrics or in_files:
            return [
                self._in_file(columns, at, metric) if one is None else one
                for at, one in enumerate(columns.metric(metric))
            ]
        return _fact(columns, name.removeprefix("attempt."))

    @cached_property
    def _recorded(self) -> frozenset[str]:
        return frozenset(name for one in self.known.values() for name in one.attempts.metrics)

    def _in_file(self, columns: AttemptColumns, at: int, name: str) -> Any:
        """The number in a text file that is larger than those whose numbers records have.

        Matchers and tables read it, too.
        """
        if not name.endswith(".txt"):
            return ABSENT
        try:
            number = number_of(columns.outline(at), name, self._store)
        except BadMetric:
            return ABSENT
        return ABSENT if number is None else number

    def check(self, wanted: Iterable[str]) -> None:
        """Raises BadStage for a name that means nothing in any of these derivations."""
        for name in wanted if any(one.attempts.count for one in self.known.values()) else ():
            if not self._means(name):
                raise self._unknown(name)

    def _means(self, name: str) -> bool:
        if name in FACTS or name.removeprefix("attempt.") in FACTS:
            return True
        metric = name.removeprefix("metric.")
        return metric in self._recorded or any(
            self._parameter(dref, name) is not ABSENT for dref in self.known
        )

    def _unknown(self, name: str) -> BadStage:
        parameters, metrics = self.parameters(), self.metrics()
        close = near_names(name, [*parameters, *metrics, *FACTS])
        return BadStage(
            f"nothing here is called {name!r}",
            closest=listed(close) or None,
            parameters=listed(parameters, most=20) or "none",
            metrics=listed(metrics, most=20) or "none",
            of_each_attempt=listed(FACTS),
            remedy="name one of them; parameters of inputs are dotted: data.seed",
        )

    def parameters(self) -> list[str]:
        """The names of parameters, of the derivations and of their inputs."""
        configs = [self.config(dref) for dref in list(self.known)[:_MANY]]
        found = (name for one in configs if one for name in names_of(one, self.config_of))
        return sorted(set(found))

    def metrics(self) -> list[str]:
        """The names of metrics that attempts have recorded."""
        return sorted(self._recorded)

    def _parameter(self, dref: DRef, name: str) -> Any:
        config = self.config(dref)
        return ABSENT if config is None else parameter_of(config, name, self.config_of)

    def config(self, dref: DRef) -> Config | None:
        """The config; None if it is damaged: its attempts have no parameters then."""
        if dref not in self._configs:
            known = self.known.get(dref)
            self._configs[dref] = (known and known.config) or self._read(dref)
        return self._configs[dref]

    def config_of(self, dref: DRef) -> Config:
        """The config of a derivation, or of an input. Raises NotInStore."""
        config = self.config(dref)
        if config is None:
            raise NotInStore("there is no config", ref=dref, remedy="pystore verify")
        return config

    def _read(self, dref: DRef) -> Config | None:
        try:
            return self._store.config(dref)
        except (NotInStore, Corrupted):
            return None


def _fact(columns: AttemptColumns, name: str) -> Sequence[Any]:
    if name in _COLUMNS:
        return columns.columns[_COLUMNS[name]] if columns.count else ()
    if name == "stage":
        return [columns.dref.name] * columns.count
    if name == "seconds":
        return columns.seconds
    return [ABSENT] * columns.count


def fitting_places(
    places: Mapping[DRef, Sequence[int]], values: Values, tests: "Sequence[Condition]"
) -> dict[DRef, Sequence[int]]:
    """Those of the places of attempts that fit all conditions. Raises BadStage as `check` does."""
    values.check(conditions.names(tests))
    return {dref: fitting(dref, some, values, tests) for dref, some in places.items()}


def fitting(
    dref: DRef, found: Sequence[int], values: Values, tests: "Sequence[Condition]"
) -> Sequence[int]:
    """Those of the places of attempts of a derivation that fit all conditions."""
    for test in tests:
        if found:
            column = values.of(dref, test.name)
            found = [at for at in found if column[at] is not ABSENT and test.fits(column[at])]
    return found
