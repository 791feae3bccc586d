"""Slots: the resources of this machine, and what the running attempts have taken."""

import os
from collections.abc import Collection, Mapping

from ...core.dataclasses import dataclass, field
from ...core.errors import BadStage
from ...core.resources import Resources


@dataclass(frozen=True)
class Outfit:
    """The devices and threads of a worker process, which libraries read once, at its start."""

    gpus: tuple[int | str, ...] | None  # None: the devices that this process sees
    threads: int  # of numerical libraries

    def environment(self, inherited: dict[str, str]) -> dict[str, str]:
        """The environment of such a process. Variables that the user has set stay."""
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
    """The names of the devices. Raises BadStage unless each is a name, and stands once."""
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
    # Linux: a scheduler may allow fewer than there are.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@dataclass
class Slots:
    """The resources of this machine that are free.

    An attempt that asks for more processors than there are runs alone. One that asks for more
    memory than there is runs beside attempts that ask for none.
    """

    workers: int
    gpus: tuple[int | str, ...] | None  # None: none are known, so none can be given
    cpus: int = field(default_factory=_cores)
    memory: int = field(
        default_factory=lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    )  # [bytes]

    def __post_init__(self) -> None:
        # Four workers run four attempts, whatever the processors.
        self.room = max(self.cpus, self.workers)
        self._taken: list[tuple[Resources, Outfit]] = []

    @property
    def full(self) -> bool:
        """Whether every worker is taken."""
        return len(self._taken) >= self.workers

    def check(self, resources: Resources, what: str) -> None:
        """Raises BadStage when this machine lacks the resources."""
        have = len(self.gpus or ())
        if resources.gpu > have:
            raise BadStage(
                f"{what} wants gpu={resources.gpu}, and there are {have} to give",
                remedy=f"name them: realize(…, workers=…, gpus={list(range(resources.gpu))}), or "
                f"--gpus {','.join(map(str, range(resources.gpu)))}",
            )

    def take(self, resources: Resources) -> Outfit | None:
        """The outfit for an attempt; None when there is no room for it now."""
        taken = [held for held, _ in self._taken]
        fits = (
            len(taken) < self.workers
            and sum(min(one.cpus, self.room) for one in (*taken, resources)) <= self.room
            and sum(min(one.memory, self.memory) for one in (*taken, resources)) <= self.memory
        )
        given = {gpu for _, outfit in self._taken for gpu in outfit.gpus or ()}
        free = [gpu for gpu in self.gpus or () if gpu not in given]
        if not fits or len(free) < resources.gpu:
            return None
        gpus = None if self.gpus is None else tuple(free[: resources.gpu])
        share = max(resources.cpus, self.cpus // self.workers, 1)
        outfit = Outfit(gpus, min(share, self.cpus))
        self._taken.append((resources, outfit))
        return outfit

    def give_back(self, resources: Resources, outfit: Outfit) -> None:
        """Frees what an attempt has taken."""
        self._taken.remove((resources, outfit))
