"""Names so many rows: `collection_snapshot.py URL STORE ROWS`; tells CPU [s] and memory [MB]."""

import json
import resource
import sys
import time

from pystore import Store
from pystore.app.snapshot_rows import Digest, Reader
from pystore.db import connect

url, store, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
collection = connect(url).collection("many", text=str, label=int)
if not collection.database.collections():
    for start in range(0, count, 100_000):
        rows = range(start, min(start + 100_000, count))
        collection.insert([{"text": f"row {at}", "label": at % 10} for at in rows])
    sys.exit(print(json.dumps({})))
with Store(store).use():
    reader = Reader(collection, ("text",), "label", None)
    begun = time.process_time()
    with reader.reading():
        digest = Digest(reader)
        digest.note_all()
    root = digest.root()
used = time.process_time() - begun
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu": used, "memory": memory, "root": root}))
