"""The digest of a stage with n helpers, once and again: `digest_code.py AREA N CACHE`.

CACHE is the cache folder of the user, in which the forms of code are kept.
"""

import ast
import atexit
import inspect
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import many_helpers
import telling

from pystore.declare.identity.code import code_of


def _time(work: Callable[[], object]) -> float:
    """The CPU time of some work [s]: the wall sees what other processes do."""
    start = time.process_time()
    work()
    return time.process_time() - start


os.environ["XDG_CACHE_HOME"] = sys.argv[3]
function = many_helpers.stage(Path(sys.argv[1]), int(sys.argv[2]), "numpy")
text = Path(inspect.getfile(function)).read_text()
telling.tell(
    parse=_time(lambda: ast.parse(text)),
    once=_time(lambda: code_of(function)),
    again=statistics.median(_time(lambda: code_of(function)) for _ in range(1000)),
    keep=_time(atexit._run_exitfuncs),
    parts=len(code_of(function).parts),
)
