"""One attempt: makes a staging, runs the realizer, commits; or records the failure."""

import time
import traceback
from collections.abc import Callable

from ..core.attempt import AttemptReport, Committed, Pruned, outcome_of
from ..core.errors import PystoreError
from ..core.events import AttemptFailed, Listener, Succeeded
from ..store.staging import Builder, Staging
from .provenance import describe
from .request import Request
from .trying import Trying

Timer = Callable[[], float]


def attempt(
    request: Request,
    store: Builder,
    listener: Listener,
    *,
    stop: Callable[[], int] | None = None,
    timer: Timer = time.perf_counter,
    capture: bool = False,
    source: str | None = None,
) -> Committed:
    """Runs the realizer, and commits.

    A failed attempt with a scratch is run again, as often as the request allows, unless `stop`
    returns True. With `capture`, the output of the realizer goes to the log of the attempt.
    `source` is the digest of the realizer's source, if another process has read it.

    Raises BuildError from an exception of the realizer. Errors of pystore and of the file
    system pass unchanged, with the staging as a fact.
    """
    from .attendant import Attended, attended  # for its weight: most calls build nothing

    dref = request.dref
    staging = store.begin(request.derivation.config, request.context, request.seed)
    number, start = staging.claim.number, timer()
    trying, one = Trying(request, staging, store, listener, stop), Attended(staging)
    try:
        log = store.log_path(dref, request.context.digest, number) if capture else None
        with store.building():  # an attempt in a pool may outlive its call
            with attended(one):
                trying.run(log, source)
            describe(trying.told)
            committed = store.commit(staging, trying.told)
    except BaseException as error:
        one.end(trying.told)
        _fail(store, staging, trying.told, error)
        text, outcome = f"{type(error).__name__}: {error}", outcome_of(error)
        again = trying.again_after(error) is not None
        how = {"stopped": outcome == "stopped", "pruned": outcome == "pruned"}
        listener(AttemptFailed(dref, number, text, again=again, **how))
        raise
    one.end()
    listener(Succeeded(dref, number, committed.rref, committed.fresh, timer() - start))
    return committed


def _fail(store: Builder, staging: Staging, told: AttemptReport, error: BaseException) -> None:
    describe(told)
    if not isinstance(error, Pruned):
        told.notes["traceback"] = "".join(traceback.format_exception(error))[-4000:]
        told.notes["staging"] = str(staging.path)
    try:
        kept = store.fail(staging, told, error)
    except Exception as second:
        # The disk may be full, or a note no JSON: the first error is the one to show.
        staging.close()
        error.add_note(f"the attempt could not be recorded either: {second}")
        kept = True
    if kept and isinstance(error, PystoreError):
        error.having(staging=staging.path)
    elif kept:
        error.add_note(f"what it had written is kept in {staging.path}")
