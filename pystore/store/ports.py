"""The protocol of a store: what the build loop needs from one.

Realizations appear whole, never change, and can be found again. The local directory (`Store`) and
the one for tests (`MemoryStore`) pass one conformance suite.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..core.attempt import Attempt
from ..core.candidate import Candidate
from ..core.config import Config
from ..core.context import Context
from ..core.events import Listener
from ..core.manifest import Manifest
from ..core.matchers import Matcher
from ..core.refs import DRef, RRef
from .commit import Committed
from .metrics import Trace
from .staging import Staging


@dataclass
class AttemptReport:
    """What the build loop tells about an attempt, beside its output."""

    realizer: str = ""
    source: str = ""
    outside: set[str] = field(default_factory=set)  # link targets that may lie outside
    notes: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    trace: Trace = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of imported packages, and more
    diff: bytes = b""  # how the project's files differ from its last revision
    reads: dict[str, str] | None = None  # of a try before, where the staging does not know


class Lock(Protocol):
    """The right to build one (derivation, context)."""

    def acquire(self, patience: float = 0.0) -> bool:
        """Whether we hold it now, after waiting for at most `patience` [s]."""

    def release(self) -> None:
        """Gives it up, if we hold it."""


class Substituter(Protocol):
    """What the build loop needs from something that finds results in other places."""

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


class StoreProtocol(Protocol):
    """What the build loop, and the functions that look into a store, need from it."""

    @property
    def id(self) -> str:
        """Tells this store from one that was at the same place before."""

    @property
    def root(self) -> Path:
        """The directory that it lives in."""

    def record(self, configs: Iterable[Config]) -> None:
        """Makes sure that these derivations are known."""

    def config(self, dref: DRef) -> Config:
        """The config of a known derivation. Raises NotInStore."""

    def drefs(self) -> list[DRef]:
        """The known derivations, sorted."""

    def realizations(self, dref: DRef) -> list[RRef]:
        """The realizations whose bytes are here, sorted."""

    def attempts(self, dref: DRef) -> list[Attempt]:
        """All attempts, in the order of their starts."""

    def candidates(
        self, dref: DRef, context: Context, reads: Iterable[str] = ()
    ) -> list[Candidate]:
        """What a matcher may choose from, with the files that it reads."""

    def count_in_other_contexts(self, dref: DRef, context: Context) -> int:
        """How many realizations attempts have made for other inputs."""

    def context(self, rref: RRef) -> Context:
        """The context of a realization. Raises NotInStore."""

    def tree(self, rref: RRef) -> str:
        """The whole digest of its manifest. Raises NotInStore."""

    def path(self, rref: RRef) -> Path:
        """The directory of its artifacts. Raises NotInStore."""

    def manifest(self, rref: RRef) -> Manifest:
        """The artifacts of a realization. Raises NotInStore."""

    def home(self, ref: DRef | RRef) -> Path:
        """The directory of a derivation or of a realization, whether it is there or not."""

    def counts_since(self, attempt: Attempt) -> int:
        """When an attempt came to count [ns since the epoch, UTC]: its adoption or its start."""

    def rejection(self, rref: RRef) -> str:
        """Why a realization must not be used; "" where nobody has rejected it."""

    def lock(self, dref: DRef, context: Context) -> Lock:
        """The lock of one (derivation, context), not yet acquired."""

    def owner(self, dref: DRef, context: Context) -> str:
        """Who builds it now, in words."""

    def building(self) -> AbstractContextManager[None]:
        """Marks this process as building inside the block."""

    def hold(self, rrefs: tuple[RRef, ...], user: object | None = None) -> bool:
        """Keeps these until they are released. Returns False when one is not there any more."""

    def release(self, rrefs: Iterable[RRef], user: object | None = None) -> None:
        """Lets go of these, as far as nothing else holds them."""

    @property
    def held(self) -> frozenset[RRef]:
        """The realizations that this process holds."""

    def chosen_by(self, dref: DRef, matcher: Matcher) -> None:
        """Makes sure that this matcher is known to choose among the realizations of this."""

    def begin(self, config: Config, context: Context, seed: int | None = None) -> Staging:
        """A fresh staging and attempt number; with `seed`, that of the attempt to repeat."""

    def commit(self, staging: Staging, told: AttemptReport) -> Committed:
        """Turns a staging into a realization."""

    def fail(self, staging: Staging, told: AttemptReport, error: BaseException) -> bool:
        """Records an attempt that failed or was stopped. Returns whether its staging was kept."""

    def adoptable(self, config: Config, context: Context) -> list[Candidate]:
        """The realizations of others with the same resolved config that this one lacks."""

    def adopt(
        self, config: Config, context: Context, found: Iterable[Candidate], notes: dict[str, str]
    ) -> list[tuple[RRef, int]]:
        """Takes over realizations of others, with their attempts; says how many of each."""

    def scratch(self, staging: Staging) -> Path:
        """A directory that survives the failure of the attempt, for the next try."""

    def logdir(self, staging: Staging) -> Path:
        """A directory beside the record of the attempt; no part of the output."""

    def log_path(self, dref: DRef, context: str, number: int) -> Path:
        """The file for what an attempt prints, whether there is one or not."""

    def trace(self, attempt: Attempt) -> Trace:
        """The metrics that an attempt told over its steps."""

    def remove(self, rref: RRef) -> None:
        """Removes a realization's bytes; its attempts stay. Raises NotInStore."""

    def remove_derivation(self, dref: DRef) -> None:
        """Removes a derivation with everything that belongs to it. Raises NotInStore."""
