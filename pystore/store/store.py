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

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.attempt import AttemptReport, outcome_of
from ..core.errors import NotAStore
from ..core.later import import_now, later
from ..core.refs import DRef, RRef
from . import attempts, derivations, locks, rights
from .innermost import Innermost
from .layout import exists
from .parts import open_parts
from .reader import Reader

if TYPE_CHECKING:
    from ..core import machine_usage, reads
    from ..core.attempt import Attempt, Committed
    from ..core.candidate import Candidate
    from ..core.config import Config
    from ..core.context import Context
    from ..core.kept_code import CodeText
    from ..core.matchers import Matcher
    from ..core.options import Seeds
    from . import (
        adopt,
        attempt_files,
        beginning,
        commit,
        earlier_choices,
        kept_code,
        remove,
        reopening,
        scratch,
        shared_files,
        touched_inputs,
        trace_file,
        tree,
        uses,
    )
    from .attempts import Clock
    from .staging import Staging
else:  # what only builds and removals need
    later(globals(), "..core.machine_usage", "..core.reads", ".adopt", ".attempt_files")
    later(globals(), ".beginning", ".commit", ".earlier_choices", ".kept_code", ".remove")
    later(globals(), ".reopening", ".scratch", ".shared_files", ".touched_inputs", ".trace_file")
    later(globals(), ".tree", ".uses")


@rights.explained_methods
class Store(Reader):
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
        super().__init__(
            open_parts(
                path, durable=durable, custom_tmp=custom_tmp, below=below, seeds=seeds, clock=clock
            )
        )

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def use(self) -> AbstractContextManager[Store]:
        """Makes this the current store inside a `with` block."""
        return USED.using(self)

    def destroy(self) -> None:
        """Removes the store and everything in it, sealed or not."""
        if not exists(self.root):
            raise NotAStore("no store is here to destroy", path=self.root, remedy="check the path")
        self.parts.session.end()
        tree.remove(self.root)
        if self.parts.staging_area != self.parts.tmp:
            tree.remove(self.parts.staging_area)

    # --- derivations -------------------------------------------------------------------

    def record(self, configs: Iterable[Config]) -> None:
        """Makes sure that these derivations are known, and durably so."""
        derivations.record(self.parts, configs)

    # --- realizations ------------------------------------------------------------------

    def hold(self, rrefs: tuple[RRef, ...], user: object | None = None) -> bool:
        """Keeps these from being collected while this process lives, or until `release` (S9).

        `user` is one of several that each hold them. Returns False when one is not there any more.
        """
        return self.parts.hold(rrefs, user)

    def release(self, rrefs: Iterable[RRef], user: object | None = None) -> None:
        """Lets gc collect these again, unless something else holds them.

        Running calls and open views keep their own holds. With a `user`, only the hold of that user
        ends.
        """
        self.parts.session.release(tuple(rrefs), user)

    @property
    def held(self) -> frozenset[RRef]:
        """The realizations that this process keeps from being collected."""
        return self.parts.session.held

    def keep_code(self, texts: Mapping[str, CodeText]) -> None:
        """Makes sure that these texts of code are kept, by their digests."""
        kept_code.keep(self.parts, texts)

    def choices(self, targets: Collection[DRef]) -> earlier_choices.EarlierChoices | None:
        """What earlier calls for these targets have chosen; None where that is not kept."""
        return earlier_choices.choices_for(self.parts, targets)

    def chosen_by(self, dref: DRef, matcher: Matcher) -> None:
        """Makes sure that gc knows of this matcher, which chooses among these realizations."""
        uses.note(self.parts.layout.attempts(dref), matcher, self.parts.tmp)

    def remove(self, rref: RRef) -> None:
        """Removes a realization's bytes; its attempts stay (S3)."""
        remove.drop(self, RRef(rref))

    def remove_derivation(self, dref: DRef) -> None:
        """Removes a derivation with its realizations and its attempts (S3)."""
        remove.drop(self, DRef(dref))

    # --- building ----------------------------------------------------------------------

    def building(self) -> AbstractContextManager[None]:
        """Marks this process as building inside the block: its own gc spares what it uses."""
        return self.parts.session.building()

    def lock(self, dref: DRef, context: Context) -> locks.BuildLock:
        """The lock of one (derivation, context), not yet acquired."""
        return locks.BuildLock(self.parts.layout.lock(dref, context.digest))

    def begin(self, config: Config, context: Context, seed: int | None = None) -> Staging:
        """A new staging and attempt number. With `seed`, the attempt has this seed again.

        If an earlier attempt (with this seed) left a scratch, that one goes on.
        """
        # What ends the attempt: pystore may be upgraded while it runs.
        import_now(adopt, attempt_files, commit, kept_code, machine_usage, reads, reopening)
        import_now(shared_files, touched_inputs, trace_file, tree, uses)
        return beginning.begin(self.parts, config, context, seed)

    def trial(self, config: Config, context: Context, attempt: Attempt) -> Staging:
        """A staging for a run that is not recorded, such as the replay of `attempt`."""
        return beginning.trial(self.parts, config, context, attempt)

    def scratch(self, staged: Staging) -> Path:
        """A directory that survives the failure of the attempt, for the next try (S6)."""
        if staged.scratch is None:
            folder, number = self.parts.layout.attempts(staged.dref), staged.claim.number
            staged.scratch = scratch.make(folder, staged.context.digest, number)
            staged.keep_reads()
        return Path(staged.scratch.path)

    def logdir(self, staged: Staging) -> Path:
        """A directory beside the record of the attempt, which stays; no part of the output."""
        return attempt_files.logdir(self.parts.layout, staged)

    def commit(self, staged: Staging, told: AttemptReport | None = None) -> Committed:
        """Turns a staging into a realization (S4).

        Raises MissingOutput or UnkeepableOutput, which leave the staging as it was; BuildError
        when an input was changed meanwhile.
        """
        told = told or AttemptReport()
        staged.hold()
        staged.end_telling()
        touched_inputs.refuse(self.parts, staged)
        sealed = commit.seal(self.parts, staged, told.outside)
        around = reads.Surroundings(staged.config, staged.context, self)
        attempt = attempt_files.record_of_success(staged, told, sealed, around, self.parts.clock())
        self.record([staged.config])  # somebody may have removed the derivation meanwhile
        parts = self.parts
        whole = machine_usage.with_usage(
            [*sealed.trace, *told.trace], staged.usage, attempt.metrics
        )
        trace = trace_file.latest(whole)
        attempt = attempt_files.with_extremes(attempt, trace)
        with parts.session.open_gate():
            attempt_files.write_beside(parts, attempt, told.diff, trace)
            parts.session.note([sealed.rref])
            committed = commit.publish(parts, staged, sealed, attempt)
            adopt.note(parts.layout, staged.config, staged.context)
        if staged.scratch is not None:
            staged.scratch.remove()
        staged.forget_told()
        return committed

    def adopt(
        self, config: Config, context: Context, found: Iterable[Candidate], notes: dict[str, str]
    ) -> list[tuple[RRef, int]]:
        """Takes over realizations with their attempts; returns the number of attempts of each.

        `notes` go into the records. Damaged realizations are left out.
        """
        return adopt.adopt(self.parts, config, context, found, notes)

    def reopen(self, path: str | os.PathLike[str]) -> Staging:
        """The staging that a failed attempt left, as a new attempt that can be committed."""
        return reopening.reopen(self.parts, Path(os.path.realpath(path)))

    def failed_stagings(self) -> list[tuple[DRef, Path]]:
        """The folders that failed attempts have left, with their derivations; gc removes them."""
        return list(reopening.left(self.parts))

    def fail(self, staged: Staging, told: AttemptReport, error: BaseException) -> bool:
        """Records an attempt that has made nothing. Returns whether its staging was kept."""
        text, outcome = f"{type(error).__name__}: {error}"[:2000], outcome_of(error)
        staged.end_telling()
        attempt = attempt_files.record_of(staged, told, outcome, self.parts.clock())
        parts, whole = self.parts, machine_usage.with_usage(told.trace, staged.usage, told.metrics)
        trace = trace_file.latest(whole)
        attempt = attempt_files.with_extremes(attempt._replace(error=text), trace)
        with parts.session.open_gate():
            attempt_files.write_beside(parts, attempt, told.diff, trace)
            folder = parts.layout.attempts(staged.dref)
            attempts.record(folder, attempt, tmp=parts.tmp, durable=parts.durable)
        staged.forget_told()
        touched_inputs.warn(parts, staged)
        if outcome == "pruned":  # nobody will go on with it
            staged.drop()
            return False
        return reopening.leave_to_user(parts, staged)


USED: Innermost[Store] = Innermost("pystore in use")  # the stores that blocks use
