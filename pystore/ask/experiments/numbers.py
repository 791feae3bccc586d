"""Numbers: the metric of an attempt, and those of all attempts of a derivation."""

import math
from collections.abc import Iterator

from ...core.attempt import Attempt
from ...core.errors import BadMetric, BadRef
from ...core.extremes import Over, value_over
from ...core.printable import listed
from ...core.refs import DRef, RRef, check_part
from ...core.same_run import distinct
from ...store.store import Store


def number_of(attempt: Attempt, name: str, store: Store, over: Over | None = None) -> float | None:
    """The metric of an attempt, as recorded or from its file; None if it has none that is finite.

    Raises BadMetric when the first line of the file is no number.
    """
    number = value_over(attempt, name, over)
    if number is None and attempt.rref is not None:
        number = _from_file(attempt.rref, name, store)
    return number if number is not None and math.isfinite(number) else None


def numbers_of(dref: DRef, context: str, name: str, store: Store) -> list[float]:
    """The metric of each attempt that succeeded in a context, first to last; each run once.

    What was rejected does not count. Raises BadMetric when an attempt has no such number.
    """
    return [_needed(attempt, name, store) for attempt in distinct(_tries(dref, context, store))]


def made_in(dref: DRef, context: str, store: Store) -> list[RRef]:
    """The realizations whose numbers count in a context, each once."""
    tries = distinct(_tries(dref, context, store))
    return list(dict.fromkeys(one.rref for one in tries if one.rref is not None))


def _tries(dref: DRef, context: str, store: Store) -> Iterator[Attempt]:
    rejected = store.rejected(dref)
    return (a for a in store.attempts(dref) if a.context == context and a.rref not in rejected)


def _needed(attempt: Attempt, name: str, store: Store) -> float:
    number = number_of(attempt, name, store)
    if number is None:
        raise BadMetric(
            f"an attempt of {attempt.dref.name} has no number {name!r}, or none that is finite",
            dref=attempt.dref,
            attempt=attempt.number,
            rref=attempt.rref,
            recorded=listed(sorted(attempt.metrics)) or "no metrics",
            remedy=f"write a number to {name}, or reject(rref, 'diverged') what does not count",
        )
    return number


def _from_file(rref: RRef, name: str, store: Store) -> float | None:
    """The number on the first line of an artifact; None where there is no such file."""
    try:
        parts = [check_part(part) for part in name.split("/")]
        with store.open(rref, "/".join(parts)) as file:
            line = file.readline(1000)
    except (BadRef, OSError):
        return None
    try:
        return float(line)
    except ValueError:
        raise BadMetric(
            f"{name} is no number",
            rref=rref,
            first_line=ascii(line.decode("utf-8", "replace"))[:100],
            remedy=f"write one number on the first line: accuracy.write_text(f'{{score}}'); or "
            f"reject(rref, 'no {name}') what does not count",
        ) from None
