"""One attempt: stage, run the realizer, commit; or say what failed and where its files are."""

import time
import traceback
from collections.abc import Callable

from ..core.attempt import outcome_of
from ..core.errors import PystoreError
from ..core.events import AttemptFailed, Listener, Succeeded
from ..store.commit import Committed
from ..store.ports import AttemptReport, StoreProtocol
from ..store.staging import Staging
from .provenance import describe
from .request import Request
from .trying import Trying

Timer = Callable[[], float]


def attempt(
    request: Request,
    store: StoreProtocol,
    listener: Listener,
    *,
    timer: Timer = time.perf_counter,
    capture: bool = False,
    source: str | None = None,
) -> Committed:
    """Runs the realizer, and commits.

    One that has a scratch and fails is run again with it, as often as the request says: it is one
    attempt. With `capture`, what it prints goes to the log of the attempt. `source` is the digest
    of the realizer's source, where it was read in another process.

    Raises BuildError from what the realizer raised; errors of pystore itself and of the file
    system pass as they are, with the staging as a further fact.
    """
    dref = request.dref
    staging = store.begin(request.derivation.config, request.context, request.seed)
    number, start = staging.begun.number, timer()
    trying = Trying(request, staging, store, listener)
    try:
        log = store.log_path(dref, request.context.digest, number) if capture else None
        with store.building():  # in a pool, it may outlive the call that started it
            trying.run(log, source)
            describe(trying.told)
            committed = store.commit(staging, trying.told)
    except BaseException as error:
        _fail(store, staging, trying.told, error)
        text, stopped = f"{type(error).__name__}: {error}", outcome_of(error) == "stopped"
        again = trying.tries.again_after(error)
        try:
            listener(AttemptFailed(dref, number, text, stopped, again))
        except Exception as second:
            error.add_note(f"who listens could not be told either: {second}")
        raise
    listener(Succeeded(dref, number, committed.rref, committed.fresh, timer() - start))
    return committed


def _fail(
    store: StoreProtocol, staging: Staging, told: AttemptReport, error: BaseException
) -> None:
    describe(told)
    told.notes["traceback"] = "".join(traceback.format_exception(error))[-4000:]
    told.notes["staging"] = str(staging.path)
    try:
        kept = store.fail(staging, told, error)
    except Exception as second:
        # A full or broken disk, or a note that is no JSON: the first error is the one to show.
        staging.close()
        error.add_note(f"the attempt could not be recorded either: {second}")
        kept = True
    if kept and isinstance(error, PystoreError):
        error.having(staging=staging.path)
    elif kept:
        error.add_note(f"what it had written is kept in {staging.path}")
