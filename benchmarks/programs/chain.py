"""The chain: `chain.py STORE STAGES durable|sloppy`. Each stage writes one small file."""

import os
import sys

import telling

from pystore import (
    Build,
    DRef,
    Registry,
    Store,
    build_config,
    build_outpath,
    build_wrapper,
    instantiate,
    match_latest,
    mkconfig,
    mkdrv,
    realize,
)


def build(b: Build) -> None:
    """Writes the stage's number."""
    (build_outpath(b) / "number.txt").write_text(str(build_config(b)["number"]))


def chain(m: Registry, length: int) -> DRef:
    """The last of `length` stages, each of which needs the one before."""
    config: dict[str, object] = {"name": "link"}
    for number in range(length):
        config["number"] = number
        config["before"] = mkdrv(m, mkconfig(config), match_latest(), build_wrapper(build))
    return DRef(str(config["before"]))


def run(root: str, length: int, *, durable: bool) -> None:
    """Declares the chain and realizes it."""
    store = Store(root, durable=durable)
    realize(instantiate(chain, length, store=store), store=store)


def size(folder: str) -> int:
    """The bytes that a tree takes on disk."""
    total = 0
    for entry in os.scandir(folder):
        total += entry.stat(follow_symlinks=False).st_blocks * 512
        if entry.is_dir(follow_symlinks=False):
            total += size(entry.path)
    return total


if __name__ == "__main__":
    new = not os.path.exists(sys.argv[1])
    run(sys.argv[1], int(sys.argv[2]), durable=sys.argv[3] == "durable")
    peak = telling.peak()
    telling.tell(peak=peak, bytes=size(sys.argv[1]) if new else 0)
