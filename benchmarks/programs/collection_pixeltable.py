"""The same in Pixeltable, in one process: `collection_pixeltable.py HOME FIELD ROWS INSERTS`."""

import json
import os
import sys
import time

os.environ["PIXELTABLE_HOME"] = sys.argv[1]
out, sys.stdout = sys.stdout, sys.stderr  # Pixeltable talks
field, count, inserts = sys.argv[2], *map(int, sys.argv[3:])

import numpy as np  # noqa: E402
import PIL.Image  # noqa: E402
import pixeltable as pxt  # noqa: E402
from pixeltable_model import digit_of_number, digit_of_picture  # noqa: E402

random = np.random.default_rng(0)


def value() -> object:
    """A picture or a number that no other row has."""
    if field == "img":
        return PIL.Image.fromarray(random.integers(0, 255, (28, 28)).astype("uint8"))
    return int(random.integers(2**62))


kind = pxt.Image if field == "img" else pxt.Int
table = pxt.create_table("bench", {"id": pxt.Int, field: kind})
model = digit_of_picture if field == "img" else digit_of_number
table.add_computed_column(digit=model(getattr(table, field)))
data = [{"id": at, field: value()} for at in range(count)]
begun = time.perf_counter()
table.insert(data, print_stats=False)
filled = time.perf_counter() - begun
waited = []
for at in range(count, count + inserts):
    start = time.perf_counter()
    table.insert([{"id": at, field: value()}], print_stats=False)
    table.where(table.id == at).select(table.digit).collect()
    waited.append(time.perf_counter() - start)
waited.sort()
told = {
    "median": waited[len(waited) // 2],
    "p95": waited[int(len(waited) * 0.95)],
    "per_second": count / filled,
}
print(json.dumps(told), file=out)
