"""Attempts on disk: each has a `.begin` and a `.json` of its own, so that writers do not collide.

`<context>.<number>.begin` claims the number; `<context>.<number>.json` is the immutable record of
how the attempt ended. A claim without a record, whose staging nobody holds, belongs to an attempt
that died. Claims and records of finished attempts may be in packs instead (see packs.py).
The file `imported` says that some attempts ran in other stores: their seeds do not follow from
their numbers.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..core.attempt import Attempt, attempt_text, parse_attempt
from ..core.context import Context
from ..core.digest import seed_of
from ..core.errors import Corrupted
from ..core.refs import DRef
from ..core.version import __version__
from ..core.warned import warn
from . import disk, packs, rights
from .claim_text import Claim, claim_text, parse_claim
from .signs_of_life import last_sign, unfinished

Clock = Callable[[], int]  # [ns since the epoch, UTC]
T = TypeVar("T")

IMPORTED = "imported"
# The staging of a claim for the record of an attempt that ran in another store.
COPY, SIGNED = "", "signed"  # SIGNED: with the signature of a key that was trusted

_NAME = re.compile(
    r"([0-9a-f]{32})\.(0|[1-9][0-9]*)\.(begin|json|trace|log|logs|scratch|reads|live|stop)",
    re.ASCII,
)
_AFTER = re.compile(r"/\.(0|[1-9][0-9]*)\.([a-z]+)(?=/)", re.ASCII)  # after the context
_BESIDE = re.compile(r"[0-9a-f]{32}\.(diff|rejected|damaged|forgotten|note|pack)", re.ASCII)
_AT_ONCE = 400  # names of this length that the system lists in one call


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
            disk.write_once(path, claim_text(context, claimed, staging), tmp=tmp)
            if not packed_contents(folder, f"{context.digest}.{number}.json"):
                return claimed
            disk.remove_file(path)  # since the look, another process had this number, and packed it
            listed = None
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
    dead = max(0, now - last_sign(folder, context.digest, number, int(begin["start"])))
    dead += before if type(before) is int and before > 0 else 0
    claimed = Claim(number, int(begin["seed"]), int(begin["start"]), dead)
    path = _begin_path(folder, context.digest, number)
    disk.publish(path, claim_text(context, claimed, staging), tmp=tmp, durable=False)
    return claimed


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
    found = [begin for begin in all_begins(folder) if begin.get("staging") == staging]
    return max(found, key=lambda begin: int(begin["number"]), default={})


def names(folder: str) -> list[str]:
    """The names in the folder of the attempts of a derivation; none if there is no folder."""
    try:
        found = os.listdir(folder)
        # The system lists many names in several calls. A pack that comes between two calls, and
        # the files that go then, may all be missing: the names before are there, or it goes on.
        while len(found) > _AT_ONCE and not {*found} <= {*(again := os.listdir(folder))}:
            found = again
        return found
    except FileNotFoundError:
        return []


def steadily(folder: str, read: Callable[[list[str]], T]) -> T:
    """What `read` makes of the names in a folder; again if a file was packed meanwhile."""
    listed = names(folder)
    while True:
        try:
            return read(listed)
        except FileNotFoundError:
            before, listed = listed, names(folder)
            if {*before} == {*listed}:
                raise


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
    return sorted(set(numbers_in([*listed, *packed_names(folder, listed)], context, "begin|json")))


def numbers_in(listed: Iterable[str], context: str, kinds: str) -> list[int]:
    """The numbers of the files of these kinds in a context. `kinds` is such as `begin|json`."""
    own = [name[len(context) :] for name in listed if name.startswith(context)]
    wanted = kinds.split("|")
    # One search over all names, since there may be thousands. No name holds a slash.
    return [int(n) for n, kind in _AFTER.findall(f"/{'/'.join(own)}/") if kind in wanted]


def _claims(files: Iterable[str]) -> list[tuple[str, int]]:
    parsed = (parse_name(name) for name in files if name.endswith(".begin"))
    return [(name.context, name.number) for name in parsed if name]


def read_begin(folder: str, context: str, number: int) -> dict[str, Any]:
    """The facts of a claim; empty if a crash has torn it, or it is not ours."""
    try:
        found = contents(folder, f"{context}.{number}.begin")
    except Corrupted:
        return {}
    return parse_claim(found[0]) if found else {}


def all_begins(folder: str) -> list[dict[str, Any]]:
    """The facts of all claims of a derivation."""

    def read(listed: list[str]) -> list[dict[str, Any]]:
        packed = [text for one in packs.read_all(folder, listed) for text in one.begins]
        claimed = [read_begin(folder, *one) for one in _claims(listed)]
        return claimed + [parse_claim(text) for text in packed]

    return steadily(folder, read)


def packed_names(folder: str, listed: list[str]) -> set[str]:
    """The names of the files in the packs of a folder, in which these names were found."""
    if not packs.among(listed):
        return set()
    return steadily(folder, lambda found: packs.names(folder, found))


def contents(folder: str, name: str) -> list[bytes]:
    """The content of a claim or record: that of its file, else those in packs. Raises Corrupted."""
    try:
        return [disk.read(f"{folder}/{name}")]
    except FileNotFoundError:
        return packed_contents(folder, name)


def packed_contents(folder: str, name: str) -> list[bytes]:
    """The contents that the packs of a folder have for a name."""
    return steadily(
        folder, lambda listed: [c for p in packs.read_all(folder, listed) for c in p.contents(name)]
    )


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
    return next(filter(None, (_start(folder, context, n) for n in reversed(numbers))), 0)


def _start(folder: str, context: str, number: int) -> int:
    # Claims are not synced: after a power cut, one may be empty beside a record that is whole.
    if start := read_begin(folder, context, number).get("start"):
        return int(start)
    ended = read_record(folder, context, number)
    return 0 if ended is None else ended.start


def read_record(folder: str, context: str, number: int) -> Attempt | None:
    """The record of an attempt; None if it has not ended, or its record is damaged."""
    try:
        found = contents(folder, f"{context}.{number}.json")
        return parse_attempt(found[0]) if found else None
    except Corrupted:
        return None


def record(
    folder: str, attempt: Attempt, *, tmp: Path, durable: bool, sync: disk.Sync | None = None
) -> None:
    """Writes the record of an attempt. A record that is there stays.

    What `sync` syncs is on the disk before the record has its name.
    """
    path = f"{folder}/{attempt.context}.{attempt.number}.json"
    if not os.path.exists(path):
        disk.publish(path, attempt_text(attempt), tmp=tmp, durable=durable, sync=sync)
    elif sync is not None:
        sync()


def ended(folder: str, context: str = "") -> list[Attempt]:
    """The attempts that have ended, in the contexts whose digest starts with `context`."""
    return steadily(folder, lambda listed: read_ended(folder, listed, context))


def read_ended(folder: str, listed: list[str], context: str = "") -> list[Attempt]:
    """The same, given the names in the folder. Raises FileNotFoundError if one is gone."""
    wanted = (n for n in listed if n.endswith(".json") and n.startswith(context) and is_record(n))
    found = read_records(folder, wanted)
    if not packs.among(listed):
        return found
    found += packs.records(folder, listed, context)
    return list({attempt.id: attempt for attempt in reversed(found)}.values())


def read_records(folder: str, files: Iterable[str]) -> list[Attempt]:
    """The attempts in these files. A damaged record is left out, with a warning."""
    attempts = []
    for name in files:
        try:
            attempts.append(parse_attempt(disk.read(f"{folder}/{name}")))
        except Corrupted as error:
            warn(f"{error.what}: {folder}/{name}; it is left out", stacklevel=2)
    return attempts


def now() -> int:
    """The wall clock [ns since the epoch, UTC]."""
    return time.time_ns()


def read_all(folder: str, dref: DRef, staging_area: Path) -> list[Attempt]:
    """All attempts of a derivation, in the order of their starts."""

    def read(listed: list[str]) -> list[Attempt]:
        records = read_ended(folder, listed)
        ended = {(a.context, a.number) for a in records}
        claims = (claim for claim in _claims(listed) if claim not in ended)
        records += unended(folder, dref, claims, staging_area)
        return sorted(records, key=lambda attempt: attempt.order)

    return steadily(folder, read)


def unended(
    folder: str, dref: DRef, claims: Iterable[tuple[str, int]], staging_area: Path
) -> Iterator[Attempt]:
    """The attempts of claims without a record, given by the context and the number."""
    for context, number in claims:
        begin = read_begin(folder, context, number)
        if begin.get("staging") not in (COPY, SIGNED):  # else a copy was cut short: nothing ran
            live = live_path(folder, context, number)
            yield unfinished(live, begin, dref, context, number, staging_area)


def read_unfinished(folder: str, dref: DRef, staging_area: Path) -> list[Attempt]:
    """The attempts of a derivation without a record: those that run, and those that died.

    Of those that died, the last one of each context: the others have been tried again.
    """
    found = names(folder)
    recorded = [*found, *packed_names(folder, found)]
    ended = {name[:-5] for name in recorded if name.endswith(".json")}
    claims = _claims(name for name in found if name.endswith(".begin") and name[:-6] not in ended)
    if not claims:
        return []
    last: dict[str, int] = {}
    for context, number in _claims(found):
        last[context] = max(number, last.get(context, 0))
    left = []
    for context, number in claims:
        begin = read_begin(folder, context, number)
        if begin.get("staging", COPY) in (COPY, SIGNED):
            continue
        live = live_path(folder, context, number)
        one = unfinished(live, begin, dref, context, number, staging_area)
        if one.outcome == "running" or number == last[context]:
            left.append(one)
    return left


def owner(folder: str, context: str) -> str:
    """The process that runs the last attempt in a context: its number, host and start."""
    numbers = begun_numbers(folder, context)
    begin = read_begin(folder, context, numbers[-1]) if numbers else {}
    if not begin:
        return "another process, which is about to start"
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(begin["start"] / 1e9))
    return f"process {begin['pid']} on {begin['host']}, since {since}"


def versions() -> dict[str, str]:
    """The versions of pystore, Python and the system that an attempt runs on."""
    system = os.uname()
    python = ".".join(map(str, sys.version_info[:3]))
    machine = f"{system.sysname} {system.machine}"
    return {"pystore": __version__, "python": python, "system": machine}
