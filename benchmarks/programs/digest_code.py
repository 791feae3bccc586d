"""The digest of a stage with n helpers, once and again: `digest_code.py AREA N`."""

import ast
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pystore.declare.identity.code import code_of

HELPER = '''
def helper_{i}(x, by={i}):
    """Helps."""
    total = RATE_{i} * x
    for step in range(by):
        total += np.sqrt(step) / (1 + abs(total))
    return [total, *helper_{next}(x)] if x else total

'''


def main(area: Path, n: int) -> None:
    """Prints the times [s] as JSON."""
    area.mkdir(parents=True, exist_ok=True)
    constants = "\n".join(f"RATE_{i} = 0.{i}" for i in range(n))
    helpers = "\n".join(HELPER.format(i=i, next=(i + 1) % n) for i in range(n))
    text = f"import numpy as np\n{constants}\n{helpers}\ndef train(x):\n    return helper_0(x)\n"
    file = area / "benched.py"
    file.write_text(text)
    os.utime(file, (1e9, 1e9))  # as saved before Python started, not while it runs
    sys.path.insert(0, str(area))
    function = importlib.import_module("benched").train
    parsing = _time(lambda: ast.parse(text))
    once = _time(lambda: code_of(function))
    again = statistics.median(_time(lambda: code_of(function)) for _ in range(1000))
    parts = len(code_of(function).parts)
    print(json.dumps({"parse": parsing, "once": once, "again": again, "parts": parts}))


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
