"""The digest of the code of a stage with many helpers, once: `digest_once.py AREA NUMBER`."""

import importlib
import os
import sys
from pathlib import Path

import telling

from pystore.declare.identity.code import code_of

HELPER = '''
def helper_{i}(x, by={i}):
    """Helps."""
    total = RATE_{i} * x
    for step in range(by):
        total += math.sqrt(step) / (1 + abs(total))
    return [total, *helper_{next}(x)] if x else total

'''

area, number = Path(sys.argv[1]), int(sys.argv[2])
file = area / "measured.py"
if not file.exists():
    area.mkdir()
    rates = "\n".join(f"RATE_{i} = 0.{i}" for i in range(number))
    helpers = "\n".join(HELPER.format(i=i, next=(i + 1) % number) for i in range(number))
    file.write_text(f"import math\n{rates}\n{helpers}\ndef train(x):\n    return helper_0(x)\n")
    os.utime(file, (1e9, 1e9))  # as saved before Python started, not while it runs
sys.path.insert(0, str(area))
telling.tell(digest=code_of(importlib.import_module("measured").train).digest)
