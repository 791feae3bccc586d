"""Usage: what the processes of an attempt took of the machine, as points of its trace.

UG1  Usage is no metric: neither the metrics nor the extremes of a record have it, so no matcher,
     table or condition sees it unless it is asked for by name.
UG2  A metric of the realizer with such a name counts, and usage of that name is left out.
UG3  A mean goes by the time for which each value stood, however far the points lie apart.
"""

from collections.abc import Container

from .attempt import Trace

CPU = "system/cpu"  # [percent of one core], the mean since the last point
MEMORY = "system/memory"  # [MB], the highest since the last point
# With a number, [percent], the mean; with `_memory` behind it, [MB], the highest.
GPU = "system/gpu"


def is_usage(name: str) -> bool:
    """Whether a name is one of those of usage."""
    return name in (CPU, MEMORY) or name.startswith(GPU)


def is_peak(name: str) -> bool:
    """Whether the highest value of this usage counts; else the mean."""
    return name.endswith("memory")


def with_usage(trace: Trace, usage: Trace, metrics: Container[str]) -> Trace:
    """The trace of an attempt that told these metrics, with its usage behind it (UG2)."""
    if not usage:
        return trace
    own = {name for _, name, _ in trace}
    return [*trace, *(p for p in usage if p[1] not in own and p[1] not in metrics)]


def without_usage(trace: Trace, metrics: Container[str]) -> Trace:
    """What the realizer has told of the trace of an attempt with these metrics (UG1)."""
    return [point for point in trace if point[1] in metrics or not is_usage(point[1])]


def summary(trace: Trace, metrics: Container[str]) -> dict[str, float]:
    """The peak of each memory, and the means of the rest, in a trace (UG3)."""
    found: dict[str, float] = {}
    weighed, until = dict[str, float](), dict[str, int]()
    for step, name, value in trace:
        if name in metrics or not is_usage(name):
            continue
        if is_peak(name):
            found[name] = max(value, found.get(name, value))
            continue
        lasted = max(step - until.get(name, 0), 0)
        weighed[name] = weighed.get(name, 0.0) + lasted * value
        until[name] = step
        found[name] = weighed[name] / step if step else value
    return found
