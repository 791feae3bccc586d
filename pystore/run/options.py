"""RunOptions: every option of `realize`, as one value."""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from ..core.dataclasses import dataclass
from ..core.derivation import Derivation
from ..core.errors import BadStage
from ..core.events import Listener, ignore
from ..core.options import checked_count
from ..core.resources import checked_seconds
from ..store.remote.settings import Remotes

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..store.staging import Builder

_COUNTS = {"attempts": 1, "max_attempts": 1, "retries": 0}  # the least that each may be

Forced = bool | str | Derivation | Collection[str | Derivation]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `realize`, which explains them. Raises BadStage for a bad option."""

    force_rebuild: Forced = ()
    attempts: int = 1
    build: bool = True
    keep_going: bool = False
    store: "Builder | None" = None
    executor: "Executor | None" = None
    listener: Listener = ignore
    stop: Callable[[], int] | None = None
    max_attempts: int = 100
    timeout: float | None = None
    lock_timeout: float | None = None
    progress: bool | None = None
    capture: bool = False
    substitute: Remotes | None = None
    trusted_keys: str | Iterable[str] | None = None
    workers: int | None = None
    gpus: Collection[int | str] | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            count = checked_count(name, getattr(self, name), least=least)
            object.__setattr__(self, name, count)
        checked_seconds("timeout", self.timeout)
        checked_seconds("lock_timeout", self.lock_timeout)
        if self.executor is None:
            return
        from concurrent.futures import Executor  # for its weight

        if not isinstance(self.executor, Executor):
            raise BadStage(
                "executor is no concurrent.futures.Executor",
                given=repr(self.executor)[:200],
                remedy="write: with ThreadPoolExecutor(4) as pool: realize(…, executor=pool)",
            )
        if self.workers or self.gpus:
            raise BadStage(
                "an executor and workers are two ways to run realizers",
                remedy="pass one: executor=Workers(2, gpus=[0]), or workers=2, gpus=[0]",
            )

    @property
    def stopped(self) -> bool:
        """Whether the caller has asked to end the call."""
        return self.stop is not None and bool(self.stop())

    @property
    def stopped_at_once(self) -> bool:
        """Whether the caller has asked to end what runs in workers, too."""
        return self.stop is not None and self.stop() >= 2
