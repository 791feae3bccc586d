"""Ending: the record of an attempt that ends now."""

import os

from ..model.attempt import Attempt, Outcome
from . import attempts, disk
from .protocol import Told
from .staging import Staging


def ending(
    staged: Staging,
    told: Told,
    outcome: Outcome,
    metrics: dict[str, float],
    now: int,  # [ns since the epoch, UTC]
    error: str | None = None,
) -> Attempt:
    """What is recorded of an attempt when it ends; what it made is not yet in it."""
    begun = staged.begun
    resumed = {} if staged.resumed is None else {"resumed": staged.resumed}
    return Attempt(
        id=disk.fresh_name(), dref=staged.dref, context=staged.context.digest,
        number=begun.number, outcome=outcome, rref=None, error=error, seed=begun.seed,
        start=begun.start, stop=max(now, begun.start), host=os.uname().nodename,
        pid=os.getpid(), realizer=told.realizer, source=told.source,
        versions={**told.versions, **attempts.versions()}, metrics=metrics,
        notes={**told.notes, **resumed},
    )  # fmt: skip
