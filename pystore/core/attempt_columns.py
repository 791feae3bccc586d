"""Attempts in columns: the facts about the attempts of one derivation that tables are made of.

AQ1  The columns say of each attempt what its record says, in the order of the starts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from .attempt import Attempt, Outcome
from .dataclasses import dataclass
from .refs import DRef, RRef

COLUMNS = (
    "start", "stop", "number", "seed", "pid", "id", "made", "outcome", "context", "host", "source",
    "realizer", "notes",
)  # fmt: skip
NOTED = ("adopted", "accepted")  # notes that say how an attempt counts
_DEAD = "dead="  # begins the word among them that says how long it was dead [ns]
Value = TypeVar("Value")
METRIC = "metric "  # begins the name of the column of a metric


@dataclass(frozen=True)
class AttemptColumns:
    """The attempts of one derivation in columns, first to last."""

    dref: DRef
    count: int
    metrics: tuple[str, ...]  # the names of those that attempts have recorded, sorted
    columns: Mapping[str, Sequence[Any]]
    full: Sequence[Attempt] = ()  # the attempts themselves, if their records were just read

    @classmethod
    def of(
        cls, dref: DRef, attempts: Iterable[Attempt], *, outlines: bool = False
    ) -> "AttemptColumns":
        """The columns of these attempts; `outlines` says that some are not known in full."""
        rows = sorted(attempts, key=lambda attempt: attempt.order)
        names = tuple(sorted({name for row in rows for name in row.metrics}))
        columns: dict[str, Sequence[Any]] = {
            name: [getattr(row, name) for row in rows]
            for name in COLUMNS if name not in ("made", "notes")
        }  # fmt: skip
        columns["made"] = [row.rref.digest if row.rref else "" for row in rows]
        columns["notes"] = [_words(row) if row.notes else "" for row in rows]
        for name in names:
            columns[METRIC + name] = [_number(row.metrics.get(name)) for row in rows]
        return cls(dref, len(rows), names, columns, () if outlines else tuple(rows))

    # --- columns -----------------------------------------------------------------------

    @cached_property
    def starts(self) -> Sequence[int]:
        """When each attempt began [ns since the epoch, UTC]."""
        return self.columns["start"]

    @cached_property
    def outcomes(self) -> Sequence[Outcome]:
        """How each attempt ended."""
        return self.columns["outcome"]

    @cached_property
    def made(self) -> Sequence[str]:
        """The digest of the realization of each attempt; "" where there is none."""
        return self.columns["made"]

    @cached_property
    def seeds(self) -> Sequence[int]:
        """The seed of each attempt."""
        return self.columns["seed"]

    @cached_property
    def seconds(self) -> Sequence[float]:
        """How long each attempt ran [s], without the time in which it was dead."""
        if not self.count:
            return ()
        told = zip(self.starts, self.columns["stop"], self.columns["notes"], strict=True)
        return [
            self.outline(at).duration if _DEAD in notes else (stop - start) / 1e9
            for at, (start, stop, notes) in enumerate(told)
        ]

    def metric(self, name: str) -> Sequence[float | None]:
        """A metric of each attempt as it was recorded; None where it was not."""
        return self.columns[METRIC + name] if name in self.metrics else [None] * self.count

    def makers(self) -> Iterator[tuple[str, str, str]]:
        """What tells of each attempt which code has made it: source, realizer and notes."""
        columns = [self.columns[name] for name in ("source", "realizer", "notes")]
        return zip(*columns, strict=True) if self.count else iter(())

    # --- attempts ----------------------------------------------------------------------

    def rref(self, place: int) -> RRef | None:
        """The realization of an attempt."""
        digest = self.made[place]
        return RRef.of(digest, self.dref) if digest else None

    def order(self, place: int) -> tuple[int, int, str]:
        """The key that sorts attempts from first to last."""
        return self.starts[place], self.columns["number"][place], self.columns["id"][place]

    def run(self, place: int) -> tuple[int, str, int, int]:
        """What an attempt has in common with its copies, and with no other attempt."""
        columns = self.columns
        return (
            self.starts[place], columns["host"][place], columns["pid"][place], self.seeds[place]
        )  # fmt: skip

    def outline(self, place: int) -> Attempt:
        """An attempt without its error, versions, tree and reads, and most of its notes."""
        columns = self.columns
        told = {name: self.metric(name)[place] for name in self.metrics}
        return Attempt(
            id=columns["id"][place], dref=self.dref, context=columns["context"][place],
            number=columns["number"][place], outcome=self.outcomes[place], rref=self.rref(place),
            error=None, seed=self.seeds[place], start=self.starts[place],
            stop=columns["stop"][place], host=columns["host"][place], pid=columns["pid"][place],
            realizer=columns["realizer"][place], source=columns["source"][place], versions={},
            metrics={name: number for name, number in told.items() if number is not None},
            notes=dict(map(_note, columns["notes"][place].split())),
        )  # fmt: skip

    def outlines(self) -> Iterator[Attempt]:
        """All attempts, in outline."""
        return map(self.outline, range(self.count))


def _words(attempt: Attempt) -> str:
    found = [name for name in NOTED if name in attempt.notes]
    return " ".join([*found, f"{_DEAD}{attempt.notes['dead']}"] if attempt.dead else found)


def _note(word: str) -> tuple[str, Any]:
    return ("dead", int(word[len(_DEAD) :])) if word.startswith(_DEAD) else (word, True)


def listed(column: Sequence[Value]) -> list[Value]:
    """The values of a column as a list: those of an index are numbers in a row of bytes."""
    if isinstance(column, memoryview):
        return cast("list[Value]", column.tolist())
    return [*column]


def _number(told: float | None) -> float | None:
    try:
        return None if told is None else float(told)
    except OverflowError:  # an integer that no float is near
        return float("inf")
