"""Search spaces: the parameters of a stage as distributions of Optuna, and back as derivations."""

from collections.abc import Callable, Mapping
from typing import Any

from ...core.derivation import Derivation
from ...core.digest import short
from ...core.errors import BadStage
from ...core.printable import listed
from ...declare.identity.once import asked_once
from ...declare.sweep import Space, brief, derivation_of, rounded

_PLAIN = (bool, int, float, str, type(None))  # what Optuna keeps as it is


class SearchSpace:
    """Which parameters are searched. Raises BadStage for a space that fits no parameter."""

    def __init__(self, stage: Callable[..., Any], space: Mapping[str, Any]) -> None:
        if not isinstance(space, Mapping):
            raise BadStage(
                "a space is a dict of parameters", given=repr(space)[:200], remedy=_EXAMPLE
            )
        self._stage = stage
        self._fixed: dict[str, Any] = {}
        self._meant: dict[str, Callable[[Any], Any]] = {}  # from Optuna's value to ours
        self.distributions: dict[str, Any] = {}
        ends: dict[str, list[Any]] = {}
        for name, value in space.items():
            if isinstance(value, Space):
                self._add(name, value, ends)
            elif _is_distribution(value):
                self.distributions[name], self._meant[name] = value, _same
                ends[name] = _ends(value)
            else:
                self._fixed[name] = value
        if not self.distributions:
            raise BadStage(
                "a search in no space: no parameter is one",
                given=listed(space) or "no parameters",
                remedy=_EXAMPLE,
            )
        self.probes = self._probes(ends)

    @property
    def digest(self) -> str:
        """32 hex digits of the code, the parameters, and what is searched among."""
        told = [f"{name}={one!r}" for name, one in sorted(self.distributions.items())]
        text = "\n".join([*told, *(probe.dref for probe in self.probes)])
        return short("pystore search 1", text.encode())

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a stage that Optuna's values stand for."""
        return {name: self._meant[name](value) for name, value in values.items()}

    def derivation(self, values: Mapping[str, Any]) -> Derivation:
        """The derivation of a trial with these values."""
        return derivation_of(self._stage, {**self._fixed, **self.parameters(values)})

    def _add(self, name: str, space: Space, ends: dict[str, list[Any]]) -> None:
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        self._meant[name], ends[name] = _same, list(space.of)
        if space.kind == "choice":
            names = _names(space.of)
            self.distributions[name] = CategoricalDistribution(names)
            self._meant[name] = dict(zip(names, space.of, strict=True)).__getitem__
            ends[name] = names
        elif space.kind == "randint":
            self.distributions[name] = IntDistribution(*space.of)
        else:
            low, high = space.of
            log = space.kind == "loguniform"
            self.distributions[name] = FloatDistribution(low, high, log=log)
            # As in a sample, so that keys are short and the same on each machine.
            self._meant[name] = lambda x: min(max(rounded(x), low), high)

    def _probes(self, ends: Mapping[str, list[Any]]) -> list[Derivation]:
        """Derivations in which each end, and each value of a choice, stands once or more."""
        most = max(map(len, ends.values()))
        with asked_once():
            return [
                self.derivation({name: of[min(i, len(of) - 1)] for name, of in ends.items()})
                for i in range(most)
            ]


_EXAMPLE = "write search(train, {'learning_rate': loguniform(1e-4, 1e-1), 'width': 64}, …)"


def _same(value: Any) -> Any:
    return value


def _names(values: tuple[Any, ...]) -> list[Any]:
    """Values of a choice as Optuna keeps them; what it cannot keep by a text, or by its place."""
    if all(isinstance(value, _PLAIN) for value in values) and len({*values}) == len(values):
        return list(values)
    names = [brief(value) for value in values]
    return names if len({*names}) == len(names) else [str(i) for i in range(len(names))]


def _is_distribution(value: object) -> bool:
    from optuna.distributions import BaseDistribution

    return isinstance(value, BaseDistribution)


def _ends(distribution: Any) -> list[Any]:
    choices = getattr(distribution, "choices", None)
    return [distribution.low, distribution.high] if choices is None else list(choices)
