"""The chain with nothing to do again, beside others who remember results, where installed."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from measure import Cost, Row, Sizes, cpu, program, rounds, settled

# name → its module, and the program of the chain
PEERS = {
    "doit": ("doit", "chain_doit"),
    "joblib.Memory": ("joblib", "chain_joblib"),
    "Hamilton": ("hamilton", "chain_hamilton"),
    "mandala": ("mandala", "chain_mandala"),
    "redun": ("redun", "chain_redun"),
}


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """A row for each of them."""
    found = {name: chain for name, (module, chain) in PEERS.items() if find_spec(module)}
    if not found.keys() - {"joblib.Memory"}:  # which comes with scikit-learn
        yield Row("no peers are here", "", "make bench-peers installs them")
        return
    for name, chain in found.items():
        yield _beside(name, chain, sizes, area)


def _beside(name: str, chain: str, sizes: Sizes, area: Path) -> Row:
    def ours() -> Cost:
        return program("chain", area / "store", sizes.stages, "sloppy")

    def peer() -> Cost:
        return program(chain, area / chain, sizes.stages)

    for build in (ours, peer):
        settled(build)
    we, they = rounds(sizes.runs, ours, peer)
    return Row(
        f"chain of {sizes.stages:,} stages, nothing to do, beside {name}: CPU s",
        f"{cpu(we):.3f}",
        f"{name} {cpu(they):.3f}",
        "first",
        cpu(we) < cpu(they),
    )
