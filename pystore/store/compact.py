"""Compacting: joins the claims and records of finished attempts, for each derivation into one pack.

CM1  A file goes only after a pack with its bytes was synced and read back: at each moment, each
    attempt is in a file or in a pack.
CM2  Whatever was compacted, merged or cut short reads as it would without.
CM3  Of each context, the claim with the highest number stays, synced: the next number is higher,
    and its start is later.
CM4  What an attempt may still need stays as it is: its claim and its record until a day after its
    end, and while it has a scratch; its trace, its log, its files and all notes.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ..core.attempt import parse_attempt
from ..core.dataclasses import dataclass, field
from ..core.errors import Corrupted
from ..core.events import Listener, Progress, ignore
from ..core.printable import counted, listed
from ..core.refs import DRef
from . import attempts, disk, packs, rights
from .descriptors import Opened
from .layout import PACKED, add_feature
from .packs import File, Pack
from .parts import Parts
from .reader import Reader
from .rights import Obstacle

_DAY = 86_400 * 10**9  # [ns]
_BLOCK = 512  # [bytes], of which the system counts the blocks of a file


@dataclass(frozen=True)
class Compacted:
    """What was joined."""

    derivations: int  # whose attempts were joined
    attempts: int  # whose records came into a pack
    files: int  # fewer than before
    size: int  # by which the store takes less of the disk [bytes]
    left: tuple[Obstacle, ...] = ()  # folders of others, and damaged packs

    def to_dict(self) -> dict[str, Any]:
        """What was joined, as `pystore compact --json` prints it."""
        return asdict(self) | {"left": [one._asdict() for one in self.left]}

    def __str__(self) -> str:
        return "\n".join([self.sentence, *self.obstacles])

    @property
    def sentence(self) -> str:
        """What was joined, in words."""
        joined = counted(self.attempts, "attempt"), counted(self.derivations, "derivation")
        return f"joined {joined[0]} of {joined[1]}: {counted(self.files, 'file')} fewer"

    @property
    def obstacles(self) -> list[str]:
        """A line for each path that was left; at most a few."""
        return listed((f"left: {one}" for one in self.left), "\n").splitlines()


@rights.explained
def compact(store: Reader, *, listener: Listener = ignore) -> Compacted:
    """Joins the records of attempts that ended more than a day ago, in each derivation.

    Nothing changes for who reads the store. An older version of pystore does not open it any more.
    """
    store, done = store.own, _Done()
    drefs = store.drefs()
    for number, dref in enumerate(drefs, 1):
        _compact(store.parts, dref, done)
        listener(Progress(dref, number, len(drefs), "derivations"))
    return Compacted(done.derivations, done.attempts, done.files, done.size, tuple(done.left))


@dataclass
class _Done:
    derivations: int = 0
    attempts: int = 0
    files: int = 0
    size: int = 0  # [bytes]
    left: list[Obstacle] = field(default_factory=list)


def _compact(parts: Parts, dref: DRef, done: _Done) -> None:
    folder = parts.layout.attempts(dref)
    names = attempts.names(folder)
    if not any(attempts.is_record(name) for name in names) and len(packs.among(names)) < 2:
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        done.left.append(rights.obstacle(folder, "it cannot be written by us"))
        return
    with parts.session.closed_gate():
        plan = attempts.steadily(folder, lambda names: _plan(parts, dref, folder, names))
        for damaged in plan.damaged:
            done.left.append(rights.obstacle(f"{folder}/{damaged.name}", damaged.damage))
        if plan.saves > 0:
            _carry_out(parts, folder, plan, done)


@dataclass
class _Plan:
    """How the files of one folder are joined."""

    name: str  # of the pack
    content: bytes
    files: frozenset[File]  # all that are in it
    gone: list[str]  # the names of files that go
    floors: list[str]  # the names of claims that stay, and must be synced
    attempts: int  # whose records come into a pack
    damaged: list[Pack]
    is_there: bool

    @property
    def saves(self) -> int:
        """How many files fewer there will be."""
        return len(self.gone) - (not self.is_there)


def _plan(parts: Parts, dref: DRef, folder: str, names: list[str]) -> _Plan:
    known = packs.read_all(folder, names)
    sound = [one for one in known if not one.damage]
    packed = {name for one in sound for name in one.names}
    floors = _floors(folder, names)
    files = dict(_finished(parts, dref, folder, {*names} - floors.records, packed))
    everything = frozenset(files.items()).union(*(one.files for one in sound))
    name, content = packs.pack(everything)
    gone = [one for one in files if one not in floors.claims]
    gone += [one.name for one in sound if one.name != name]
    count = len({name for name in files if name.endswith(".json")} - packed)
    damaged = [one for one in known if one.damage]
    floors_there = sorted(floors.claims)
    return _Plan(name, content, everything, gone, floors_there, count, damaged, name in names)


@dataclass
class _Floors:
    """The files that say which numbers and starts are taken (CM3)."""

    claims: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)  # where a claim is lost, or was torn


def _floors(folder: str, names: list[str]) -> _Floors:
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for name in filter(None, map(attempts.parse_name, names)):
        if name.kind in ("begin", "json"):
            numbers[name.context].add(name.number)
    floors, there = _Floors(), {*names}
    for context, found in numbers.items():
        for number in sorted(found, reverse=True):
            claim, record = f"{context}.{number}.begin", f"{context}.{number}.json"
            if claim in there:
                floors.claims.add(claim)
                if attempts.read_begin(folder, context, number):
                    break
            if record in there:
                floors.records.add(record)
                break
    return floors


def _finished(
    parts: Parts, dref: DRef, folder: str, names: set[str], packed: set[str]
) -> Iterator[File]:
    """The claims and the records of attempts that nobody goes on with (CM4)."""
    for name in sorted(filter(attempts.is_record, names)):
        stem, text = name.removesuffix(".json"), disk.read(f"{folder}/{name}")
        if f"{stem}.scratch" not in names and _is_old(name, text, dref, parts.clock() - _DAY):
            yield name, text
            packed = packed | {name}
    for name in sorted(names):
        if name.endswith(".begin") and f"{name.removesuffix('.begin')}.json" in packed:
            yield name, disk.read(f"{folder}/{name}")


def _is_old(name: str, text: bytes, dref: DRef, limit: int) -> bool:
    """Whether this is the sound record that its name says, of an attempt that ended before."""
    try:
        attempt = parse_attempt(text)
    except Corrupted:
        return False  # `verify` names it
    fits = (attempt.dref, f"{attempt.context}.{attempt.number}.json") == (dref, name)
    return fits and attempt.stop < limit


def _carry_out(parts: Parts, folder: str, plan: _Plan, done: _Done) -> None:
    before = _blocks(folder, plan.gone)
    add_feature(parts.root, PACKED)
    for name in plan.floors:
        with Opened(f"{folder}/{name}", os.O_RDONLY) as claim:
            os.fsync(claim)
    disk.publish(f"{folder}/{plan.name}", plan.content, tmp=parts.tmp, durable=True)
    written = packs.read_again(folder, plan.name)
    if written.damage or written.files != plan.files:
        raise Corrupted(
            "a pack reads otherwise than it was written; no file was removed",
            path=f"{folder}/{plan.name}",
            because=written.damage or None,
            remedy="look at the disk: pystore doctor, and pystore verify",
        )
    for name in plan.gone:
        disk.remove_file(f"{folder}/{name}")
    disk.sync_directory(folder)
    done.derivations += 1
    done.attempts += plan.attempts
    done.files += plan.saves
    done.size += before - (0 if plan.is_there else _blocks(folder, [plan.name]))


def _blocks(folder: str, names: list[str]) -> int:
    """How much of the disk these files take [bytes]."""
    return sum(os.lstat(f"{folder}/{name}").st_blocks * _BLOCK for name in names)
