"""One attempt: stage, run the realizer, commit; or say what failed and where its files are."""

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ..model.derivation import Derivation
from ..model.errors import SEE_TRACEBACK, BuildError, PystoreError
from ..model.events import AttemptFailed, Listener, Started, Succeeded
from ..model.refs import DRef
from ..store.commit import Committed
from ..store.protocol import StoreProtocol, Told
from ..store.staging import Staging
from .build import Build
from .capture import captured, last_lines
from .forking import alone
from .nesting import inside
from .placing import in_its_place
from .provenance import describe, describe_project
from .request import Request
from .source import source_digest

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
    """Runs the realizer once, and commits.

    With `capture`, what it prints goes to the log of the attempt. `source` is the digest of the
    realizer's source, where it was read in another process.

    With a scratch, and with tries left, an attempt whose realizer fails is not over: no record
    says that it ended, and the next try goes on under its number.

    Raises BuildError from what the realizer raised; errors of pystore itself and of the file
    system pass as they are, with the derivation and the staging as further facts.
    """
    derivation, tries = request.derivation, request.tries
    realizer = derivation.realizer
    told = Told(realizer.name, source_digest(realizer) if source is None else source)
    describe_project(told, request.call)
    staging = store.begin(derivation.config, request.context, request.seed)
    number, start = staging.begun.number, timer()
    if staging.resumed == number and tries.failed:
        told.notes["tries"] = list(tries.failed)
    ran = False
    try:
        log = store.log_path(derivation.dref, request.context.digest, number) if capture else None
        seed, out = staging.begun.seed, str(staging.out)
        listener(Started(derivation.dref, number, seed, out, str(log or ""), os.getpid()))
        with store.building():  # in a pool, it may outlive the call that started it
            _run_captured(derivation, Build(staging, store, told, listener), log)
            ran = True
            describe(told)
            committed = store.commit(staging, told)
    except BaseException as error:
        again = tries.again_after(error)
        if again and not ran and staging.scratch is not None:
            staging.discard()
        else:
            _fail(store, staging, told, error)
        text, stopped = f"{type(error).__name__}: {error}", isinstance(error, KeyboardInterrupt)
        listener(AttemptFailed(derivation.dref, number, text, stopped, again))
        raise
    duration = timer() - start
    listener(Succeeded(derivation.dref, number, committed.rref, committed.fresh, duration))
    return committed


def _run_captured(derivation: Derivation, build: Build, log: Path | None) -> None:
    if log is None:
        return _run(derivation, build)
    try:
        with captured(log):
            _run(derivation, build)
    except PystoreError as error:
        error.having(output=last_lines(log) or None)
        raise
    finally:
        if log.exists() and log.stat().st_size == 0:
            log.unlink()


def _run(derivation: Derivation, build: Build) -> None:
    name = derivation.realizer.name
    try:
        with inside(f"the realizer {name}"), alone(), in_its_place():
            derivation.realizer(build)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise _build_error(derivation.dref, name, error) from error


def _build_error(dref: DRef, name: str, error: BaseException) -> BuildError:
    what = f"the realizer {name} raised {type(error).__name__}"
    if isinstance(error, SystemExit):
        what = f"the realizer {name} called sys.exit({error.code!r})"
    return BuildError(
        what,
        dref=dref,
        because=str(error)[:500] or None,
        errno=getattr(error, "errno", None),
        remedy=SEE_TRACEBACK,
    )


def _fail(store: StoreProtocol, staging: Staging, told: Told, error: BaseException) -> None:
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
