"""Pushing to S3 and pulling from it, beside the same bytes through fsspec alone.

The service is moto on loopback: it stands for requests that cost milliseconds, not for a network.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from measure import Row, Sizes

from pystore import Build, Derivation, RRef, Store, build_outpath, match_latest, pull, push, realize

Options = dict[str, Any]


@contextmanager
def service() -> Iterator[Options]:
    """The options for a fresh S3 service with a bucket `lab`."""
    import fsspec

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    while "Running on" not in server.stderr.readline():
        if server.poll() is not None:
            raise RuntimeError("the moto server has not started")
    threading.Thread(target=server.stderr.read, daemon=True).start()
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "key": "x", "secret": "x"}
    try:
        fsspec.filesystem("s3", **options).mkdir("lab")
        yield options
    finally:
        server.kill()
        server.wait()


class Transfers:
    """One realization, sent and fetched in both ways."""

    def __init__(self, area: Path, name: str, fill: Callable[[Path], None], s3: Options) -> None:
        import fsspec

        def build(b: Build) -> None:
            fill(build_outpath(b))

        self.area, self.name, self.s3 = area, name, s3
        self.store = Store(area / f"{name}-store")
        self.rref: RRef = realize(
            Derivation({"name": name}, match_latest(), build), store=self.store
        )
        self.system = fsspec.filesystem("s3", **s3)
        self.numbers = count()
        self.url = ""
        self.other = self.store

    def round(self) -> tuple[float, float, float, float]:
        """How long [s] fsspec and pystore take to send, and to fetch."""
        number = next(self.numbers)
        source, bare = str(self.store.path(self.rref)), f"lab/bare-{self.name}-{number}"
        self.url = f"s3://lab/{self.name}-{number}"
        self.other = Store(self.area / f"{self.name}-{number}")
        here = str(self.area / f"{self.name}-bare-{number}")
        return (
            _seconds(lambda: self.system.put(source, bare, recursive=True)),
            _seconds(lambda: push(self.rref, self.url, store=self.store, options=self.s3)),
            _seconds(lambda: self.system.get(bare, here, recursive=True)),
            _seconds(lambda: pull(self.rref, self.url, store=self.other, options=self.s3)),
        )

    def again(self) -> tuple[int, int]:
        """The bytes that a second pull moves, and its requests."""
        from s3fs import S3FileSystem

        asked, real = [], S3FileSystem._call_s3

        async def counting(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            asked.append(method)
            return await real(self, method, *args, **kwargs)

        S3FileSystem._call_s3 = counting
        try:
            moved = pull(self.rref, self.url, store=self.other, options=self.s3)
        finally:
            S3FileSystem._call_s3 = real
        return moved.size, len(asked)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows(sizes: Sizes, area: Path) -> Iterator[Row]:
    """The figures: one large file, many small ones, and what is there already."""

    def large(out: Path) -> None:
        (out / "large.bin").write_bytes(os.urandom(sizes.transfer))

    def small(out: Path) -> None:
        for number in range(sizes.files):
            (out / f"{number}.bin").write_bytes(os.urandom(1024))

    with service() as s3:
        works = (
            ("large", large, sizes.runs, f"{sizes.transfer / 1e6:.0f} MB in one file"),
            ("small", small, 1, f"{sizes.files:,} files of 1 KiB"),
        )
        for name, fill, runs, what in works:
            transfers = Transfers(area, name, fill, s3)
            rounds = [transfers.round() for _ in range(runs)]
            yield _row(f"push of {what} to S3: rate, times the floor", rounds, 0)
            yield _row(f"pull of {what} from S3: rate, times the floor", rounds, 2)
            size, asked = transfers.again()
            yield Row(
                "  the same again: bytes moved, requests",
                f"{size}, {asked}",
                "",
                "0, <= 20",
                size == 0 and asked <= 20,
            )


def _row(work: str, rounds: list[tuple[float, ...]], at: int) -> Row:
    ratio = statistics.median(one[at] / one[at + 1] for one in rounds)
    ours = statistics.median(one[at + 1] for one in rounds)
    bare = statistics.median(one[at] for one in rounds)
    return Row(work, f"{ratio:.2f} ({ours:.2f} s)", f"fsspec {bare:.2f} s", ">= 0.7", ratio >= 0.7)
