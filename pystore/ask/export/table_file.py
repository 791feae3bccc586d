"""Table file: the attempts of a family as CSV, one row an attempt.

EC1  The same attempts give the same file, byte for byte, whatever was there before.
EC2  No text in it is a formula to a spreadsheet.
EC3  A file that is no earlier export is left as it is.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from ...core.attempt import Attempt
from ...core.errors import BadPlace
from ...core.instants import utc
from ...core.options import Scope
from ...declare.parameters import cell
from ...declare.recorder import store_was_read
from ...store import disk
from ...store.current import current_store
from ...store.store import Store
from ..experiments.table import named_apart, to_csv
from ..finding.conditions import Where
from .ended import Ended, Told, ended
from .exported import Exported


def export_csv(
    what: Any,
    file: str | Path,
    *,
    where: Where | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Exported:
    """Writes the attempts of stages, names or derivations into a CSV file, one row an attempt.

    Each row has the reference, the outcome and the times of the attempt, all its parameters, those
    of inputs too, the last value of each metric, tags and notes. A file of an earlier export is
    replaced. A text that a spreadsheet would take for a formula has a ' in front. `what`,
    `where` and `code` are those of `results`.

    Raises BadStage when there is nothing to show; BadPlace when there is another file, or no
    folder.
    """
    store_was_read()
    target = Path(os.path.abspath(file))
    known = _ids_in(target)
    found = ended(what, code, current_store(store), where)
    _replace(target, lambda out: write_csv(found, out))
    fresh = sum(one.attempt.id not in known for one in found)
    left = len(found.several) - fresh
    return Exported(str(target), fresh, left, found.unfinished, found.left_out)


def write_csv(found: Ended, out: TextIO) -> None:
    """Writes the table into an open file."""
    several = sorted(found, key=lambda one: (one.attempt.start, one.attempt.id))
    parameters = sorted({name for one in several for name in one.parameters})
    metrics = sorted({name for one in several for name in one.attempt.metrics})
    taken = [*_BEFORE, *_AFTER]
    named = named_apart(parameters, taken, "parameter")
    header = [*_BEFORE, *named, *named_apart(metrics, [*taken, *named], "metric"), *_AFTER]
    to_csv(out, header, (_row(one, parameters, metrics) for one in several))


def _row(one: Told, parameters: Iterable[str], metrics: Iterable[str]) -> Iterator[Any]:
    yield from (fact(one.attempt) for fact in _BEFORE.values())
    yield from (cell(one.parameters, name) for name in parameters)
    yield from map(one.attempt.metrics.get, metrics)
    yield from (fact(one) for fact in _AFTER.values())


def _time(nanoseconds: int) -> str:
    return utc(nanoseconds).isoformat(timespec="milliseconds")


_BEFORE: Mapping[str, Callable[[Attempt], Any]] = {
    "attempt id": lambda a: a.id,
    "stage": lambda a: a.dref.name,
    "attempt": lambda a: a.number,
    "outcome": lambda a: a.outcome,
    "start": lambda a: _time(a.start),
    "stop": lambda a: _time(a.stop),
    "seconds": lambda a: a.duration,
    "host": lambda a: a.host,
    "seed": lambda a: a.seed,
    "context": lambda a: a.context,
    "dref": lambda a: str(a.dref),
    "rref": lambda a: a.rref and str(a.rref),
}
_AFTER: Mapping[str, Callable[[Told], Any]] = {
    "tags": lambda one: one.tags,
    "notes": lambda one: one.notes,
    "error": lambda one: one.attempt.error,
}


def _ids_in(target: Path) -> set[str]:
    """The attempts in the file of an earlier export. Raises BadPlace for another file (EC3)."""
    import csv  # few programs need it

    try:
        with target.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = csv.reader(file)
            first = next(rows, None)
            if first is not None and first[: len(_BEFORE)] != [*_BEFORE]:
                raise BadPlace(
                    "the file is there, and is no earlier export",
                    path=target,
                    remedy="choose another name, or remove the file",
                )
            return {row[0] for row in rows if row}
    except FileNotFoundError:
        return set()
    except (OSError, csv.Error) as error:
        raise BadPlace(
            "not a file of an earlier export",
            path=target,
            because=error,
            remedy="choose another name",
        ) from None


def _replace(target: Path, write: Callable[[TextIO], None]) -> None:
    """Writes a file beside the target, and puts it in its place when it is whole."""
    beside = target.with_name(f".{target.name}.{disk.fresh_name()[:8]}")
    try:
        try:
            # A byte of a path that is no UTF-8 stays what it is.
            with beside.open("x", newline="", encoding="utf-8", errors="surrogateescape") as out:
                write(out)
            os.replace(beside, target)
        except OSError as error:
            raise BadPlace(
                "the file cannot be written",
                path=target,
                because=error.strerror or error,
                remedy="name a file in a folder that is there, and that you may write to",
            ) from None
    finally:
        beside.unlink(missing_ok=True)
