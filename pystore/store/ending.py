"""Ending: the record of an attempt that has succeeded."""

from ..core.attempt import Attempt
from ..core.attempt_report import AttemptReport
from ..core.reads import Surroundings
from . import attempt_files
from .commit import Sealed
from .mentions import complete
from .staging import Staging


def record_of_success(
    staging: Staging, told: AttemptReport, sealed: Sealed, around: Surroundings, stop: int
) -> Attempt:
    """The record of an attempt with a sealed output that ended at `stop` [ns since the epoch]."""
    record = attempt_files.record_of(staging, told, "succeeded", stop)
    reads = complete(around, record.reads, record.notes, staging.out, sealed.manifest)
    metrics = {**sealed.metrics, **told.metrics}
    tree = sealed.manifest.digest
    return record._replace(rref=sealed.rref, tree=tree, metrics=metrics, reads=reads)
