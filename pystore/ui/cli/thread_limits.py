"""Thread limits: numerical libraries leave a processor to the database and to what fetches."""

import os

from ...run.workers.slots import Outfit


def limit_threads() -> None:
    """Limits the threads of libraries that are not loaded yet. What the user has set stays."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux: there may be fewer than in all
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    os.environ.update(Outfit(None, max(1, count - 1)).environment(dict(os.environ)))
