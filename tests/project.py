"""The project that is tested, and what lets other processes import it as this one does."""

import os
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def importing() -> dict[str, str]:
    """Our environment, in which a program finds this project first, and then what we find."""
    found = os.environ.get("PYTHONPATH")
    places = [str(PROJECT), *([found] if found else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
