"""Trying: runs the realizer of an attempt, and runs it again with its scratch after a failure."""

import os
from collections.abc import Callable
from pathlib import Path

from ..core.attempt import PRUNED, AttemptReport, Pruned
from ..core.derivation import Derivation
from ..core.errors import SEE_TRACEBACK, BuildError, PystoreError
from ..core.events import AttemptFailed, Listener, Started
from ..core.refs import DRef
from ..core.tries import Tries
from ..declare.build import Build
from ..declare.identity.by_hand import source_digest
from ..declare.nesting import inside
from ..declare.recorder import recording
from ..store.staging import Builder, Staging
from .capture import captured, last_lines
from .provenance import describe_project
from .request import Request
from .surroundings import forks_ended, place_restored
from .unguarded import refuse_pools_of_unguarded_scripts


class Trying:
    """The tries of one attempt; `told` is the report of the current try."""

    def __init__(
        self,
        request: Request,
        staging: Staging,
        store: Builder,
        listener: Listener,
        stop: Callable[[], int] | None,
    ) -> None:
        self.told = AttemptReport()
        if staging.told is not None:  # another process has begun this attempt
            self.told.metrics, self.told.trace = staging.told.metrics, staging.told.trace
        self._request, self._tries = request, request.tries
        self._staging = staging
        self._store = store
        self._listener, self._stop = listener, stop
        # True if another process made the first tries.
        self._goes_on = staging.resumed == staging.claim.number

    def run(self, log: Path | None, source: str | None) -> None:
        """Runs the realizer; with a scratch, again after failures. Raises its last error."""
        while True:
            self._start(log, source)
            rule = self._request.rule
            build = Build(self._staging, self._store, self.told, self._listener, rule)
            try:
                return self._run(build, log)
            except PystoreError as error:
                if not self._may_go_on(error):
                    raise

    def _run(self, build: Build, log: Path | None) -> None:
        """Runs the realizer. What it was told to leave unfinished is pruned, also if it raises."""
        error: PystoreError | None = None
        try:
            _run_captured(self._request.derivation, build, log)
        except PystoreError as raised:
            if self.told.pruned is None:
                raise
            error = raised
        if self.told.pruned is not None:
            self.told.notes[PRUNED] = dict(self.told.pruned)
            raise Pruned(
                "the search has no more use for this attempt",
                dref=self._request.dref,
                **self.told.pruned,
                remedy="realize it without the search, to train it to the end",
            ) from error

    def again_after(self, error: BaseException) -> Tries | None:
        """The tries of the next try, here or by the loop; None for no other try."""
        stopped = self._stop is not None and self._stop()
        return None if stopped else self._tries.again_after(error)

    def _start(self, log: Path | None, source: str | None) -> None:
        realizer, claim = self._request.derivation.realizer, self._staging.claim
        digest = source_digest(realizer) if source is None else source
        before = self.told  # metrics stay: all tries are one attempt
        self.told = AttemptReport(realizer.name, digest, metrics=before.metrics, trace=before.trace)
        describe_project(self.told)
        if self._goes_on and self._tries.failed:
            self.told.notes["tries"] = list(self._tries.failed)
        out, dref = str(self._staging.out), self._request.dref
        self._listener(Started(dref, claim.number, claim.seed, out, str(log or ""), os.getpid()))

    def _may_go_on(self, error: PystoreError) -> bool:
        """Whether it is tried again here; if so, empties the staging first."""
        if self._staging.scratch is None:
            return False
        again = self.again_after(error)
        if again is None:
            if self._tries.failed:
                error.having(tries=len(self._tries.failed) + 1)
            return False
        self._tries, self._goes_on = again, True
        text, number = f"{type(error).__name__}: {error}", self._staging.claim.number
        self._listener(AttemptFailed(self._request.dref, number, text, again=True))
        self._staging.empty()
        return True


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
    refuse_pools_of_unguarded_scripts()
    try:
        with (  # fmt: skip
            inside(f"the realizer {name}"),
            recording(build.recorder),
            forks_ended(),
            place_restored(),
        ):
            derivation.realizer(build)
    except PystoreError:
        raise
    except (Exception, SystemExit) as error:
        raise _error_of(derivation.dref, name, error) from error


def _error_of(dref: DRef, name: str, error: BaseException) -> BuildError:
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
