"""The module of a stage that calls many helpers, for programs that take the digest of its code."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HELPER = '''
def helper_{i}(x, by={i}):
    """Helps."""
    total = RATE_{i} * x
    for step in range(by):
        total += {package}.sqrt(step) / (1 + abs(total))
    return [total, *helper_{next}(x)] if x else total

'''


def stage(area: Path, number: int, package: str) -> Callable[..., Any]:
    """A function that leads to so many helpers, which use a package; its module is in `area`."""
    file = area / "measured.py"
    if not file.exists():
        area.mkdir(parents=True, exist_ok=True)
        file.write_text(_text(number, package))
        os.utime(file, (1e9, 1e9))  # as saved before Python started, not while it runs
    sys.path.insert(0, str(area))
    function: Callable[..., Any] = importlib.import_module("measured").train
    return function


def _text(number: int, package: str) -> str:
    rates = "\n".join(f"RATE_{i} = 0.{i}" for i in range(number))
    helpers = "\n".join(
        HELPER.format(i=i, next=(i + 1) % number, package=package) for i in range(number)
    )
    return f"import {package}\n{rates}\n{helpers}\ndef train(x):\n    return helper_0(x)\n"
