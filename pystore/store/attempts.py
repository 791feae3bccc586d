"""Attempts on disk: one `.begin` and one `.json` each, so that no writer can tear another's.

`<context>.<number>.begin` claims the number; `<context>.<number>.json` is the immutable record of
how it ended. A begin without a record, whose staging nobody holds, is an attempt that died.
"""

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model.attempt import Attempt, attempt_text, parse_attempt
from ..model.context import Context
from ..model.digest import seed_of
from ..model.errors import Corrupted, PystoreWarning
from ..model.refs import DRef
from . import disk

Clock = Callable[[], int]  # [ns since the epoch, UTC]

_CLAIMS = (["begin"], ["json"])


@dataclass(frozen=True)
class Begun:
    """A number that was claimed, and what belongs to it."""

    number: int
    seed: int
    start: int  # [ns since the epoch, UTC]


def claim(
    folder: str,
    dref: DRef,
    context: Context,
    staging: str,
    clock: Clock,
    seed: int | None = None,
) -> Begun:
    """Claims the next number of this (derivation, context), with its own seed or `seed` (S7)."""
    numbers = begun_numbers(folder, context.digest)
    number = numbers[-1] + 1 if numbers else 0
    start = max(clock(), _last_start(folder, context.digest, numbers) + 1)
    while True:
        own = seed_of(dref, context.digest, number)
        begun = Begun(number, own if seed is None else seed, start)
        record = {
            "number": number,
            "seed": begun.seed,
            "start": start,
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "staging": staging,
        }
        path = f"{folder}/{context.digest}.{number}.begin"
        try:
            disk.write_new(path, json.dumps(record, sort_keys=True).encode(), durable=False)
            return begun
        except FileExistsError:
            number += 1  # another process was quicker
        except FileNotFoundError:
            os.mkdir(folder)  # it was deleted by hand
        except BaseException:
            disk.remove_file(path)
            raise


def names(folder: str) -> list[str]:
    """The files about the attempts of one derivation; none where nothing was ever built."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def begun_numbers(folder: str, context: str) -> list[int]:
    """The numbers that were claimed in this context, sorted; a record is a claim too."""
    parts = [n[len(context) + 1 :].split(".") for n in names(folder) if n.startswith(context)]
    return sorted({int(p[0]) for p in parts if p[0].isdecimal() and p[1:] in _CLAIMS})


def read_begin(folder: str, context: str, number: int) -> dict[str, Any]:
    """What a claim says; empty when it was torn by a crash."""
    try:
        begin: dict[str, Any] = json.loads(disk.read(f"{folder}/{context}.{number}.begin"))
        return begin
    except (FileNotFoundError, ValueError):
        return {}


def _last_start(folder: str, context: str, numbers: list[int]) -> int:
    starts = (_start(folder, context, number) for number in reversed(numbers))
    return next(filter(None, starts), 0)


def _start(folder: str, context: str, number: int) -> int:
    # Claims are not synced: after a power cut, one may be empty beside a record that is whole.
    if start := read_begin(folder, context, number).get("start"):
        return int(start)
    try:
        return parse_attempt(disk.read(f"{folder}/{context}.{number}.json")).start
    except (FileNotFoundError, Corrupted):
        return 0


def record(folder: str, attempt: Attempt, *, tmp: Path, durable: bool) -> None:
    """Writes the record of how an attempt ended. The first one stands."""
    path = f"{folder}/{attempt.context}.{attempt.number}.json"
    if not os.path.exists(path):
        disk.publish(path, attempt_text(attempt), tmp=tmp, durable=durable)


def read_records(folder: str, files: Iterable[str]) -> list[Attempt]:
    """The attempts in these files. A damaged record is left out, with a warning."""
    attempts = []
    for name in files:
        try:
            attempts.append(parse_attempt(disk.read(f"{folder}/{name}")))
        except Corrupted as error:
            warnings.warn(
                f"{error.what}: {folder}/{name}; it is left out", PystoreWarning, stacklevel=2
            )
    return attempts


def now() -> int:
    """The wall clock [ns since the epoch, UTC]."""
    return time.time_ns()
