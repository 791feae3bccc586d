"""Attempts on disk: each has a `.begin` and a `.json` of its own, so that writers do not collide.

`<context>.<number>.begin` claims the number; `<context>.<number>.json` is the immutable record of
how the attempt ended. A claim without a record, whose staging nobody holds, belongs to an attempt
that died.
The file `imported` says that some attempts ran in other stores: their seeds do not follow from
their numbers.
"""

import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..core.attempt import Attempt, attempt_text, parse_attempt
from ..core.context import Context
from ..core.dataclasses import dataclass
from ..core.digest import seed_of
from ..core.errors import Corrupted, PystoreWarning
from ..core.refs import DRef
from ..core.version import __version__
from . import disk, locks, rights
from .mounts import is_shared

Clock = Callable[[], int]  # [ns since the epoch, UTC]

IMPORTED = "imported"
# The staging of a claim for the record of an attempt that ran in another store.
COPY, SIGNED = "", "signed"  # SIGNED: with the signature of a key that was trusted

SILENCE = 90.0  # [s] without a sign of life after which an attempt on another host has died

_NAME = re.compile(
    r"([0-9a-f]{32})\.(0|[1-9][0-9]*)\.(begin|json|trace|log|logs|scratch|reads|live|stop)",
    re.ASCII,
)
_BESIDE = re.compile(r"[0-9a-f]{32}\.(diff|rejected|damaged|forgotten|note)", re.ASCII)
_SAYS = (
    ("inputs", dict), ("number", int), ("seed", int), ("start", int),
    ("host", str), ("pid", int), ("staging", str),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A claimed number of an attempt, with its seed and its start."""

    number: int
    seed: int
    start: int  # [ns since the epoch, UTC]
    dead: int = 0  # between its tries by processes that died [ns]


class Before(NamedTuple):
    """The limits that attempts recorded in other stores set for a new one."""

    number: int = 0  # the first one that none of them has
    start: int = 0  # the earliest for the new one [ns since the epoch, UTC]
    seeds: frozenset[int] = frozenset()  # seeds that the new one must not have


NOTHING = Before()


def claim(
    folder: str,
    dref: DRef,
    context: Context,
    staging: str,
    *,
    clock: Clock,
    tmp: Path,
    seed: int | None = None,
    before: Before = NOTHING,
    salt: str = "",
    listed: list[str] | None = None,
) -> Claim:
    """Claims the next number of this (derivation, context), with its own seed or `seed` (S7).

    A number whose seed an imported attempt has had is passed over. `listed` are the names in the
    folder, if they were just read. Call it inside the gate.
    """
    taken: frozenset[int] = frozenset()
    if seed is None:
        taken = before.seeds | imported_seeds(folder, context.digest)
    while True:
        numbers = begun_numbers(folder, context.digest, listed)
        number = max(numbers[-1] + 1 if numbers else 0, before.number)
        while (own := seed_of(dref, context.digest, number, salt)) in taken:
            number += 1
        start = max(clock(), before.start, last_start(folder, context.digest, numbers) + 1)
        claimed = Claim(number, own if seed is None else seed, start)
        path = _begin_path(folder, context.digest, number)
        try:
            disk.write_once(path, _begin_text(claimed, context, staging), tmp=tmp)
            return claimed
        except FileExistsError:
            listed = None  # another process was quicker
        except FileNotFoundError:
            rights.make_folder(folder)  # it was deleted by hand


def claim_again(
    folder: str, context: Context, number: int, staging: str, tmp: Path, now: int
) -> Claim | None:
    """Claims the number of an attempt that died, to go on with it. None if its claim was torn.

    `now` [ns since the epoch, UTC] ends the time in which it was dead.
    """
    begin = read_begin(folder, context.digest, number)
    if not begin:
        return None
    before = begin.get("dead", 0)
    dead = max(0, now - _last_sign(folder, context.digest, number, int(begin["start"])))
    dead += before if type(before) is int and before > 0 else 0
    claimed = Claim(number, int(begin["seed"]), int(begin["start"]), dead)
    path = _begin_path(folder, context.digest, number)
    disk.publish(path, _begin_text(claimed, context, staging), tmp=tmp, durable=False)
    return claimed


def _last_sign(folder: str, context: str, number: int, start: int) -> int:
    """When an attempt that died last wrote anything [ns since the epoch, UTC], as far as is known.

    It wrote its log, its trace, or its scratch; at least it began.
    """
    stem, last = f"{context}.{number}.", start
    with os.scandir(folder) as entries:
        beside = [entry.path for entry in entries if entry.name.startswith(stem)]
    for path in beside:
        within = (os.path.join(home, name) for home, _, names in os.walk(path) for name in names)
        for one in (path, *within):
            with suppress(FileNotFoundError):
                last = max(last, os.lstat(one).st_mtime_ns)
    return last


def unclaim(folder: str, context: str, number: int) -> None:
    """Takes a claim back, unless its attempt has a record."""
    if not os.path.exists(f"{folder}/{context}.{number}.json"):
        disk.remove_file(_begin_path(folder, context, number))


def _begin_path(folder: str, context: str, number: int) -> str:
    return f"{folder}/{context}.{number}.begin"


def live_path(folder: str, context: str, number: int) -> str:
    """The file of what a running attempt has told."""
    return f"{folder}/{context}.{number}.live"


def claimed_for(folder: str, staging: str) -> dict[str, Any]:
    """The facts of the latest claim for a staging of this name; empty if there is none."""
    begins = [read_begin(folder, context, number) for context, number in _claims(names(folder))]
    found = [begin for begin in begins if begin.get("staging") == staging]
    return max(found, key=lambda begin: int(begin["number"]), default={})


def _begin_text(claimed: Claim, context: Context, staging: str) -> bytes:
    record = {
        "inputs": dict(context),
        "number": claimed.number,
        "seed": claimed.seed,
        "start": claimed.start,
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "staging": staging,
        **({"dead": claimed.dead} if claimed.dead else {}),
    }
    return json.dumps(record, sort_keys=True).encode()


def names(folder: str) -> list[str]:
    """The names in the folder of the attempts of a derivation; none if there is no folder."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class Name(NamedTuple):
    """What the name of a file about one attempt says."""

    context: str
    number: int
    kind: str


def parse_name(name: str) -> Name | None:
    """The parts of a name; None for a file that is not about one attempt."""
    found = _NAME.fullmatch(name)
    return Name(found[1], int(found[2]), found[3]) if found else None


def kind_of(name: str) -> str:
    """The kind of the file of this name, such as `json` or `rejected`; empty if it is not ours."""
    found = _NAME.fullmatch(name) or _BESIDE.fullmatch(name)
    return found[found.re.groups] if found else ""


def is_record(name: str) -> bool:
    """Whether this is the name of a record."""
    return kind_of(name) == "json"


def begun_numbers(folder: str, context: str, listed: list[str] | None = None) -> list[int]:
    """The numbers that have a claim or a record in this context, sorted."""
    listed = names(folder) if listed is None else listed
    return sorted(set(numbers_in(listed, context, "begin|json")))


def numbers_in(listed: Iterable[str], context: str, kinds: str) -> list[int]:
    """The numbers of the files of these kinds in a context. `kinds` is such as `begin|json`."""
    # One search over all names, since there may be thousands. No name holds a slash.
    wanted = rf"/{re.escape(context)}\.(0|[1-9][0-9]*)\.(?:{kinds})(?=/)"
    return list(map(int, re.findall(wanted, f"/{'/'.join(listed)}/", re.ASCII)))


def _claims(files: Iterable[str]) -> list[tuple[str, int]]:
    parsed = (parse_name(name) for name in files if name.endswith(".begin"))
    return [(name.context, name.number) for name in parsed if name]


def read_begin(folder: str, context: str, number: int) -> dict[str, Any]:
    """The facts of a claim; empty if a crash has torn it, or it is not ours."""
    try:
        begin = json.loads(disk.read(_begin_path(folder, context, number)))
    except (FileNotFoundError, ValueError, RecursionError, Corrupted):
        return {}
    if not isinstance(begin, dict) or any(type(begin.get(k)) is not t for k, t in _SAYS):
        return {}
    return begin


def ran_elsewhere(folder: str, attempt: Attempt) -> bool:
    """Whether the record of an attempt came from another store, unsigned."""
    staging: str = read_begin(folder, attempt.context, attempt.number).get("staging", COPY)
    return staging == COPY


def has_imported(folder: str) -> bool:
    """Whether some attempts of a derivation ran in other stores."""
    return os.path.exists(f"{folder}/{IMPORTED}")


def imported_seeds(folder: str, context: str) -> frozenset[int]:
    """The seeds of the attempts in a context; none if all attempts ran in this store."""
    if not has_imported(folder):
        return frozenset()  # the seeds follow from the numbers
    return frozenset(attempt.seed for attempt in ended(folder, context))


def last_start(folder: str, context: str, numbers: list[int]) -> int:
    """The start of the last of these attempts [ns since the epoch, UTC]; 0 if none is known."""
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
    """Writes the record of an attempt. A record that is there stays."""
    path = f"{folder}/{attempt.context}.{attempt.number}.json"
    if not os.path.exists(path):
        disk.publish(path, attempt_text(attempt), tmp=tmp, durable=durable)


def ended(folder: str, context: str = "") -> list[Attempt]:
    """The attempts that have ended, in the contexts whose digest starts with `context`."""
    return read_records(
        folder, (n for n in names(folder) if n.startswith(context) and is_record(n))
    )


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


def read_all(folder: str, dref: DRef, staging_area: Path) -> list[Attempt]:
    """All attempts of a derivation, in the order of their starts."""
    found = names(folder)
    records = read_records(folder, filter(is_record, found))
    ended = {(a.context, a.number) for a in records}
    for context, number in _claims(found):
        if (context, number) not in ended:
            begin = read_begin(folder, context, number)
            if begin.get("staging") in (COPY, SIGNED):
                continue  # a copy was cut short; nothing ran under this number
            records.append(unfinished(folder, begin, dref, context, number, staging_area))
    return sorted(records, key=lambda attempt: attempt.order)


def read_unfinished(folder: str, dref: DRef, staging_area: Path) -> list[Attempt]:
    """The attempts of a derivation without a record: those that run, and those that died.

    Of those that died, the last one of each context: the others have been tried again.
    """
    found = names(folder)
    ended = {name[:-5] for name in found if name.endswith(".json")}
    claims = _claims(name for name in found if name.endswith(".begin") and name[:-6] not in ended)
    if not claims:
        return []
    last: dict[str, int] = {}
    for context, number in _claims(found):
        last[context] = max(number, last.get(context, 0))
    unended = []
    for context, number in claims:
        begin = read_begin(folder, context, number)
        if begin.get("staging", COPY) in (COPY, SIGNED):
            continue
        one = unfinished(folder, begin, dref, context, number, staging_area)
        if one.outcome == "running" or number == last[context]:
            unended.append(one)
    return unended


def owner(folder: str, context: str) -> str:
    """The process that runs the last attempt in a context: its number, host and start."""
    numbers = begun_numbers(folder, context)
    begin = read_begin(folder, context, numbers[-1]) if numbers else {}
    if not begin:
        return "another process, which is about to start"
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(begin["start"] / 1e9))
    return f"process {begin['pid']} on {begin['host']}, since {since}"


def unfinished(
    folder: str, begin: dict[str, Any], dref: DRef, context: str, number: int, staging_area: Path
) -> Attempt:
    """The attempt of a claim without a record, with the metrics that it told (TD1).

    It is running, or it has died.
    """
    from . import told  # for its weight: few attempts have no record

    staging = os.path.basename(begin.get("staging", "none").replace("\0", ""))
    host, place = str(begin.get("host", "")), staging_area / staging
    running = bool(staging) and (locks.in_use(place) or _gives_signs(place, host))
    start = int(begin.get("start", 0))
    return Attempt(
        id="", dref=dref, context=context, number=number,
        outcome="running" if running else "died", rref=None, error=None,
        seed=int(begin.get("seed", 0)), start=start, stop=start, host=host,
        pid=int(begin.get("pid", 0)), realizer="", source="", versions={},
        metrics=told.read_last(live_path(folder, context, number)).metrics, notes={},
    )  # fmt: skip


def _gives_signs(staging: Path, host: str) -> bool:
    """Whether a process on another host, whose lock we may not see, has given a sign of life."""
    if host == os.uname().nodename:
        return False
    try:
        silent = time.time() - os.stat(staging).st_mtime
        return silent < SILENCE and is_shared(staging)
    except OSError:
        return False


def versions() -> dict[str, str]:
    """The versions of pystore, Python and the system that an attempt runs on."""
    system = os.uname()
    python = ".".join(map(str, sys.version_info[:3]))
    machine = f"{system.sysname} {system.machine}"
    return {"pystore": __version__, "python": python, "system": machine}
