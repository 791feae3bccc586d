"""Stopping: the record of an attempt whose process was ended by who called it."""

from ..core.context import Context
from ..core.refs import DRef
from . import attempts, disk
from .reader import Reader


def record_stopped(store: Reader, dref: DRef, context: Context, number: int, error: str) -> None:
    """Records that an attempt was stopped; does nothing where its end is recorded already.

    Its process has ended, and cannot say so itself. A scratch that it left stays.
    """
    parts, folder = store.parts, store.parts.layout.attempts(dref)
    begin = attempts.read_begin(folder, context.digest, number)
    if not begin or attempts.read_record(folder, context.digest, number):
        return  # its claim was torn, or the derivation was removed; or the record may be packed
    died = attempts.unfinished(begin, dref, context.digest, number, parts.staging_area)
    stopped = died._replace(
        id=disk.fresh_name(), outcome="stopped", error=error, versions=attempts.versions(),
        stop=max(attempts.now(), died.start), notes={"staging": str(begin["staging"])},
    )  # fmt: skip
    with parts.session.open_gate():
        attempts.record(folder, stopped, tmp=parts.tmp, durable=parts.durable)
