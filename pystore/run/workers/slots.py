"""Slots: what a machine has, and what the attempts that run now have taken of it."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ...core.errors import BadStage
from ...core.resources import Resources


@dataclass(frozen=True)
class Outfit:
    """What a worker process is started with, since libraries read it once."""

    gpus: tuple[int | str, ...] | None  # None: as this process sees them
    threads: int  # of numerical libraries

    def environment(self, inherited: dict[str, str]) -> dict[str, str]:
        """The environment of such a process; what a user has set stays."""
        limits = {name: str(self.threads) for name in _THREADS}
        seen = {} if self.gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(map(str, self.gpus))}
        return {**limits, **inherited, **seen}


_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def checked_gpus(gpus: Collection[int | str]) -> tuple[int | str, ...]:
    """The names of devices. Raises BadStage for what cannot be given out one by one."""
    named = isinstance(gpus, Collection) and not isinstance(gpus, (str, bytes, Mapping))
    if named and len(set(gpus)) == len(gpus) and all(_is_device(gpu) for gpu in gpus):
        return tuple(gpus)
    raise BadStage(
        "gpus are the devices to give out, each once",
        given=repr(gpus)[:200],
        remedy='gpus=[0, 1], or the names that nvidia-smi -L shows: gpus=["GPU-8932f937", …]',
    )


def _is_device(gpu: object) -> bool:
    if isinstance(gpu, str):
        return bool(gpu) and "," not in gpu
    return type(gpu) is int and gpu >= 0


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # Linux: what a scheduler may have narrowed
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@dataclass
class Slots:
    """The machine's resources, as far as they are free.

    An attempt that wants more processors than there are runs alone; one that wants more memory,
    beside none that wants any.
    """

    workers: int
    gpus: tuple[int | str, ...] | None  # None: not told, so none can be given
    cpus: int = field(default_factory=_cores)
    memory: int = field(
        default_factory=lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    )  # [bytes]

    def __post_init__(self) -> None:
        self.room = max(self.cpus, self.workers)  # who asks for four workers gets four
        self._taken: list[tuple[Resources, Outfit]] = []

    @property
    def full(self) -> bool:
        """Whether there is no room for anything."""
        return len(self._taken) >= self.workers

    def check(self, terms: Resources, what: str) -> None:
        """Raises BadStage when this machine can never meet the terms."""
        have = len(self.gpus or ())
        if terms.gpu > have:
            raise BadStage(
                f"{what} wants gpu={terms.gpu}, and there are {have} to give",
                remedy=f"name them: realize(…, workers=…, gpus={list(range(terms.gpu))}), or "
                f"--gpus {','.join(map(str, range(terms.gpu)))}",
            )

    def take(self, terms: Resources) -> Outfit | None:
        """What an attempt gets, or None when there is no room for it now."""
        taken = [held for held, _ in self._taken]
        fits = (
            len(taken) < self.workers
            and sum(self._cpus(t) for t in (*taken, terms)) <= self.room
            and sum(self._memory(t) for t in (*taken, terms)) <= self.memory
        )
        given = {gpu for _, outfit in self._taken for gpu in outfit.gpus or ()}
        free = [gpu for gpu in self.gpus or () if gpu not in given]
        if not fits or len(free) < terms.gpu:
            return None
        gpus = None if self.gpus is None else tuple(free[: terms.gpu])
        share = max(terms.cpus, self.cpus // self.workers, 1)
        outfit = Outfit(gpus, min(share, self.cpus))
        self._taken.append((terms, outfit))
        return outfit

    def give_back(self, terms: Resources, outfit: Outfit) -> None:
        """Frees what an attempt had."""
        self._taken.remove((terms, outfit))

    def _cpus(self, terms: Resources) -> int:
        return min(terms.cpus, self.room)

    def _memory(self, terms: Resources) -> int:
        return min(terms.memory, self.memory)
