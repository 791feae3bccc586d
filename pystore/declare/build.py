"""Build: what a realizer sees: its config, the paths of its inputs, its output, its seed."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..core.config import Config
from ..core.errors import BadConfig, BadRef, BadStage, BuildError
from ..core.events import Metric, Progress, ignore
from ..core.later import later
from ..core.plain import is_text
from ..core.printable import listed
from ..core.realizer import Realizer
from ..core.refs import DRef, RefPath, RRef, selfref

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ..core import reads
    from ..core.attempt import AttemptReport, StopRule
    from ..core.context import Context
    from ..core.events import Listener
    from ..store import metrics
    from ..store.staging import Builder, Staging
    from . import recorder
else:  # what only a build needs
    later(globals(), "..core.reads", "..store.metrics", ".recorder")


class Build:
    """One run of a realizer: `config`, `context`, `seed`, and `outpath`, the directory to fill.

    The functions `build_…` take it.
    """

    def __init__(
        self,
        staging: Staging,
        store: Builder,
        report: AttemptReport,
        listener: Listener = ignore,
        rule: StopRule | None = None,
    ) -> None:
        self._staging = staging
        self.config: Config = _Own(staging.config)
        self.outpath = staging.out
        self.seed = staging.claim.seed
        self.recorder = recorder.Recorder(staging, store) if staging.context else None
        self._store = store
        self._report = report
        self._listener = listener
        self._rule = rule

    def __repr__(self) -> str:
        return f"<Build of {self.config.dref} in {self.outpath}>"

    @property
    def context(self) -> Context:
        """The realizations chosen for each input; all of them count as read."""
        if self.recorder is not None:
            self.recorder.all_inputs()
        return self._staging.context

    @property
    def store(self) -> Builder:
        """The store of the build; it counts as read."""
        if self.recorder is not None:
            self.recorder.of_store()
        return self._store

    def paths(self, path: RefPath) -> list[Path]:
        """The paths of a file, one in each realization that was chosen for its derivation.

        They are in the order of the bytes of the realizations.
        """
        if path.ref == selfref:
            return [self.outpath.joinpath(*path.parts)]
        rrefs = reads.ordered(self._chosen(DRef(path.ref)), self._store)
        return [self._store.path(rref).joinpath(*path.parts) for rref in rrefs]

    def chosen(self, dref: DRef) -> tuple[RRef, ...]:
        """The realizations chosen for an input, which count as read.

        Raises BadRef when it is no input.
        """
        rrefs = self._chosen(dref)
        if self.recorder is not None:
            self.recorder.input(dref)
        return rrefs

    def _chosen(self, dref: DRef) -> tuple[RRef, ...]:
        inputs = self._staging.context
        if dref in inputs:
            return inputs[dref]
        raise BadRef(
            "not an input of this derivation",
            dref=dref,
            inputs=listed(inputs) or "none",
            remedy="name it in the config: what a stage depends on stands there",
        )

    def note(self, key: str, value: object) -> None:
        """Adds a note to the record of the attempt."""
        self._report.notes[str(key)] = Config({"note": value})["note"]

    def notes(self, notes: Config) -> None:
        """Adds notes that were checked before."""
        self._report.notes |= notes.value

    def metric(self, name: str, value: float, step: int | None) -> None:
        """Sets a metric of the attempt; with `step`, adds a point to its trace."""
        if step is not None:
            self._report.trace.append((step, name, value))
        metrics.take_last(self._report.metrics, name, value)
        if self._staging.telling is not None:
            self._staging.telling.metric(name, value, step)
        if self._listener is not ignore:  # a metric may be told in every batch
            number = self._staging.claim.number
            self._listener(Metric(self.config.dref, name, value, step, number))

    def progress(self, done: float, total: float | None, unit: str) -> None:
        """Tells how much is done."""
        if self._staging.telling is not None:
            self._staging.telling.progress(done, total, unit)
        number = self._staging.claim.number
        self._listener(Progress(self.config.dref, done, total, unit, number))

    def should_stop(self) -> bool:
        """Whether the attempt is pruned: asks the rule of a search, until that says so."""
        if self._rule is not None and self._report.pruned is None:
            self._report.pruned = self._rule(self._report.trace)
        return self._report.pruned is not None

    def scratch(self) -> Path:
        """The directory that survives failure; a replay has another."""
        return self._store.scratch(self._staging)

    def logdir(self) -> Path:
        """The directory beside the attempt; a replay has another."""
        return self._store.logdir(self._staging)

    def allow_outside(self, target: str) -> None:
        """Allows links with this target to lie outside of the output."""
        self._report.outside.add(target)
        self._report.notes["outside"] = sorted(self._report.outside)


class _Own(Config):
    """The config of a build, whose `inputs` are in the order in which the config names them.

    Sorted by reference, they would change places when the code of an input changes.
    """

    __slots__ = ()

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.holds = ()  # as in a worker: a stage reads its inputs through their views
        if len(self.inputs) > 1:
            self.inputs = tuple(dict.fromkeys(dref for _, dref in reads.references(self.value)))


def build_wrapper(function: Callable[[Build], object]) -> Realizer:
    """The realizer that runs `function` on a Build."""
    return Realizer(function)


def build_outpath(b: Build) -> Path:
    """The directory to write to. Everything in it becomes the realization."""
    return b.outpath


def build_config(b: Build) -> Config:
    """The config of the derivation; its `inputs` are in the order in which they stand in it."""
    return b.config


def build_cattrs(b: Build) -> Any:
    """The config as attributes: `c = build_cattrs(b); c.learning_rate`."""
    return Attributes(**b.config.value)


class Attributes(SimpleNamespace):
    """Config values as attributes."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the config has no {name!r}; it has: {listed(sorted(vars(self))) or 'nothing'}"
        )


def build_name(b: Build) -> str:
    """The readable part of the derivation's reference."""
    return b.config.name


def build_seed(b: Build) -> int:
    """The seed of this attempt, 0 ≤ seed < 2³²: different every attempt, the same on replay."""
    return b.seed


def build_context(b: Build) -> Context:
    """The realizations chosen for each input."""
    return b.context


def build_path(b: Build, refpath: RefPath | Sequence[str] | str) -> Path:
    """The path of `[dref, "dir", "file"]` or `[selfref, "file"]`.

    Raises BadRef when it is not an input, BadStage when several realizations were chosen for it.
    """
    path = RefPath.parse(refpath)
    paths = b.paths(path)
    if len(paths) == 1:
        return paths[0]
    raise _several(path.ref, len(paths), "build_paths(b, …)")


def build_paths(b: Build, refpath: RefPath | Sequence[str] | str) -> list[Path]:
    """The paths of `[dref, "file"]` in each of the realizations chosen for `dref`.

    Raises BadRef when it is not an input.
    """
    return b.paths(RefPath.parse(refpath))


def build_deref(b: Build, dref: str) -> RRef:
    """The realization chosen for an input.

    Raises BadRef when it is not an input, BadStage when there are several.
    """
    rrefs = b.chosen(DRef(dref))
    if len(rrefs) == 1:
        return rrefs[0]
    raise _several(dref, len(rrefs), "build_context(b)[dref]")


def build_progress(b: Build, done: float, total: float | None = None, unit: str = "") -> None:
    """Tells listeners that `done` of `total` units are done; cheap enough for every batch.

    A value that cannot be shown, such as NaN, is ignored: it stops no training. A total of zero or
    less counts as unknown. Raises BadConfig when one of them is no number.
    """
    whole = None if total is None else _number("total", total)
    if (number := _number("done", done)) is not None:
        whole = whole if whole and whole > 0 else None
        b.progress(max(number, 0), whole, str(unit))


def _number(name: str, value: object) -> float | None:
    """The number as a number of Python, which JSON takes; None when it is not finite."""
    try:
        number = float(value)  # type: ignore[arg-type]  # NumPy's and TensorFlow's too
    except (TypeError, ValueError, OverflowError):
        raise BadConfig(
            f"progress of which {name} is no number",
            given=repr(value)[:200],
            remedy="write build_progress(b, done, total, 'epochs')",
        ) from None
    if not math.isfinite(number):
        return None
    return value if type(value) is int else number


def build_note(b: Build, key: str, value: object) -> None:
    """Adds a JSON value to the record of this attempt; it is no part of any identity.

    Raises BadConfig when the value is not JSON.
    """
    b.note(key, value)


def build_metric(b: Build, name: str, value: float, step: int | None = None) -> None:
    """Tells a number that this attempt reached; with `step`, one point of a trace.

    The last value counts, under this name, everywhere: matchers, results, gc. One that is not
    finite takes the metric away, so that it ranks last. Raises BadConfig when it is no number, or
    the step is no whole one.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadConfig(
            f"the metric {name!r} is no number",
            given=repr(value)[:200],
            remedy="write build_metric(b, 'val_loss', float(loss))",
        ) from None
    try:
        place = None if step is None else metrics.whole(step)  # NumPy's numbers are no JSON
    except (TypeError, ValueError, OverflowError):
        raise BadConfig(
            f"the step of the metric {name!r} is no whole number",
            step=repr(step)[:200],
            remedy="count batches rather than parts of an epoch: step=epoch * batches + batch",
        ) from None
    if not is_text(str(name)):
        raise BadConfig(
            "the name of a metric holds half a character",
            given=ascii(name)[:200],
            remedy="write its name in UTF-8, such as 'val_loss'",
        )
    b.metric(str(name), number, place)


def build_should_stop(b: Build) -> bool:
    """Whether a search has no more use for this attempt, by the metrics told until now.

    Ask it after each `build_metric(b, name, value, step=…)`, and return when it says True: the
    attempt is recorded as pruned, however the realizer ends then. Where no search with a pruner has
    started the attempt, it is always False.
    """
    return b.should_stop()


def build_scratch(b: Build) -> Path:
    """A directory for checkpoints: no part of the output, and it survives failure and kill -9.

    The next try of the same derivation with the same inputs finds it as it was left, and has the
    same seed. It is removed when an attempt succeeds.
    """
    return b.scratch()


def build_logdir(b: Build) -> Path:
    """A directory for logs, such as TensorBoard's; it stays, and is no part of the output."""
    return b.logdir()


def build_link(b: Build, name: str, target: Path) -> None:
    """Makes an artifact that is a link to data outside of the store, on purpose.

    The store keeps the link's text, not the data. Raises BuildError when the target is not there.
    """
    if not target.is_absolute() or not target.exists():
        raise BuildError(
            "no such data", path=target, remedy="give the absolute path of what exists"
        )
    b.allow_outside(str(target))
    RefPath.parse([selfref, name])
    b.outpath.joinpath(name).symlink_to(target)


def _several(ref: str, count: int, plural: str) -> BadStage:
    return BadStage(
        f"{count} realizations were chosen for this input",
        dref=ref,
        remedy=f"use {plural}, or give the input a matcher that chooses one",
    )
