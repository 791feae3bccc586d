"""Reader: what a store holds, for everything that reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from ..core.attempt import Attempt, Trace
from ..core.config import Config
from ..core.context import CONTEXT, Context, parse_provenance
from ..core.errors import BadRef, Corrupted, NotInStore
from ..core.later import later
from ..core.refs import DRef, RRef
from . import attempts, derivations, disk, rights, verdicts
from .parts import Parts

if TYPE_CHECKING:
    from types import ModuleType

    from ..core import manifest, same_run
    from ..core.candidate import Candidate
    from ..core.holding import Holding
    from ..core.kept_code import CodeText
    from ..core.listing import Listing
    from . import adopt, attempt_files, below, candidates, kept_code, shared_files
    from .changes import Changes, Token
    from .shared_files import DiskFile
    from .told import Told
else:
    later(globals(), "..core.manifest", "..core.same_run", ".adopt", ".attempt_files")
    later(globals(), ".below", ".candidates", ".kept_code", ".shared_files")

State = Literal["here", "rejected", "damaged"]


@rights.explained_methods
class Reader:
    """The realizations, attempts and configs of a store, and those of the store below it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @property
    def root(self) -> Path:
        """The directory of the store."""
        return self.parts.layout.root

    @property
    def id(self) -> str:
        """The identity of the store; another store at the same path has another one."""
        return self.parts.id

    @property
    def own(self) -> Reader:
        """This store without the one below. Only this may be collected, checked and removed."""
        return Reader(self.parts.own)

    # --- derivations -------------------------------------------------------------------

    def config(self, dref: DRef) -> Config:
        """The config of a known derivation. Raises NotInStore, or Corrupted when it is damaged."""
        for layout in self.parts.layout.readable:
            try:
                return derivations.read(layout, DRef(dref))
            except FileNotFoundError:
                continue
            except Corrupted as error:
                raise self._damaged(dref, error.what) from None
        raise self.absent(dref)

    def drefs(self) -> list[DRef]:
        """The known derivations, sorted."""
        layouts = self.parts.layout.readable
        return sorted({dref for one in layouts for dref in derivations.known(one)})

    def home(self, ref: DRef | RRef) -> Path:
        """The directory of a derivation or of a realization, whether it is there or not."""
        layout = self.parts.layout
        if isinstance(ref, DRef):
            return Path(layout.keeper(ref).derivation(ref))
        return Path(layout.holder(ref).realization(ref))

    def at(self, path: Path) -> DRef | RRef | None:
        """The realization whose directory has a real path in it, else the derivation, else None."""
        drv = self.parts.layout.drv.resolve()
        if not path.is_relative_to(drv):
            return None
        home, digest = [*path.relative_to(drv).parts, "", ""][:2]
        for kind, text in ((RRef, f"rref:{digest}-{home}"), (DRef, f"dref:{home}")):
            with suppress(BadRef):
                return kind(text)
        return None

    def pinned(self, name: str) -> RRef | None:
        """The realization that a pin names, whether its bytes are here or not; None without one."""
        found = self.at(Path(os.path.realpath(self.parts.layout.roots / name)))
        return found if isinstance(found, RRef) else None

    def only_below(self, ref: DRef | RRef) -> Path | None:
        """The root of the store below, if only that one holds `ref`; else None."""
        under, own = self.parts.layout.below, self.own
        if under is None:
            return None
        if ref.dref not in (known := own.drefs()):
            return under.root
        held = own.realizations(ref.dref) if isinstance(ref, RRef) else known
        return None if ref in held else under.root

    def changes(self, drefs: Iterable[DRef] | None = None, since: Token | None = None) -> Changes:
        """The derivations that may have changed since a look; all of them without a token.

        Changes are attempts that began or ended, realizations that came or went, and rejections.
        Each call gives a token for the next one, and no change in between is missed. A call looks
        at `drefs`, or at all derivations. Substituters are not asked.
        """
        from .changes import changes_since  # for its weight

        return changes_since(self.parts.layout, None if drefs is None else set(drefs), since)

    # --- realizations ------------------------------------------------------------------

    def realizations(self, dref: DRef, prefix: str = "") -> list[RRef]:
        """The realizations whose bytes are here and whose digits start with `prefix`, sorted.

        Raises NotInStore.
        """
        found: set[RRef] | None = None
        for layout in self.parts.layout.readable:
            with suppress(FileNotFoundError):
                found = (found or set()) | set(layout.realizations(DRef(dref), prefix))
        if found is None:
            raise self.absent(dref)
        return sorted(found)

    def states(self, dref: DRef) -> dict[RRef, State]:
        """Whether each realization is here, rejected or damaged.

        A realization that is not in the result is gone. Raises NotInStore.
        """
        states: dict[RRef, State] = dict.fromkeys(self.realizations(dref), "here")
        damaged = below.marked(self.parts.layout, dref, "damaged")
        states.update((rref, "damaged") for rref in damaged if rref in states)
        states.update((rref, "rejected") for rref in self.rejected(dref))
        return states

    def rejected(self, dref: DRef) -> set[RRef]:
        """The realizations of a derivation that must not be used."""
        return below.marked(self.parts.layout, dref, "rejected")

    def rejection(self, rref: RRef) -> str:
        """Why a realization must not be used; "" if nobody has rejected it."""
        return str(below.verdict(self.parts.layout, rref, "rejected").get("reason", ""))

    def is_trusted(self, rref: RRef) -> bool:
        """Whether it was built here, or a key that was trusted has signed the record of it.

        What a record says of itself does not count.
        """
        layouts = [one for one in (self.parts.layout, self.parts.layout.below) if one is not None]
        folders = [layout.attempts(rref.dref) for layout in layouts]
        for attempt in self.attempts(rref.dref):
            if attempt.rref != rref or all(
                attempts.ran_elsewhere(folder, attempt) for folder in folders
            ):
                continue
            origin = attempt.notes.get("adopted")
            if origin is None or (origin != rref and self.is_trusted(RRef(origin))):
                return True
        return False

    def verdicts(self, rref: RRef) -> dict[str, str]:
        """Why a realization is not used, under "rejected" and "damaged".

        Under "forgotten", that it was made of rows that were forgotten since.
        """
        found = {kind: below.verdict(self.parts.layout, rref, kind) for kind in verdicts.KINDS}
        return {kind: verdicts.said(kind, facts) for kind, facts in found.items() if facts}

    def built(self, dref: DRef) -> list[int]:
        """The times of the directories of all realizations that are here [ns since the epoch]."""
        found: dict[str, str] = {}
        for layout in self.parts.layout.readable:
            home = layout.derivation(dref)
            found.update((name, home) for name in attempts.names(home) if len(name) == 32)
        times = []
        for name, home in found.items():
            with suppress(FileNotFoundError):  # it was removed just now
                times.append(os.stat(f"{home}/{name}").st_mtime_ns)
        return times

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore, or Corrupted when it is damaged."""
        try:
            holder = self.parts.layout.holder(RRef(rref))
            return parse_provenance(disk.read(f"{holder.realization(rref)}/{CONTEXT}"))[1]
        except FileNotFoundError:
            raise self.absent(rref) from None
        except Corrupted as error:
            raise self._damaged(rref, str(error)) from None

    def manifest(self, rref: RRef) -> manifest.Manifest:
        """The artifacts of a realization. Raises NotInStore, Corrupted."""
        try:
            text = disk.read(self.home(RRef(rref)) / manifest.MANIFEST)
            return manifest.Manifest.parse(text)
        except FileNotFoundError:
            raise self.absent(rref) from None
        except Corrupted as error:
            raise error.having(rref=rref, remedy="pystore verify says more") from None

    def tree(self, rref: RRef) -> str:
        """The whole digest of the manifest of a realization. Raises NotInStore, Corrupted."""
        try:
            return adopt.tree_of(self.parts.layout, rref)
        except FileNotFoundError:
            raise self.absent(rref) from None

    def path(self, rref: RRef) -> Path:
        """The directory of the artifacts of a realization.

        Raises NotInStore, and Corrupted if verify has found damage.
        """
        holder = self.parts.layout.holder(RRef(rref))
        if verdicts.stands(holder.attempts(rref.dref), rref, "damaged"):
            raise self._damaged(rref, "verify found it damaged")
        if not holder.has(rref):
            raise self.absent(rref)
        return Path(holder.out(rref))

    def file(self, rref: RRef, path: str) -> Path:
        """The path of an artifact of a realization, whether it exists or not."""
        return self.home(rref) / "out" / path

    def open(self, rref: RRef, path: str) -> BinaryIO:
        """An artifact, open to be read. Raises OSError, also where it is no plain file."""
        return disk.open_regular(self.file(rref, path))

    def disk_files(self, rrefs: Iterable[RRef]) -> dict[RRef, list[DiskFile]]:
        """The files of each of these realizations; an empty list for one that is gone."""
        outs = {rref: self.home(rref) / "out" for rref in rrefs}
        return shared_files.disk_files(self.parts.layout.readable, outs)

    # --- attempts ----------------------------------------------------------------------

    def holdings(self, drefs: Iterable[DRef]) -> dict[DRef, Holding]:
        """What is here of these derivations, in columns; of many, an index is used."""
        found: dict[DRef, Holding] = _index().holdings(self.parts, list(drefs))
        return found

    def listings(self, held: Mapping[DRef, Holding]) -> dict[DRef, Listing]:
        """The artifacts of what is here of these derivations; of many, an index is used."""
        found: dict[DRef, Listing] = _index().listings(self.parts, held)
        return found

    def in_full(self, outline: Attempt) -> Attempt | None:
        """An attempt of a holding with all that its record says; None if that is gone."""
        if outline.outcome in ("running", "died"):
            return outline
        folders = (one.attempts(outline.dref) for one in self.parts.layout.readable)
        found = (attempt_files.recorded(folder, outline) for folder in folders)
        return next((one for one in found if one is not None), None)

    def attempts(self, dref: DRef) -> list[Attempt]:
        """All attempts of a derivation, in the order of their starts."""
        folder = self.parts.layout.attempts(DRef(dref))
        own = attempts.read_all(folder, dref, self.parts.staging_area)
        return same_run.merge(own, below.all_attempts(self.parts.layout, dref))

    def unfinished(self, drefs: Iterable[DRef] | None = None) -> list[Attempt]:
        """The attempts that run, and those that died and were not tried again, oldest first.

        Of `drefs`, or of all derivations. They have the metrics that they told.
        """
        found = []
        for dref in self.drefs() if drefs is None else drefs:
            for one in self.parts.layout.readable:
                own = one is self.parts.layout
                area = self.parts.staging_area if own else one.tmp
                found += attempts.read_unfinished(one.attempts(dref), dref, area)
        return sorted(found, key=lambda attempt: attempt.order)

    def told(self, attempt: Attempt) -> Told:
        """What an attempt without a record has told so far, with the end of its trace."""
        from .told import read_last  # for its weight

        return read_last(self._live_path(attempt))

    def told_since(self, attempt: Attempt, place: int) -> tuple[list[dict[str, Any]], int]:
        """What it has told since a place in its file, and the place for the next look."""
        from .told import lines_since  # for its weight

        return lines_since(self._live_path(attempt), place)

    def _live_path(self, attempt: Attempt) -> str:
        home = below.home(self.parts.layout, attempt)
        return attempts.live_path(home.attempts(attempt.dref), attempt.context, attempt.number)

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """The realizations that attempts made in this context; a matcher chooses among them."""
        return below.candidates(self.parts.layout, dref, context.digest, tuple(reads))

    def all_candidates(self, dref: DRef, reads: Iterable[str] = ()) -> list[Candidate]:
        """The realizations that attempts made in any context."""
        return below.candidates(self.parts.layout, dref, "", tuple(reads))

    def latest(self, drefs: Iterable[DRef]) -> Attempt | None:
        """The last attempt whose realization can be used; None if there is none."""
        layouts = self.parts.layout.readable
        made = (a for dref in drefs for one in layouts for a in candidates.last(one, dref))
        return max(made, key=lambda attempt: attempt.order, default=None)

    def count_in_other_contexts(self, dref: DRef, context: Context) -> int:
        """The number of realizations that attempts have made from other inputs."""
        return len(below.made(self.parts.layout, dref, without=context.digest))

    def adoptable(self, config: Config, context: Context) -> list[Candidate]:
        """Realizations of derivations with the same resolved config that this one lacks."""
        return list(adopt.adoptable(self.parts.layout, config, context))

    def owner(self, dref: DRef, context: Context) -> str:
        """The process that builds this derivation now: its host, its number and its start."""
        return attempts.owner(self.parts.layout.attempts(dref), context.digest)

    def counts_since(self, attempt: Attempt) -> int:
        """The adoption of an attempt, else its start [ns since the epoch, UTC]."""
        if "adopted" not in attempt.notes:
            return attempt.start
        folder = self.parts.layout.keeper(attempt.dref).attempts(attempt.dref)
        begin = attempts.read_begin(folder, attempt.context, attempt.number)
        return max(attempt.start, int(begin.get("start", 0)))

    def has_imported(self, dref: DRef) -> bool:
        """Whether attempts of other stores are among those of a derivation."""
        return attempts.has_imported(self.parts.layout.attempts(dref))

    def beside(self, attempt: Attempt, kind: Literal["log", "logs", "scratch"]) -> Path:
        """The log file, or the directory of logs or scratch, whether it is there or not."""
        home = below.home(self.parts.layout, attempt)
        return Path(home.beside(attempt.dref, attempt.context, attempt.number, kind))

    def log_path(self, dref: DRef, context: str, number: int) -> Path:
        """The file for what an attempt prints, whether there is one or not."""
        return Path(self.parts.layout.beside(dref, context, number, "log"))

    def trace(self, attempt: Attempt) -> Trace:
        """The metrics that an attempt told at its steps; empty if it told none."""
        return attempt_files.read_trace(below.home(self.parts.layout, attempt), attempt)

    def diff(self, attempt: Attempt) -> bytes:
        """The diff of the project from its last revision; empty if there is none."""
        return attempt_files.read_diff(below.home(self.parts.layout, attempt), attempt)

    def code(self, digest: str) -> CodeText | None:
        """The text behind a digest of code; None if it was not kept. Raises Corrupted."""
        return kept_code.read(self.parts.layout, digest)

    # --- errors ------------------------------------------------------------------------

    def absent(self, ref: DRef | RRef) -> NotInStore:
        """The error for a reference to something that is not here."""
        under = self.parts.layout.below
        return NotInStore(
            "the store does not hold this",
            ref=ref,
            store=self.root,
            below=under and under.root,
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


def _index() -> ModuleType:
    from .index import above  # for weight: what builds goes without it

    return above
