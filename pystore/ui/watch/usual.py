"""Usual durations: a guess how long an attempt takes, by earlier attempts that succeeded."""

from itertools import islice

from ...core.errors import PystoreError
from ...core.ports import StoreReader
from ...core.refs import DRef

_NAMESAKES = 20  # derivations of one name to look at: a sample is enough for a guess


class Usual:
    """The usual durations of attempts in a store; each name is looked up once."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._by_name: dict[str, float | None] = {}

    def __call__(self, dref: DRef) -> float | None:
        """The median of the derivation's own attempts [s], else of those of its name."""
        own = self._took(dref)
        if own:
            return median(own)
        if dref.name not in self._by_name:
            self._by_name[dref.name] = self._of_name(dref.name)
        return self._by_name[dref.name]

    def _of_name(self, name: str) -> float | None:
        named = islice((d for d in self._store.drefs() if d.name == name), _NAMESAKES)
        took = [duration for dref in named for duration in self._took(dref)]
        return median(took) if took else None

    def _took(self, dref: DRef) -> list[float]:
        try:
            known = self._store.attempts(dref)
        except (PystoreError, OSError):
            return []  # no error for a guess: the build will say what is wrong
        return [attempt.duration for attempt in known if attempt.succeeded]


def median(numbers: list[float]) -> float:
    """The number in the middle; of an even count, the upper one."""
    return sorted(numbers)[len(numbers) // 2]
