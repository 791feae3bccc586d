"""MemoryStore: a store whose artifacts alone lie on the disk; it ends with the process."""

import shutil
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pystore.core.attempt import Attempt, AttemptReport, Committed, Outcome, Trace, outcome_of
from pystore.core.attempt_columns import AttemptColumns
from pystore.core.candidate import Candidate
from pystore.core.config import Config
from pystore.core.context import Context, provenance_text, rref_of
from pystore.core.digest import seed_of
from pystore.core.errors import NotInStore
from pystore.core.extremes import extremes_of
from pystore.core.holding import Holding
from pystore.core.kept_code import CodeText
from pystore.core.manifest import Manifest
from pystore.core.matchers import Matcher
from pystore.core.reads import Surroundings
from pystore.core.refs import DRef, RRef
from pystore.core.same_run import run_of
from pystore.store import attempts, disk, keepable, sealing, tree
from pystore.store.adopt import resolved_with
from pystore.store.attempts import Claim, Clock
from pystore.store.commit import check_promises
from pystore.store.inward_links import make_relative
from pystore.store.mentions import complete
from pystore.store.metrics import metrics_of
from pystore.store.staging import Staging, make_folder
from pystore.store.trace_file import latest

_Key = tuple[DRef, str]


class MemoryLock:
    """The right to build one (derivation, context), among the threads of this process."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._taken: list[bool] = []

    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold it now, after waiting for at most `patience` [s]."""
        if True not in self._taken:
            # One call of C's takes it and notes that: between two, a signal handler may raise.
            self._taken.extend(map(self._lock.acquire, (True,), (patience,)))
        return True in self._taken

    def release(self) -> None:
        """Gives it up, if we hold it."""
        if True in self._taken:
            self._taken.clear()
            self._lock.release()


class MemoryStore:
    """The plainest store that a build can use: tests compare `Store` with it."""

    def __init__(self, *, clock: Clock = attempts.now) -> None:
        self._area = tempfile.TemporaryDirectory(prefix="pystore-memory-")
        self.root = Path(self._area.name).resolve()
        self.id = disk.fresh_name()
        self._clock = clock
        self._configs: dict[DRef, Config] = {}
        self._ended: dict[_Key, list[Attempt]] = {}
        self._begun: dict[_Key, list[Claim]] = {}
        self._contexts: dict[RRef, Context] = {}
        self._inputs: dict[str, Context] = {}  # by their digests
        self._manifests: dict[RRef, Manifest] = {}
        self._traces: dict[tuple[DRef, str, int], Trace] = {}
        self._locks: dict[_Key, threading.Lock] = {}
        self._held: list[tuple[RRef, int]] = []  # and who holds it
        self._guard = threading.Lock()
        self.rejected: dict[RRef, str] = {}  # and why
        self.matchers: dict[DRef, set[Matcher]] = {}  # that have chosen
        self._code: dict[str, CodeText] = {}
        self.running = 0  # calls that are building now

    def keep_code(self, texts: Mapping[str, CodeText]) -> None:
        """Keeps these texts of code."""
        self._code.update(texts)

    def code(self, digest: str) -> CodeText | None:
        """The text behind a digest of code; None if it was not kept."""
        return self._code.get(digest)

    def record(self, configs: Iterable[Config]) -> None:
        """Makes sure that these derivations are known."""
        self._configs.update((config.dref, config) for config in configs)

    def config(self, dref: DRef) -> Config:
        """The config of a known derivation. Raises NotInStore."""
        if dref not in self._configs:
            raise NotInStore("the store does not hold this", ref=dref, remedy="realize it")
        return self._configs[dref]

    def drefs(self) -> list[DRef]:
        """The known derivations, sorted."""
        return sorted(self._configs)

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are here, sorted. Raises NotInStore."""
        self.config(dref)
        return sorted(rref for rref in self._contexts if rref.dref == dref)

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore."""
        if rref not in self._contexts:
            raise NotInStore("the store does not hold this", ref=rref, remedy="realize it")
        return self._contexts[rref]

    def tree(self, rref: RRef) -> str:
        """The whole digest of its manifest. Raises NotInStore."""
        return self.manifest(rref).digest

    def manifest(self, rref: RRef) -> Manifest:
        """The artifacts of a realization. Raises NotInStore."""
        self.context(rref)
        return self._manifests[rref]

    def home(self, ref: DRef | RRef) -> Path:
        """The directory of a derivation or of a realization."""
        return self.root / ref[5:]

    def counts_since(self, attempt: Attempt) -> int:
        """When an attempt began [ns since the epoch, UTC]."""
        return attempt.start

    def path(self, rref: RRef) -> Path:
        """The directory of its artifacts. Raises NotInStore."""
        self.context(rref)
        return self.home(rref) / "out"

    def remove(self, rref: RRef) -> None:
        """Removes a realization's bytes; its attempts stay. Raises NotInStore."""
        self.context(rref)
        del self._contexts[rref]
        tree.remove(self.home(rref))

    def remove_derivation(self, dref: DRef) -> None:
        """Removes a derivation with everything that belongs to it. Raises NotInStore."""
        for rref in self.realizations(dref):
            self.remove(rref)
        del self._configs[dref]
        for known in (self._ended, self._begun):
            for key in [key for key in known if key[0] == dref]:
                del known[key]

    def attempts(self, dref: DRef) -> list[Attempt]:
        """All attempts that ended, in the order of their starts."""
        ended = [a for key, tries in self._ended.items() if key[0] == dref for a in tries]
        return sorted(ended, key=lambda attempt: attempt.order)

    def holdings(self, drefs: Iterable[DRef]) -> dict[DRef, Holding]:
        """What is here of these derivations."""
        return {dref: self._holding(dref) for dref in drefs}

    def _holding(self, dref: DRef) -> Holding:
        columns = AttemptColumns.of(dref, self.attempts(dref))
        here = sorted(rref.digest for rref in self._contexts if rref.dref == dref)
        rejected = frozenset(rref.digest for rref in self.rejected if rref.dref == dref)
        config = self._configs.get(dref)
        return Holding(
            dref, lambda: columns, lambda: config, here, None, rejected, frozenset(), (), False
        )

    def in_full(self, outline: Attempt) -> Attempt | None:
        """An attempt with all that its record says."""
        return next((a for a in self.attempts(outline.dref) if a.id == outline.id), None)

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """What a matcher may choose from, with the files that it reads."""
        tries = self._ended.get((dref, context.digest), [])
        rrefs = sorted({a.rref for a in tries if a.rref} - self.rejected.keys())
        return [self._candidate(rref, tries, reads) for rref in rrefs]

    def count_in_other_contexts(self, dref: DRef, context: Context) -> int:
        """How many realizations attempts have made for other inputs."""
        others = [a for a in self.attempts(dref) if a.context != context.digest]
        return len({a.rref for a in others if a.rref})

    def rejection(self, rref: RRef) -> str:
        """Why a realization must not be used; "" where nobody has rejected it."""
        return self.rejected.get(rref, "")

    def lock(self, dref: DRef, context: Context) -> MemoryLock:
        """The lock of one (derivation, context), not yet acquired."""
        with self._guard:
            key = (dref, context.digest)
            return MemoryLock(self._locks.setdefault(key, threading.Lock()))

    def owner(self, dref: DRef, context: Context) -> str:
        """Who builds it now, in words."""
        return "another thread of this process"

    @contextmanager
    def building(self) -> Iterator[None]:
        """Counts a call that is building inside the block."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    @property
    def held(self) -> frozenset[RRef]:
        """The realizations that somebody holds; the others are not collected either."""
        return frozenset(rref for rref, _ in self._held)

    def release(self, rrefs: Iterable[RRef], user: object | None = None) -> None:
        """Lets go of these, as far as nobody else holds them."""
        gone = {(rref, id(user)) for rref in rrefs}
        self._held = [one for one in self._held if one not in gone]

    def hold(self, rrefs: tuple[RRef, ...], user: object | None = None) -> bool:
        """Returns False when one of them is not there any more."""
        self._held += [(rref, id(user)) for rref in rrefs]
        return all(rref in self._contexts for rref in rrefs)

    def choices(self, targets: Collection[DRef]) -> None:
        """Nothing: it keeps no choices."""

    def chosen_by(self, dref: DRef, matcher: Matcher) -> None:
        """Notes that this matcher has chosen."""
        self.matchers.setdefault(dref, set()).add(matcher)

    def begin(self, config: Config, context: Context, seed: int | None = None) -> Staging:
        """A fresh staging and attempt number; with `seed`, that of the attempt to repeat."""
        self.record([config])
        self._inputs[context.digest] = context
        path, claim = make_folder(self.root, config.dref)
        with self._guard:
            claimed = self._begun.setdefault((config.dref, context.digest), [])
            last = claimed[-1].start if claimed else 0
            own = seed_of(config.dref, context.digest, len(claimed))
            start = max(self._clock(), last + 1)
            claimed.append(Claim(len(claimed), own if seed is None else seed, start))
            return Staging(path, config, context, claimed[-1], claim)

    def commit(self, staged: Staging, told: AttemptReport | None = None) -> Committed:
        """Turns a staging into a realization."""
        told = told or AttemptReport()
        check_promises(staged)
        make_relative(staged.out, keepable.check(staged.out, told.outside).absolute)
        staged.end_reads()
        manifest = sealing.seal(staged.out, durable=False)
        rref = rref_of(staged.dref, provenance_text(staged.dref, staged.context, manifest.digest))
        found, trace = metrics_of(staged.out, manifest)
        metrics = {**found, **told.metrics}
        fresh = rref not in self._contexts
        around = Surroundings(staged.config, staged.context, self)
        reads = complete(around, staged.reads(), told.notes, staged.out, manifest)
        self._manifests[rref] = manifest
        if fresh:
            staged.close()
            staged.path.rename(self.home(rref))
            self._contexts[rref] = staged.context
        else:
            staged.discard()
        made = {"rref": rref, "metrics": metrics, "tree": manifest.digest, "reads": reads}
        made["extremes"] = extremes_of(latest([*trace, *told.trace])) or None
        self._end(staged, told, "succeeded", **made)
        self._traces[(staged.dref, staged.context.digest, staged.claim.number)] = [
            *trace,
            *told.trace,
        ]
        return Committed(rref, fresh)

    def fail(self, staged: Staging, told: AttemptReport, error: BaseException) -> bool:
        """Records an attempt that failed or was stopped. Returns whether its staging was kept."""
        text = f"{type(error).__name__}: {error}"
        self._end(staged, told, outcome_of(error), error=text, reads=staged.reads())
        return staged.leave_to_user()

    def adoptable(self, config: Config, context: Context) -> list[Candidate]:
        """The realizations of others with the same resolved config that this one lacks."""
        if not context:
            return []
        own, wanted = (config.dref, context.digest), self._resolved(config, context)
        known = {run_of(attempt) for attempt in self._ended.get(own, [])}
        found = []
        for dref, digest in [key for key in self._ended if key != own and self._inputs[key[1]]]:
            inputs = self._inputs[digest]
            if self._resolved(self._configs[dref], inputs) == wanted:
                found += [c for c in self.candidates(dref, inputs) if not c.gone]
        lacking = [(c, tuple(a for a in c.attempts if run_of(a) not in known)) for c in found]
        return [replace(candidate, attempts=new) for candidate, new in lacking if new]

    def adopt(
        self, config: Config, context: Context, found: Iterable[Candidate], notes: dict[str, str]
    ) -> list[tuple[RRef, int]]:
        """Takes over realizations of others, with their attempts; returns how many of each."""
        return [
            (self._adopt(config, context, one, notes), len(one.attempts)) for one in list(found)
        ]

    def _resolved(self, config: Config, context: Context) -> str:
        return resolved_with(config, context, lambda rref: self._manifests[rref].digest)

    def _adopt(
        self, config: Config, context: Context, candidate: Candidate, notes: dict[str, str]
    ) -> RRef:
        tree = self._manifests[candidate.rref]
        rref = rref_of(config.dref, provenance_text(config.dref, context, tree.digest))
        for tried in candidate.attempts:
            staged = self.begin(config, context, tried.seed)
            if rref not in self._contexts:
                shutil.copytree(self.path(candidate.rref), self.home(rref) / "out", symlinks=True)
                self._contexts[rref], self._manifests[rref] = context, tree
            staged.discard()
            record = tried._replace(
                id=disk.fresh_name(), dref=config.dref, context=context.digest, rref=rref,
                number=staged.claim.number,
                notes={**tried.notes, **notes, "adopted": candidate.rref},
            )  # fmt: skip
            self._ended.setdefault((config.dref, context.digest), []).append(record)
        return rref

    def scratch(self, staged: Staging) -> Path:
        """A directory for this attempt; nothing here survives."""
        return self._beside(staged, "scratch")

    def logdir(self, staged: Staging) -> Path:
        """A directory for this attempt."""
        return self._beside(staged, "logs")

    def log_path(self, dref: DRef, context: str, number: int) -> Path:
        """The file for what an attempt prints."""
        return self.root / f"log-{dref.digest}-{context}-{number}"

    def trace(self, attempt: Attempt) -> Trace:
        """The metrics that an attempt told over its steps."""
        return self._traces.get((attempt.dref, attempt.context, attempt.number), [])

    def _beside(self, staged: Staging, what: str) -> Path:
        path = self.root / f"{what}-{staged.path.name}"
        path.mkdir(exist_ok=True)
        return path

    def _candidate(self, rref: RRef, tries: list[Attempt], reads: Iterable[str]) -> Candidate:
        here = rref in self._contexts
        files = {name: self.home(rref) / "out" / name for name in reads} if here else {}
        return Candidate(
            rref,
            tuple(attempt for attempt in tries if attempt.rref == rref),
            {name: disk.read(file) for name, file in files.items() if file.is_file()},
            gone=not here,
        )

    def _end(self, staged: Staging, told: AttemptReport, outcome: Outcome, **what: Any) -> None:
        claimed = staged.claim
        attempt = Attempt(
            id=disk.fresh_name(), dref=staged.dref, context=staged.context.digest,
            number=claimed.number, outcome=outcome, rref=None, error=None, seed=claimed.seed,
            start=claimed.start, stop=max(self._clock(), claimed.start), host="", pid=0,
            realizer=told.realizer, source=told.source, versions={}, metrics={}, notes=told.notes,
        )._replace(**what)  # fmt: skip
        self._ended.setdefault((attempt.dref, attempt.context), []).append(attempt)
