"""Scenarios: what a store is asked to do while faults happen.

Each works on a fresh copy of a small prepared store, and can be repeated on what the fault left.
"""

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pystore import (
    Build,
    DRef,
    Registry,
    RRef,
    Store,
    build_metric,
    build_outpath,
    build_path,
    build_seed,
    build_wrapper,
    compact,
    events,
    export_archive,
    gc,
    import_archive,
    instantiate,
    match_latest,
    mkdrv,
    notes,
    pin,
    pull,
    push,
    realize,
    rmref,
    tag,
    untag,
    verify,
)
from pystore.errors import NotInStore
from pystore.stages import fetchlocal, fetchurl, unpack
from pystore.store import syncing
from pystore.store.remote.place import FolderPlace

_DAY = 86_400 * 10**9  # [ns]
PATIENCE = 1.0  # [s] for locks: nobody holds one for longer here

Acknowledge = Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """Something to do to a store.

    `prepare` makes the state before; `act` does it, and tells each realization it was promised.
    """

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path, Acknowledge], None]
    removes: frozenset[str] = frozenset()  # names of derivations that it may take away


def _fill(b: Build) -> None:
    out = build_outpath(b)
    (out / "data.bin").write_bytes(bytes(range(256)) * 16)
    (out / "empty").mkdir()
    script = out / "bin" / "run"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    os.symlink("data.bin", out / "link")


def _score(b: Build) -> None:
    size = build_path(b, b.config["data"]).stat().st_size
    build_metric(b, "size", size, step=0)
    (build_outpath(b) / "score.txt").write_text(f"{size / 4096}\n")


def _vary(b: Build) -> None:
    (build_outpath(b) / "score.txt").write_text(f"{build_seed(b)}\n" * 500)


def _many(b: Build) -> None:
    out = build_outpath(b)
    (out / "deep").mkdir()
    for number in range(4):
        (out / "deep" / f"{number}.txt").write_text(f"{build_seed(b)} {number}\n")
    (out / "old.txt").write_text("it may be older than the attempt\n")
    os.utime(out / "old.txt", (0, 0))


def data(m: Registry) -> DRef:
    """A tree with everything that trees have."""
    return mkdrv(m, {"name": "data"}, match_latest(), build_wrapper(_fill))


def score(m: Registry) -> DRef:
    """A file made from another derivation's."""
    config = {"name": "score", "data": [data(m), "data.bin"]}
    return mkdrv(m, config, match_latest(), build_wrapper(_score))


def twin(m: Registry) -> DRef:
    """The same files under another name."""
    return mkdrv(m, {"name": "twin"}, match_latest(), build_wrapper(_fill))


def vary(m: Registry) -> DRef:
    """A file that comes out differently every time."""
    return mkdrv(m, {"name": "vary"}, match_latest(), build_wrapper(_vary))


def many(m: Registry) -> DRef:
    """Several files, which count as many here."""
    return mkdrv(m, {"name": "many"}, match_latest(), build_wrapper(_many))


def _archive(area: Path) -> Path:
    """The same archive, byte for byte, every time."""
    archive = area / "things.tar"
    with tarfile.open(archive, "w") as tar:
        for number in range(3):
            member = tarfile.TarInfo(f"things/{number}.bin")
            member.size = 3000 * number
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return archive


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _local(area: Path) -> Callable[[Registry], DRef]:
    archive = area / "things.tar"

    def things(m: Registry) -> DRef:
        kept = fetchlocal(m, str(archive), sha256=_sha256(archive), mode="as-is")
        return unpack(m, [kept, "things.tar"])

    return things


def _remote(area: Path) -> Callable[[Registry], DRef]:
    archive, url = area / "things.tar", os.environ["PYSTORE_FAULTS_URL"]

    def things(m: Registry) -> DRef:
        return fetchurl(m, f"{url}/things.tar", sha256=_sha256(archive), mode="as-is")

    return things


def _fetches(stage: Callable[[Path], Any]) -> Callable[[Path, Acknowledge], None]:
    def act(root: Path, tell: Acknowledge) -> None:
        _realize(stage(root.parent), root, tell)

    return act


def _prepare_archive(root: Path) -> None:
    _archive(root.parent)
    _prepare(vary)(root)


def _prepare_garbage(root: Path) -> None:
    _prepare(score, vary)(root)
    _realize(vary, root, lambda rref: None, force_rebuild=True)
    for room in ("tmp", "trash"):
        (root / room / "left" / "out").mkdir(parents=True)
        (root / room / "left" / "out" / "file").write_text("litter")
        (root / room / "left" / "out").chmod(0o555)


def _collects(root: Path, tell: Acknowledge) -> None:
    store = Store(root)
    (kept,) = [dref for dref in store.drefs() if dref.endswith("-score")]
    gc(keep=store.realizations(kept), dry_run=False, store=store)


def _prepare_history(root: Path) -> None:
    """Attempts of the day before yesterday, of which some are in a pack."""
    for count in (2, 3):
        store = Store(root, clock=lambda: time.time_ns() - 2 * _DAY)
        closure = instantiate(vary, store=store)
        for _ in range(count):
            realize(closure, store=store, force_rebuild=True)
        if count == 2:
            compact(Store(root))
    _realize(score, root, lambda rref: None)


def _compacts(root: Path, tell: Acknowledge) -> None:
    compact(Store(root))


def _prepare_exchange(root: Path) -> None:
    """A colleague's result in a remote and in an archive; here is its input only."""
    theirs = Store(root.parent / "theirs")
    rref = _realize(score, theirs.root, lambda rref: None)
    push(rref, root.parent / "remote", store=theirs)
    export_archive(rref, root.parent / "results.tar.zst", store=theirs)
    _prepare(vary)(root)


def _pulls(root: Path, tell: Acknowledge) -> None:
    FolderPlace.workers = 1  # calls come in the same order every time
    listen = _telling(tell)
    for name in ("data", "score"):
        for dref in Store(root.parent / "theirs").drefs():
            if dref.endswith(f"-{name}"):
                pull(dref, root.parent / "remote", store=Store(root), listener=listen)


def _unpacks(root: Path, tell: Acknowledge) -> None:
    FolderPlace.workers = 1
    archive = root.parent / "results.tar.zst"
    for rref in import_archive(archive, store=Store(root), listener=_telling(tell)).rrefs:
        tell(rref)


def _telling(tell: Acknowledge) -> Callable[[events.Event], None]:
    def listen(event: events.Event) -> None:
        if isinstance(event, events.Fetched):
            for rref in event.rrefs:
                tell(rref)

    return listen


def _pins(root: Path, tell: Acknowledge) -> None:
    store = Store(root)
    for dref in store.drefs():
        pin(store.realizations(dref)[0], "best", store=store)


def _notes(root: Path, tell: Acknowledge) -> None:
    store = Store(root)
    for dref in store.drefs():
        tag(dref, "seen", "best", store=store)
        if any(one.tag == "best" for one in notes(dref, store=store)):
            untag(dref, "best", store=store)
    verify(store)


def _realize(
    stage: Callable[..., Any], root: Path, tell: Acknowledge = print, **options: Any
) -> RRef:
    def listen(event: events.Event) -> None:
        if isinstance(event, events.Succeeded):
            tell(event.rref)

    store = Store(root)
    closure = instantiate(stage, store=store)
    rref: RRef = realize(closure, store=store, listener=listen, lock_timeout=PATIENCE, **options)
    tell(rref)
    return rref


def _prepare(*stages: Callable[..., Any]) -> Callable[[Path], None]:
    def prepare(root: Path) -> None:
        Store(root)
        for stage in stages:
            _realize(stage, root, lambda rref: None)

    return prepare


def _builds(stage: Callable[..., Any], **options: Any) -> Callable[[Path, Acknowledge], None]:
    def act(root: Path, tell: Acknowledge) -> None:
        _realize(stage, root, tell, **options)

    return act


def _builds_many(kinds: tuple[str, ...]) -> Callable[[Path, Acknowledge], None]:
    """Builds `many`; with one syncfs, if the file system is of one of these kinds."""

    def act(root: Path, tell: Acknowledge) -> None:
        syncing.MANY, syncing._KINDS = 3, kinds
        syncing._WORTH = 1 << 40  # however much others write meanwhile
        syncing.THREADS = 1  # calls come in the same order every time
        _realize(many, root, tell)

    return act


def _builds_at_once(root: Path, tell: Acknowledge) -> None:
    """Builds `score` with one syncfs for each commit."""
    syncing._KINDS = ("ext4", "xfs", "btrfs", "tmpfs")
    syncing._WORTH = 1 << 40  # however much others write meanwhile
    _realize(score, root, tell)


def _instantiates(root: Path, tell: Acknowledge) -> None:
    instantiate(score, store=Store(root))


def _opens(root: Path, tell: Acknowledge) -> None:
    Store(root).drefs()


def _removes(name: str, whole: bool) -> Callable[[Path, Acknowledge], None]:
    def act(root: Path, tell: Acknowledge) -> None:
        store = Store(root)
        for dref in [dref for dref in store.drefs() if dref.endswith(f"-{name}")]:
            for ref in [dref] if whole else store.realizations(dref):
                try:
                    rmref(ref, store=store)
                except NotInStore:
                    pass  # the call before the fault had done it

    return act


def _nothing(root: Path) -> None:
    pass


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("open", _nothing, _opens),
        Scenario("instantiate", _prepare(vary), _instantiates),
        Scenario("realize", _prepare(vary), _builds(score)),
        Scenario("realize at once", _prepare(vary), _builds_at_once),
        Scenario("reuse", _prepare(score), _builds(score)),
        Scenario("rebuild same", _prepare(score), _builds(data, force_rebuild=True)),
        Scenario("rebuild other", _prepare(vary), _builds(vary, force_rebuild=True)),
        Scenario("share", _prepare(data), _builds(twin)),
        Scenario("many at once", _prepare(vary), _builds_many(("ext4", "xfs", "btrfs", "tmpfs"))),
        Scenario("many", _prepare(vary), _builds_many(())),
        Scenario("fetch", _prepare_archive, _fetches(_local)),
        Scenario("download", _prepare_archive, _fetches(_remote)),
        Scenario("pull", _prepare_exchange, _pulls),
        Scenario("unpack", _prepare_exchange, _unpacks),
        Scenario("pin", _prepare(score), _pins),
        Scenario("note", _prepare(score), _notes),
        Scenario("gc", _prepare_garbage, _collects, frozenset({"vary"})),
        Scenario("compact", _prepare_history, _compacts),
        Scenario("remove", _prepare(score), _removes("score", False), frozenset({"score"})),
        Scenario("remove all", _prepare(score), _removes("score", True), frozenset({"score"})),
    )
}
