"""Rows beside a listener: `collection_ours.py URL STORE FIELD ROWS INSERTS`; tells times [s].

Inserts all rows at once, waits until each has a prediction, then inserts one at a time and reads
its prediction as a reader does who knows SQL only.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from collection_model import rows

url, store, field, count, inserts = sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])
random = np.random.default_rng(0)


def value() -> Any:
    """A picture or a number that no other row has."""
    if field == "img":
        return random.integers(0, 255, (28, 28)).astype("uint8")
    return int(random.integers(2**62))


collection = rows(url, field)
engine = collection.database.engine
is_postgres = collection.database.is_postgres
view = "pystore.bench_digit" if is_postgres else "bench_digit"


def until(query: str, **names: Any) -> float:
    """When the query gives a first column that is not empty."""
    while True:
        with engine.connect() as connection:
            if connection.execute(sa.text(query), names).scalar() is not None:
                return time.perf_counter()


collection.insert([{field: value()} for _ in range(count)])
begun = time.perf_counter()
listener = subprocess.Popen(
    [sys.executable, Path(__file__).with_name("collection_listen.py"), url, store, field, "1000"]
)
state = f"{'pystore.' if is_postgres else 'pystore_'}rows_bench_{field}"
try:
    while True:
        time.sleep(0.02)
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            schema = "pystore" if is_postgres else None
            if view.rpartition(".")[2] in inspector.get_view_names(schema=schema):
                break
    begun = time.perf_counter()
    done = sa.text(f"SELECT count(*) FROM {state} WHERE key IS NOT NULL")
    while True:
        time.sleep(max(0.02, count / 500_000))  # to count takes a part of the machine
        with engine.connect() as connection:
            if connection.execute(done).scalar() == count:
                break
    filled = time.perf_counter() - begun
    waited = []
    for _ in range(inserts):
        start = time.perf_counter()
        [key] = collection.insert([{field: value()}])
        waited.append(until(f"SELECT prediction FROM {view} WHERE id = :key", key=key) - start)
        time.sleep(0.01)
    start = time.perf_counter()
    for at in range(20):
        with engine.connect() as connection:
            page = f"SELECT * FROM {view} WHERE id > :at ORDER BY id LIMIT 50"
            assert len(connection.execute(sa.text(page), {"at": at}).all()) == 50
    page_took = (time.perf_counter() - start) / 20
    start = time.perf_counter()
    for at in range(1, 21):
        collection.lineage(at, "digit")
    lineage_took = (time.perf_counter() - start) / 20
finally:
    listener.terminate()
    listener.wait()
waited.sort()
told = {
    "median": waited[len(waited) // 2],
    "p95": waited[int(len(waited) * 0.95)],
    "per_second": count / filled,
    "page": page_took,
    "lineage": lineage_took,
}
print(json.dumps(told))
