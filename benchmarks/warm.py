"""A chain of trivial stages with nothing to do, in a fresh process."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from measure import Cost, Row, Sizes, code, cpu, program, rounds, settled, told

SMALL = "status = open('/proc/self/status').read().split(); peak = status.index('VmHWM:') + 1"
PEAK = SMALL + r"""; print('{"peak":', status[peak], '}')"""


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figure."""
    n = sizes.stages

    def ours() -> Cost:
        return program("chain", area / "store", n, "sloppy")

    def peer() -> Cost:
        return program("chain_joblib", area / "joblib", n)

    installed = find_spec("joblib") is not None
    runs = [lambda: code("pass"), lambda: code(PEAK), ours, *([peer] if installed else [])]
    for build in runs[2:]:
        settled(build)
    bare, small, chain, *peers = rounds(sizes.short_runs, *runs)
    beside = {"bare Python": bare, **({"joblib.Memory": peers[0]} if peers else {})}
    yield Row(
        f"chain of {n:,} stages, nothing to do: CPU s",
        f"{cpu(chain):.3f}",
        ", ".join(f"{name} {cpu(costs):.3f}" for name, costs in beside.items()),
        "<= 0.20",
        cpu(chain) <= 0.20,
    )
    beside["bare Python"] = small
    peak = _megabytes(chain)
    yield Row(
        "  the same: peak memory, MB",
        f"{peak:.1f}",
        ", ".join(f"{name} {_megabytes(costs):.1f}" for name, costs in beside.items()),
        "<= 40",
        peak <= 40,
    )


def _megabytes(costs: list[Cost]) -> float:
    return told(costs, "peak") * 1024 / 1e6
