"""Stopping: the record of an attempt whose process was ended by its caller."""

from ..core.context import Context
from ..core.refs import DRef
from . import attempts, disk
from .store import Store


def record_stopped(store: Store, dref: DRef, context: Context, number: int, error: str) -> None:
    """Records that an attempt was stopped, unless its end is recorded already.

    Its process has ended, and cannot record it. Its scratch stays.
    """
    folder = store.layout.attempts(dref)
    begin = attempts.read_begin(folder, context.digest, number)
    if not begin:
        return  # its claim was torn, or the derivation was removed
    died = attempts.unfinished(begin, dref, context.digest, number, store.staging_area)
    stopped = died._replace(
        id=disk.fresh_name(), outcome="stopped", error=error, versions=attempts.versions(),
        stop=max(attempts.now(), died.start), notes={"staging": str(begin["staging"])},
    )  # fmt: skip
    with store.session.open_gate():
        attempts.record(folder, stopped, tmp=store.layout.tmp, durable=store.durable)
