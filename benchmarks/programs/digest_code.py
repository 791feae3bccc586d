"""The digest of a stage with n helpers, once and again: `digest_code.py AREA N`."""

import ast
import inspect
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import many_helpers
import telling

from pystore.declare.identity.code import code_of


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


function = many_helpers.stage(Path(sys.argv[1]), int(sys.argv[2]), "numpy")
text = Path(inspect.getfile(function)).read_text()
telling.tell(
    parse=_time(lambda: ast.parse(text)),
    once=_time(lambda: code_of(function)),
    again=statistics.median(_time(lambda: code_of(function)) for _ in range(1000)),
    parts=len(code_of(function).parts),
)
