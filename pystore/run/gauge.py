"""Usage of the machine: reads what this process and those it has started take of it.

GA1  An attempt that is short is not measured: nothing is read, and nothing told.
GA2  An attempt that is long has few points: they lie further apart the longer it runs.
GA3  No memory between two points is lost: the highest that was read since the last one counts, and
     one that is much higher than all before is told at once.
GA4  What cannot be read is left out, and disturbs nothing.
GA5  A process that has ended, and was waited for, counts in the CPU of the one that started it.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import BadSettings, PystoreWarning
from ..core.machine_usage import CPU, GPU, MEMORY, is_peak
from ..store.defaults import defaults

EVERY = 5.0  # [s] between two readings
_SPREAD = 0.01  # of the time since the start lies between two points
_MUCH = 1.1  # times the highest memory so far is told at once
_MB = 1e6


class Reading(NamedTuple):
    """What the processes take now."""

    cpu: float  # [s] that they have computed
    levels: Mapping[str, float]  # by the names of usage, without CPU


class Gauge:
    """Measures one attempt: call `look` as often as you like."""

    def __init__(
        self,
        before: int = 0,
        *,
        read: Callable[[], Reading] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`before` is how long [s] the attempt has run in processes that died."""
        self._before, self._read, self._clock = before, read or read_usage, clock
        self._start = clock()
        self._next = self._start + EVERY
        self._told: tuple[float, float] | None = None  # when [s], and the CPU time [s] then
        self._levels: dict[str, list[float]] = {}  # since the last point
        self._highest = 0.0

    def look(self) -> tuple[int, dict[str, float]] | None:
        """A point, if one is due: how long the attempt has run [s], and its usage."""
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + EVERY
        cpu, levels = self._read()
        for name, level in levels.items():
            self._levels.setdefault(name, []).append(level)
        if self._told is None:
            self._told = now, cpu
        elif self._is_due(now, levels.get(MEMORY, 0.0)):
            return self._before + round(now - self._start), self._point(now, cpu)
        return None

    def _is_due(self, now: float, memory: float) -> bool:
        assert self._told is not None, "the first reading is none"
        much = memory > _MUCH * self._highest
        return much or now - self._told[0] >= _SPREAD * (now - self._start)

    def _point(self, now: float, cpu: float) -> dict[str, float]:
        assert self._told is not None, "the first reading is none"
        at, before = self._told
        point = {CPU: round(100 * max(cpu - before, 0.0) / (now - at), 1)}
        for name, read in self._levels.items():
            point[name] = round(max(read) if is_peak(name) else sum(read) / len(read), 1)
        self._highest = max(self._highest, point.get(MEMORY, 0.0))
        self._told = now, cpu
        self._levels.clear()
        return point


def is_measured() -> bool:
    """Whether the settings want it. A warning names a setting that is wrong."""
    try:
        return defaults().measures_usage()
    except BadSettings as error:
        warnings.warn(f"no usage is measured: {error}", PystoreWarning, stacklevel=2)
        return False


def read_usage() -> Reading:
    """What this process, and those that it has started, take now (GA4)."""
    own, cpu, memory = os.getpid(), 0.0, 0.0
    for pid in _family(own):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            memory += _memory(pid, whole=pid == own)
            cpu += _cpu(pid)
    levels = {MEMORY: memory / _MB} if memory else {}
    return Reading(cpu or sum(os.times()[:4]), {**levels, **_gpus()})


def _family(pid: int) -> Iterator[int]:
    """A process and those below it. Only Linux tells them."""
    left = [pid]
    while left:
        yield (one := left.pop())
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{one}/task"):
                with suppress(OSError):  # it has just ended, or the kernel does not tell
                    left += map(int, _text(f"/proc/{one}/task/{thread}/children").split())


def _cpu(pid: int) -> float:
    """The CPU time [s] of a process, and of those it has waited for (GA5). Source: proc(5)."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()  # a name may have spaces
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, *, whole: bool) -> float:
    """The memory [bytes] of a process; unless `whole`, without files that it shares."""
    fields = _text(f"/proc/{pid}/statm").split()
    pages = int(fields[1]) - (0 if whole else int(fields[2]))
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _text(path: str) -> str:
    return Path(path).read_text("utf-8", errors="replace")


def _gpus() -> dict[str, float]:
    """How busy the GPUs of the machine are, and their memory in use; whoever uses them."""
    levels: dict[str, float] = {}
    library, handles = _devices(os.getpid())
    for number, handle in enumerate(handles):
        with suppress(Exception):  # of NVIDIA's library: a GPU that fell off its bus, say
            levels[f"{GPU}{number}"] = library.nvmlDeviceGetUtilizationRates(handle).gpu
            used = library.nvmlDeviceGetMemoryInfo(handle).used
            levels[f"{GPU}{number}_memory"] = used / _MB
    return levels


@lru_cache(1)
def _devices(pid: int) -> tuple[Any, list[Any]]:
    """NVIDIA's library, and its handles for the GPUs. A forked process gets its own."""
    try:
        library = import_module("pynvml")  # late for weight, and few have it
        library.nvmlInit()
        count = library.nvmlDeviceGetCount()
        return library, [library.nvmlDeviceGetHandleByIndex(one) for one in range(count)]
    except Exception:  # it is not installed, or there is no driver
        return None, []
