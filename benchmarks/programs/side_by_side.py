"""What can run side by side: `side_by_side.py STORE COUNT LOOPS serial|workers|dask|calls`.

So many attempts of a stage, each so many rounds of arithmetic; with LOOPS of 0, so many trivial
stages. With `calls`, so many calls of a function that does nothing, by Dask. Tells how long it
took.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pystore import Store, output, realize, stage


@stage
def work(n: int, loops: int, out: Path = output("out.txt")) -> None:
    """Arithmetic."""
    x = n
    for _ in range(loops):
        x = x * 69069 % 65537 + 1
    out.write_text(f"{x}\n")


@contextmanager
def options(how: str) -> Iterator[dict[str, Any]]:
    """What realize is told; a cluster has started before."""
    if how not in ("dask", "calls"):
        yield {"workers": 2} if how == "workers" else {}
        return
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield {"executor": client.get_executor()}


def main() -> None:
    """Builds them all."""
    path, (count, loops), how = sys.argv[1], map(int, sys.argv[2:4]), sys.argv[4]
    store = Store(path, durable=False)
    with options(how) as given:
        start = time.perf_counter()
        if how == "calls":
            calls = [given["executor"].submit(abs, n, pure=False) for n in range(count)]
            for call in calls:
                call.result()
        elif loops:
            realize(work(0, loops), attempts=count, store=store, **given)
        else:
            realize([work(n, 0) for n in range(count)], store=store, **given)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
