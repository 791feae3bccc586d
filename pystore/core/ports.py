"""Ports: what the other rooms need from a store, and from what finds results in other places.

The directory (`Store`) and the fake of the tests (`MemoryStore`) pass one conformance suite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .attempt import Attempt, AttemptReport, Committed, Trace
from .candidate import Candidate
from .config import Config
from .context import Context
from .events import Listener
from .kept_code import CodeText
from .manifest import Manifest
from .matchers import Matcher
from .refs import DRef, RRef

if TYPE_CHECKING:
    from pathlib import Path  # a type only: this room touches no files

    from .holding import Holding

Staged = TypeVar("Staged")  # the output directory of an attempt, as one kind of store makes it


class Lock(Protocol):
    """The right to build one (derivation, context)."""

    def acquire(self, patience: float = 0.0) -> bool:
        """Takes the lock, waiting at most `patience` [s]. Returns whether we hold it now."""

    def release(self) -> None:
        """Gives the lock up, if we hold it."""


class Substituter(Protocol):
    """Finds results in other places."""

    def ask(self, config: Config, context: Context, listener: Listener, source: str = "") -> bool:
        """Asks other places for results of a derivation in a context.

        `source` is the digest of the realizer's source, where its code is not in the config.
        Returns whether another place has attempts or bytes.
        """

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """The candidates of the store and those that could be fetched, merged."""

    def fetch(self, rrefs: tuple[RRef, ...]) -> bool:
        """Fetches those of these realizations that the store lacks. Returns whether it has all."""

    def record_found(self, dref: DRef) -> None:
        """Records the attempts that other places have told, before more are made here."""


class Choices(Protocol):
    """What earlier calls for the same targets have chosen."""

    def find(self, dref: DRef, rule: str, inputs: Collection[DRef]) -> tuple[RRef, ...] | None:
        """What was chosen for a derivation by a rule, if nothing has changed since."""

    def stamps(self, dref: DRef) -> Any:
        """The state of a derivation, to be read before its candidates are."""

    def note(self, dref: DRef, rule: str, rrefs: Iterable[RRef], stamps: Any) -> None:
        """Notes a choice that was made after this state was read."""

    def keep(self) -> None:
        """Keeps the choices for the next call."""

    def forget(self) -> None:
        """Forgets all choices: one of them was not true."""


class CodeReader(Protocol):
    """Knows derivations and their attempts, so that one can tell by which code these are."""

    def drefs(self) -> list[DRef]:
        """The known derivations, sorted."""

    def config(self, dref: DRef) -> Config:
        """The config of a known derivation. Raises NotInStore."""

    def holdings(self, drefs: Iterable[DRef]) -> Mapping[DRef, Holding]:
        """What is here of these derivations: their attempts in columns, and more."""

    def in_full(self, outline: Attempt) -> Attempt | None:
        """An attempt of a holding with all that its record says; None if that is gone."""

    def counts_since(self, attempt: Attempt) -> int:
        """The adoption of an attempt, else its start [ns since the epoch, UTC]."""


class StoreReader(CodeReader, Protocol):
    """A store that is read."""

    @property
    def id(self) -> str:
        """Tells this store from one that was at the same place before."""

    @property
    def root(self) -> Path:
        """The directory of the store."""

    def home(self, ref: DRef | RRef) -> Path:
        """The directory of a derivation or of a realization, whether it is there or not."""

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are here, sorted."""

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore."""

    def manifest(self, rref: RRef) -> Manifest:
        """The artifacts of a realization. Raises NotInStore."""

    def tree(self, rref: RRef) -> str:
        """The whole digest of the manifest of a realization. Raises NotInStore."""

    def path(self, rref: RRef) -> Path:
        """The directory of the artifacts of a realization. Raises NotInStore."""

    def hold(self, rrefs: tuple[RRef, ...], user: object | None = None) -> bool:
        """Keeps these from gc until they are released. Returns False when one is gone."""

    def release(self, rrefs: Iterable[RRef], user: object | None = None) -> None:
        """Lets gc collect these, unless something else holds them."""

    def rejection(self, rref: RRef) -> str:
        """Why a realization must not be used; "" if nobody has rejected it."""

    def attempts(self, dref: DRef) -> list[Attempt]:
        """All attempts, in the order of their starts."""

    def code(self, digest: str) -> CodeText | None:
        """The text behind a digest of code; None if it was not kept."""

    def trace(self, attempt: Attempt) -> Trace:
        """The metrics that an attempt told over its steps."""

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """The realizations that a matcher may choose from, with the files that it reads."""

    def count_in_other_contexts(self, dref: DRef, context: Context) -> int:
        """The number of realizations that attempts have made from other inputs."""

    def adoptable(self, config: Config, context: Context) -> list[Candidate]:
        """Realizations of derivations with the same resolved config that this one lacks."""


class StoreBuilder(StoreReader, Protocol[Staged]):
    """A store in which results are built."""

    def record(self, configs: Iterable[Config]) -> None:
        """Makes sure that these derivations are known."""

    def lock(self, dref: DRef, context: Context) -> Lock:
        """The lock of one (derivation, context), not yet acquired."""

    def owner(self, dref: DRef, context: Context) -> str:
        """The process that builds this derivation in this context now, in words."""

    def building(self) -> AbstractContextManager[None]:
        """Marks this process as building inside the block."""

    def keep_code(self, texts: Mapping[str, CodeText]) -> None:
        """Makes sure that these texts of code are kept, by their digests."""

    def choices(self, targets: Collection[DRef]) -> Choices | None:
        """What earlier calls for these targets have chosen; None where that is not kept."""

    def chosen_by(self, dref: DRef, matcher: Matcher) -> None:
        """Makes sure that gc knows that this matcher chooses among the realizations of `dref`."""

    def begin(self, config: Config, context: Context, seed: int | None = None) -> Staged:
        """A new staging and attempt number. With `seed`, the attempt has this seed again."""

    def commit(self, staging: Staged, told: AttemptReport) -> Committed:
        """Turns a staging into a realization."""

    def fail(self, staging: Staged, told: AttemptReport, error: BaseException) -> bool:
        """Records an attempt that failed or was stopped. Returns whether its staging was kept."""

    def scratch(self, staging: Staged) -> Path:
        """A directory that survives the failure of the attempt, for the next try."""

    def logdir(self, staging: Staged) -> Path:
        """A directory beside the record of the attempt; no part of the output."""

    def log_path(self, dref: DRef, context: str, number: int) -> Path:
        """The file for what an attempt prints, whether there is one or not."""

    def adopt(
        self, config: Config, context: Context, found: Iterable[Candidate], notes: dict[str, str]
    ) -> list[tuple[RRef, int]]:
        """Takes over realizations with their attempts; returns the number of attempts of each."""
