"""Store: realizations in a directory.

S1  What is visible under `drv/` is complete, sealed, and hashes to its name.
S2  A context names only realizations that exist, or whose loss is recorded.
S3  Only gc and `rmref` remove, by rename into `trash/` first.
S4  What was acknowledged survives kill -9 and power loss.
S5  Correctness rests on atomic creation and rename; locks only save work.
S6  A failed, killed or out-of-space build commits nothing.
S7  Starts strictly increase within a (derivation, context); seeds follow from the number, and
    a number is passed over whose seed an imported attempt has had.
S8  Nothing is ever unpickled; no reference names anything outside of the store.
S9  What a living process uses is not removed by gc (see in_use.py).
"""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from ..core.attempt import Attempt, outcome_of
from ..core.candidate import Candidate
from ..core.config import Config
from ..core.context import Context, parse_provenance
from ..core.errors import Corrupted, NotAStore, NotInStore
from ..core.matchers import Matcher
from ..core.options import Seeds
from ..core.reads import Surroundings
from ..core.refs import DRef, RRef
from . import (
    adopt,
    attempt_files,
    attempts,
    below,
    derivations,
    disk,
    locks,
    reopening,
    rights,
    scratch,
    staging,
    touched_inputs,
    tree,
    uses,
    verdicts,
)
from .attempts import Claim, Clock
from .commit import CONTEXT, Committed, publish, seal
from .current import using
from .ending import record_of_success
from .home import real
from .in_use import session_of
from .layout import Layout, exists, open_below, open_root
from .metrics import Trace
from .ports import AttemptReport
from .shared_files import SharedFiles
from .staging import Staging
from .trash import discard


@rights.explained_methods
class Store:
    """The store at `path`; an empty one is made where there is nothing.

    With `durable=False` nothing is synced: quicker, and a power cut may lose what was built.
    `custom_tmp` is where realizers write, if it is on the same device. `below` is another store,
    such as a laboratory's: what it holds is seen as if it were here, and nothing is written to it.
    With `seeds="own"`, a new store has seeds of its own: who trains apart with the seeds that all
    stores share trains the same. `clock` gives the time [ns since the epoch, UTC].

    Raises NotAStore when the path holds other things, or a store with other seeds, or `below` is
    no store; FormatTooNew when a later version wrote it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durable: bool = True,
        custom_tmp: str | os.PathLike[str] | None = None,
        below: str | os.PathLike[str] | None = None,
        seeds: Seeds | None = None,
        clock: Clock = attempts.now,
    ) -> None:
        self.root = real(path)
        self.durable = durable
        mark = open_root(self.root, seeds)
        self.id, self.salt = mark.id, mark.salt
        self.layout = Layout(self.root, None if below is None else open_below(real(below)))
        self.session = session_of(self.id, self.layout.tmp, self.layout.gate)
        self._clock = clock
        self.pool = SharedFiles(self.layout)
        self.staging_area = self.layout.tmp
        if custom_tmp is not None:
            self.staging_area = staging.area(real(custom_tmp), self.layout, self.id)

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def use(self) -> AbstractContextManager["Store"]:
        """Makes this the current store inside a `with` block."""
        return using(self)

    @property
    def own(self) -> "Store":
        """This store without the one below: what may be collected, checked and removed."""
        if self.layout.below is None:
            return self
        alone = object.__new__(Store)
        vars(alone).update(vars(self), layout=Layout(self.root))
        return alone

    def destroy(self) -> None:
        """Removes the store and everything in it, sealed or not."""
        if not exists(self.root):
            raise NotAStore("no store is here to destroy", path=self.root, remedy="check the path")
        self.session.end()
        tree.remove(self.root)
        if self.staging_area != self.layout.tmp:
            tree.remove(self.staging_area)

    # --- derivations -------------------------------------------------------------------

    def record(self, configs: Iterable[Config]) -> None:
        """Makes sure that these derivations are known, and durably so."""
        unknown = [c for c in configs if not derivations.knows(self.layout, c)]
        if unknown:
            with self.session.open_gate():
                for config in unknown:
                    derivations.write(self.layout, config, durable=self.durable)
            if self.durable:
                disk.sync_directory(self.layout.drv)

    def config(self, dref: DRef) -> Config:
        """The config of a known derivation. Raises NotInStore, or Corrupted when it is damaged."""
        for layout in self.layout.readable:
            try:
                return derivations.read(layout, DRef(dref))
            except FileNotFoundError:
                continue
            except Corrupted as error:
                raise self._damaged(dref, error.what) from None
        raise self.absent(dref)

    def drefs(self) -> list[DRef]:
        """The known derivations, sorted."""
        return sorted({dref for one in self.layout.readable for dref in derivations.known(one)})

    # --- realizations ------------------------------------------------------------------

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are here, sorted. Raises NotInStore."""
        found: set[RRef] | None = None
        for layout in self.layout.readable:
            with suppress(FileNotFoundError):
                found = (found or set()) | set(layout.realizations(DRef(dref)))
        if found is None:
            raise self.absent(dref)
        return sorted(found)

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore, or Corrupted when it is damaged."""
        try:
            text = disk.read(self.layout.holder(RRef(rref)).realization(rref) + f"/{CONTEXT}")
            return parse_provenance(text)[1]
        except FileNotFoundError:
            raise self.absent(rref) from None
        except Corrupted as error:
            raise self._damaged(rref, str(error)) from None

    def tree(self, rref: RRef) -> str:
        """The whole digest of its manifest. Raises NotInStore, or Corrupted when it is damaged."""
        try:
            return adopt.tree_of(self.layout, rref)
        except FileNotFoundError:
            raise self.absent(rref) from None

    def path(self, rref: RRef) -> Path:
        """The directory of its artifacts. Raises NotInStore; Corrupted when verify said so."""
        holder = self.layout.holder(RRef(rref))
        out = Path(holder.out(rref))
        if verdicts.stands(holder.attempts(rref.dref), rref, "damaged"):
            raise self._damaged(rref, "verify found it damaged")
        if not holder.has(rref):
            raise self.absent(rref)
        return out

    def hold(self, rrefs: tuple[RRef, ...]) -> bool:
        """Keeps these from being collected while this process lives (S9).

        Returns False when one of them is not there any more.
        """
        if not self.session.holds(rrefs):
            with self.session.open_gate() as writable:
                if writable:
                    self.session.note(rrefs)
        return len(below.there(self.layout, rrefs)) == len(rrefs)

    def chosen_by(self, dref: DRef, matcher: Matcher) -> None:
        """Makes sure that gc knows of this matcher, which chooses among these realizations."""
        uses.note(self.layout.attempts(dref), matcher, self.layout.tmp)

    def remove(self, rref: RRef) -> None:
        """Removes a realization's bytes; its attempts stay (S3)."""
        self._remove(Path(self.layout.realization(RRef(rref))), rref)

    def remove_derivation(self, dref: DRef) -> None:
        """Removes a derivation with its realizations and its attempts (S3)."""
        self._remove(Path(self.layout.derivation(DRef(dref))), dref)

    def _remove(self, target: Path, ref: DRef | RRef) -> None:
        try:
            resting = discard(self.layout, target)
        except FileNotFoundError:
            raise self.absent(ref) from None
        if self.durable:
            disk.sync_directory(target.parent)
        if resting is not None:
            tree.remove(resting)
        self.pool.prune()

    # --- attempts ----------------------------------------------------------------------

    def attempts(self, dref: DRef) -> list[Attempt]:
        """All attempts of a derivation, in the order of their starts."""
        own = attempts.read_all(self.layout.attempts(DRef(dref)), dref, self.staging_area)
        return below.merge(own, below.all_attempts(self.layout, dref))

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """What a matcher may choose from: the realizations that attempts made in this context."""
        return below.candidates(self.layout, dref, context.digest, tuple(reads))

    def all_candidates(self, dref: DRef, reads: Iterable[str] = ()) -> list[Candidate]:
        """The realizations that attempts made in any context."""
        return below.candidates(self.layout, dref, "", tuple(reads))

    def count_in_other_contexts(self, dref: DRef, context: Context) -> int:
        """How many realizations attempts have made for other inputs."""
        return len(below.made(self.layout, dref, without=context.digest))

    def rejection(self, rref: RRef) -> str:
        """Why a realization must not be used; "" where nobody has rejected it."""
        return str(below.verdict(self.layout, rref, "rejected").get("reason", ""))

    # --- building ----------------------------------------------------------------------

    def building(self) -> AbstractContextManager[None]:
        """Marks this process as building inside the block: its own gc spares what it uses."""
        return self.session.building()

    def lock(self, dref: DRef, context: Context) -> locks.BuildLock:
        """The lock of one (derivation, context), not yet acquired."""
        return locks.BuildLock(self.layout.lock(dref, context.digest))

    def owner(self, dref: DRef, context: Context) -> str:
        """Who builds it now: host, process and since when."""
        return attempts.owner(self.layout.attempts(dref), context.digest)

    def begin(
        self, config: Config, context: Context, seed: int | None = None, after: int = 0
    ) -> Staging:
        """A fresh staging and attempt number; with `seed`, that of the attempt to repeat.

        An attempt that left a scratch goes on; with `seed`, one that has this seed.
        """
        derivations.take_place(self.layout, config.dref)
        self.record([config])
        with self.session.open_gate():
            path, claim = staging.make_folder(self.staging_area, config.dref)
            try:
                listed = attempts.names(self.layout.attempts(config.dref))
                left = scratch.take_over(
                    self.layout, config, context, path.name, self._clock, seed, listed, self.salt
                )
                if left is not None:
                    return Staging(path, config, context, left.begun, claim, left.held, left.number)
                begun = self.claim(config.dref, context, path.name, seed, after, listed)
            except BaseException:
                claim.close()
                tree.remove(path)
                raise
        return Staging(path, config, context, begun, claim)

    def claim(self, dref: DRef, context: Context, name: str, seed: int | None, after: int = 0,
              listed: list[str] | None = None) -> Claim:  # fmt: skip
        """The next attempt number of a (derivation, context), for the staging of this name."""
        folder, tmp, now = self.layout.attempts(dref), self.layout.tmp, self._clock
        before = below.ended(self.layout, dref, context.digest, after, seeds=seed is None)
        more = (before, self.salt, listed)
        return attempts.claim(folder, dref, context, name, now, tmp, seed, *more)

    def scratch(self, staged: Staging) -> Path:
        """A directory that survives the failure of the attempt, for the next try (S6)."""
        if staged.scratch is None:
            folder, number = self.layout.attempts(staged.dref), staged.begun.number
            staged.scratch = scratch.make(folder, staged.context.digest, number)
            staged.keep_reads()
        return Path(staged.scratch.path)

    def logdir(self, staged: Staging) -> Path:
        """A directory beside the record of the attempt, which stays; no part of the output."""
        return attempt_files.logdir(self.layout, staged)

    def log_path(self, dref: DRef, context: str, number: int) -> Path:
        """The file for what an attempt prints, whether there is one or not."""
        return Path(self.layout.beside(dref, context, number, "log"))

    def commit(self, staged: Staging, told: AttemptReport | None = None) -> Committed:
        """Turns a staging into a realization (S4).

        Raises MissingOutput or UnkeepableOutput, which leave the staging as it was; BuildError
        when an input was changed meanwhile.
        """
        told = told or AttemptReport()
        staged.hold()
        touched_inputs.refuse(self, staged)
        outside, share = frozenset(told.outside), self.pool.share
        sealed = seal(staged, outside, durable=self.durable, share=share)
        around = Surroundings(staged.config, staged.context, self)
        attempt = record_of_success(staged, told, sealed, around, self._clock())
        self.record([staged.config])  # somebody may have removed the derivation meanwhile
        with self.session.open_gate():
            trace = [*sealed.trace, *told.trace]
            attempt_files.keep(self.layout, staged, told, trace, durable=self.durable)
            self.session.note([sealed.rref])
            committed = publish(self.layout, staged, sealed, attempt, durable=self.durable)
            verdicts.lift(self.layout.attempts(sealed.rref.dref), sealed.rref, "damaged")
            adopt.note(self.layout, staged.config, staged.context)
        if staged.scratch is not None:
            staged.scratch.remove()
        return committed

    def adopt(
        self, config: Config, context: Context, found: Iterable[Candidate], notes: dict[str, str]
    ) -> list[tuple[RRef, int]]:
        """Takes over realizations of others, with their attempts; returns how many of each.

        `notes` go into the records. What is damaged is left out.
        """
        return adopt.adopt(self, config, context, found, notes)

    def adoptable(self, config: Config, context: Context) -> list[Candidate]:
        """The realizations of others with the same resolved config that this one lacks."""
        return list(adopt.adoptable(self.layout, config, context))

    def reopen(self, path: str | os.PathLike[str]) -> Staging:
        """The staging that a failed attempt left, as a new attempt that can be committed."""
        return reopening.reopen(self, Path(os.path.realpath(path)))

    def fail(self, staged: Staging, told: AttemptReport, error: BaseException) -> bool:
        """Records an attempt that failed or was stopped. Returns whether its staging was kept."""
        text = f"{type(error).__name__}: {error}"[:2000]
        attempt = attempt_files.record_of(staged, told, outcome_of(error), self._clock())
        attempt = attempt._replace(error=text)
        folder = self.layout.attempts(staged.dref)
        with self.session.open_gate():
            attempt_files.keep(self.layout, staged, told, told.trace, durable=self.durable)
            attempts.record(folder, attempt, tmp=self.layout.tmp, durable=self.durable)
        touched_inputs.warn(self, staged)
        return reopening.keep(self, staged)

    def trace(self, attempt: Attempt) -> Trace:
        """The metrics that an attempt told over its steps; empty when it told none."""
        return attempt_files.read_trace(below.home(self.layout, attempt), attempt)

    def diff(self, attempt: Attempt) -> bytes:
        """How the project's files differed from its last revision; empty where they did not."""
        return attempt_files.read_diff(below.home(self.layout, attempt), attempt)

    # --- the rest ----------------------------------------------------------------------

    def absent(self, ref: DRef | RRef) -> NotInStore:
        """The error for something that is not here."""
        return NotInStore(
            "the store does not hold this",
            ref=ref,
            store=self.root,
            below=self.layout.below and self.layout.below.root,
            remedy="realize it, or use the store that has it: with Store(path).use(): …",
        )

    def _damaged(self, ref: DRef | RRef, because: str) -> Corrupted:
        return Corrupted(
            "the store's files for this are damaged",
            ref=ref,
            store=self.root,
            because=because,
            remedy="instantiate and realize it again; what others built is not touched",
        )
