"""Torch training: the loop that trains a network, validates it, and goes on where it was stopped.

TT1  A training that was interrupted and goes on ends with the bytes of one that was not.
TT2  The last step is always validated, and the metrics are those of the weights that are saved.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from ..core.dataclasses import dataclass
from ..core.errors import BadStage, BuildError, PystoreError
from ..declare.build import Build, build_progress
from .errors import PredictorFailed
from .evidence import Evidence
from .predictions import SINGLE, plain
from .savers import save
from .signature import Signature, versions
from .steadiness import checked_predictions, told_failure
from .stored_rows import Rows, write_rows
from .telling_apart import warn_of_trained_rows
from .torch_answering import TorchAnswering
from .torch_batches import Shuffled, loaded_batches, numbers, seed_all
from .torch_checkpoint import read_checkpoint, write_checkpoint
from .torch_options import LoopOptions, Monitor, optimizer_of
from .torch_rows import TorchRows, to_device

EXAMPLES = 5  # rows that are kept with their predictions
EVERY = 30.0  # [s] after which a checkpoint is written, also between validations
TRAIN = "train"


@dataclass(frozen=True)
class TorchTraining:
    """The functions of a user that train, and those that answer."""

    name: str
    network: Callable[..., Any]
    objective: Callable[..., Any] | None  # by default, cross_entropy
    metrics: Mapping[str, Callable[..., Any]]
    answering: TorchAnswering
    augment: Callable[..., Any] | None = None
    classes: tuple[Any, ...] | None = None
    optimizer: Callable[..., Any] | str | None = None

    def fresh(self, hyperparameters: Mapping[str, Any], seed: int) -> Any:
        """A network that has learnt nothing. Raises BadStage."""
        import torch

        with torch.random.fork_rng(devices=[]):  # the numbers of the caller stay as they were
            torch.default_generator.manual_seed(seed)
            try:
                made = self.network(**hyperparameters)
            except Exception as error:
                raise BadStage(
                    f"the network of {self.name} cannot be made with these hyperparameters",
                    given=", ".join(f"{k}={v!r}" for k, v in hyperparameters.items()) or "none",
                    because=f"{type(error).__name__}: {error}"[:400],
                    remedy="name parameters that the class of the network has",
                ) from error
        if isinstance(made, torch.nn.Module):
            return made
        raise BadStage(
            f"{self.name} is made of no network",
            given=type(made).__name__,
            remedy="TorchModel(LeNet5): a subclass of torch.nn.Module, or what makes one",
        )

    def known_metrics(self, valid: Any) -> set[str]:
        """The names of the metrics that a training with these validation sets tells."""
        told = {f"{part}/{name}" for part in valid for name in ("loss", *self.metrics)}
        return told | {f"{TRAIN}/loss"}


class Part(NamedTuple):
    """Rows with a digest that tells them from others."""

    rows: Rows
    digest: str


class Validated(NamedTuple):
    """The scores of a step, with the predictions of the first validation set."""

    scores: dict[str, float]
    predictions: list[Any]
    truth: list[Any]


class Loop:
    """One training."""

    def __init__(
        self,
        b: Build,
        training: TorchTraining,
        options: LoopOptions,
        hyperparameters: Mapping[str, Any],
        train: Part,
        valid: Mapping[str, Part],
    ) -> None:
        import torch

        self._b, self._training, self._options = b, training, options
        self._train, self._valid = train, dict(sorted(valid.items()))
        self._device = torch.device(options.device or _usual_device())
        seed_all(b.seed, 0)
        self._network = training.fresh(hyperparameters, b.seed).to(self._device)
        self._objective = training.objective or torch.nn.functional.cross_entropy
        self._optimizer = optimizer_of(training.optimizer, options, self._network.parameters())
        on_gpu = bool(options.mixed) and self._device.type == "cuda"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=on_gpu)
        self._cast: Callable[[], Any] = (
            (lambda: torch.autocast("cuda")) if on_gpu else nullcontext  # mixed precision
        )
        self._monitor = Monitor.of(options, training.known_metrics(self._valid), self._valid)
        self._epoch, self._steps = options.length(len(train.rows))
        self._every = options.validate_every or self._epoch
        self._step = 0
        self._losses: list[float] = []  # since the last validation
        self._told: list[tuple[int, str, float]] = []  # the points of all traces
        self._scores: dict[str, float] = {}  # of the last validation
        self._best: dict[str, Any] | None = None  # weights, scores, step
        self._worse = 0  # validations since the best one
        self._saved_at = time.monotonic()
        self._predicted: tuple[int, Validated] | None = None  # at which step

    def run(self) -> None:
        """Trains, and writes the files of the realization."""
        import torch

        self._check_rows()
        self._resume()
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            for x, y in self._batches():
                self._learn(x, y)
                if self._step % self._every == 0 or self._step == self._steps:
                    self._validate()
                    self._keep()
                    if self._is_enough():
                        break
                elif time.monotonic() - self._saved_at > EVERY:
                    self._keep()
                build_progress(self._b, self._step, self._steps, "steps")
            self._finish()

    def _check_rows(self) -> None:
        """Raises BadStage, before anything is trained, for rows that cannot be used."""
        for name, part in {TRAIN: self._train, **self._valid}.items():
            if not len(part.rows):
                raise BadStage(f"{name} has no rows", remedy="take a snapshot that has some")
            if part.rows.y is None:
                raise BadStage(
                    f"the rows of {name} have no y",
                    x=", ".join(part.rows.x),
                    remedy='take the snapshot with one: snapshot(x="img", y="class")',
                )
            data = self._data(part)
            for row, y in enumerate(part.rows.targets()):
                try:
                    data.label(y, row)
                except BadStage as error:
                    raise error.having(part=name) from None
        for name, part in self._valid.items():  # what fails here would fail after the training
            warn_of_trained_rows(f"{name} of {self._training.name}", self._train.rows, part.rows)
            self._scored(name, part, least=True)

    # --- steps

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        data = Shuffled(self._data(self._train), self._training.augment, self._b.seed)
        left, size = range(self._step, self._steps), self._options.batch_size
        chosen = numbers(len(self._train.rows), size, self._epoch, left, self._b.seed)
        return iter(loaded_batches(data, chosen, self._options.loader))

    def _learn(self, x: Any, y: Any) -> None:
        """One step. Each begins with random numbers of its own, so that nothing else counts."""
        import torch

        seed_all(self._b.seed, 1, self._step)
        self._network.train()
        self._optimizer.zero_grad(set_to_none=True)
        with self._cast():
            loss = self._loss(self._network(to_device(x, self._device)), y)
        self._scaler.scale(loss).backward()
        if self._options.clip is not None:
            self._scaler.unscale_(self._optimizer)
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._options.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._losses.append(float(loss.detach()))
        self._step += 1

    def _loss(self, output: Any, y: Any) -> Any:
        y = y.to(self._device)
        if hasattr(output, "shape") and y.is_floating_point() and y.numel() == output.numel():
            y = y.reshape(output.shape)  # [n] beside [n, 1] would be paired each with each
        loss = self._objective(output, y)
        if not hasattr(loss, "backward") or loss.ndim:
            raise BadStage(
                f"the objective of {self._training.name} returns no number",
                returned=repr(loss)[:200],
                remedy="return a tensor with one number: the mean over the batch",
            )
        return loss

    # --- validation

    def _validate(self) -> None:
        mean = sum(self._losses) / len(self._losses)
        if not math.isfinite(mean):
            raise BuildError(
                f"the loss is {mean}, and no number",
                step=self._step,
                rows="those that were trained on since the last validation",
                remedy="a smaller lr, or clip=1.0; look for values that are not finite in x and y",
            )
        self._losses = []
        found = self._validated()
        self._scores = {f"{TRAIN}/loss": mean, **found.scores}
        for name, value in self._scores.items():
            self._tell(self._step, name, value)
        if self._monitor is not None:
            self._compare()

    def _tell(self, step: int, name: str, value: float) -> None:
        self._told.append((step, name, value))
        self._b.metric(name, value, step)

    def _compare(self) -> None:
        assert self._monitor is not None
        best = None if self._best is None else self._best["scores"].get(self._monitor.metric)
        if self._best is None or self._monitor.is_better(
            self._scores.get(self._monitor.metric), best
        ):
            weights = {k: v.detach().cpu().clone() for k, v in self._network.state_dict().items()}
            self._best = {"weights": weights, "scores": self._scores, "step": self._step}
            self._worse = 0
        else:
            self._worse += 1

    def _is_enough(self) -> bool:
        patience = self._options.patience
        return patience is not None and self._worse >= patience

    def _validated(self) -> Validated:
        """The scores on each validation set, and the predictions of the first one."""
        found = [self._scored(name, part) for name, part in self._valid.items()]
        scores = {name: value for one in found for name, value in one.scores.items()}
        first = found[0] if found else Validated({}, [], [])
        self._predicted = self._step, Validated(scores, first.predictions, first.truth)
        return self._predicted[1]

    def _scored(self, name: str, part: Part, *, least: bool = False) -> Validated:
        """The scores on a validation set; `least`: only whether a batch of it can be predicted."""
        import torch

        self._network.eval()
        size, rows = self._options.batch_size, len(part.rows)
        chosen = [list(range(at, min(at + size, rows))) for at in range(0, rows, size)]
        chosen = chosen[:1] if least else chosen
        told, total = [], 0.0
        answering = self._training.answering
        batches = loaded_batches(self._data(part), chosen, self._options.loader)
        for some, (x, y) in zip(chosen, batches, strict=True):
            with torch.inference_mode(), self._cast():
                output = self._network(to_device(x, self._device))
                total += float(self._loss(output, y)) * len(some)
            told += answering.told(output, len(some), some[0])
        if least:
            answering.checked(told, len(told))
            return Validated({}, [], [])
        return self._measured(name, part, total / rows, told)

    def _measured(self, name: str, part: Part, loss: float, told: list[Any]) -> Validated:
        outputs, y = self._training.answering.outputs, part.rows.y
        truth = part.rows.targets()
        predicted = [outputs.named(one, y) for one in told]
        scores = {f"{name}/loss": loss}
        for metric, function in self._training.metrics.items():
            scores[f"{name}/{metric}"] = _number(metric, function, list(predicted), list(truth))
        checked = self._training.answering.checked(told, len(told))
        return Validated(scores, [outputs.named(one, y) for one in checked], truth)

    def _data(self, part: Part) -> TorchRows:
        prepare = self._training.answering.preprocess
        return TorchRows(part.rows, prepare, self._training.classes)

    # --- checkpoints

    def _keep(self) -> None:
        """Writes a checkpoint (TT1)."""
        state = {
            "network": self._network.state_dict(), "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(), "step": self._step, "losses": self._losses,
            "told": self._told, "scores": self._scores, "best": self._best, "worse": self._worse,
        }  # fmt: skip
        try:
            write_checkpoint(self._b.scratch() / "checkpoint", state)
        except TypeError as error:  # an optimizer may keep anything
            self._b.note("no checkpoint", str(error))
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        state = read_checkpoint(self._b.scratch() / "checkpoint")
        if state is None:
            return
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self._step, self._losses = state["step"], state["losses"]
        self._scores, self._best, self._worse = state["scores"], state["best"], state["worse"]
        for step, name, value in state["told"]:
            self._tell(step, name, value)
        self._b.note("resumed at step", self._step)
        if self._is_enough():
            self._steps = self._step

    # --- the end

    def _finish(self) -> None:
        """Saves the weights that count, with their metrics and what proves them (TT2)."""
        b, at = self._b, self._step
        if self._best is not None:
            self._network.load_state_dict(self._best["weights"])
            self._scores, at = self._best["scores"], self._best["step"]
        if self._predicted is None or self._predicted[0] != at:
            self._step = at
            self._validated()
        for name, value in self._scores.items():
            b.metric(name, value, None)
        scores = {name: value for name, value in self._scores.items() if math.isfinite(value)}
        (b.outpath / "metrics.json").write_text(json.dumps(scores) + "\n")
        self._network.eval()
        saved = save(self._network, b.outpath / "estimator")
        self._keep_evidence()
        self._keep_examples(saved)

    def _keep_evidence(self) -> None:
        assert self._predicted is not None
        found = self._predicted[1]
        if not self._valid or not all(_is_scalar(one) for one in found.truth):
            return
        name, part = next(iter(self._valid.items()))
        truth = tuple(plain(found.truth))
        Evidence(truth, tuple(found.predictions), part.digest, name).write(self._b.outpath)

    def _keep_examples(self, saved: str) -> None:
        rows = next(iter(self._valid.values()), self._train).rows
        folder = self._b.outpath / "example"
        folder.mkdir()
        some = [rows.stored(row) for row in range(min(EXAMPLES, len(rows)))]
        write_rows(folder, rows.x, rows.y, rows.fields, some)
        answering = self._training.answering
        examples = [x for x, _ in Rows(folder, rows.fields)]
        told, failure = self._told_of([answering.prepared(x) for x in examples], saved)
        Signature(
            columns=None, dtypes=("list",), shape=(), missing=(), codes=answering.codes,
            predictions=told, prepared=answering.digest_of_prepared(examples), failure=failure,
            single=True, versions=versions(("torch", "numpy")),
        ).write(self._b.outpath)  # fmt: skip

    def _told_of(self, prepared: list[Any], saved: str) -> tuple[list[Any] | None, str]:
        """The predictions for the examples; else why there are none, which costs no training."""
        asked = self._training.answering, self._network, prepared, SINGLE
        try:
            return checked_predictions(*asked, before=saved)[0], ""
        except PredictorFailed as error:
            return None, told_failure(self._training.name, error)


def _number(name: str, metric: Callable[..., Any], predicted: list[Any], truth: list[Any]) -> float:
    """What a metric says. Raises BadStage when it raises, or says no number."""
    try:
        return float(metric(predicted, truth))
    except PystoreError:
        raise
    except Exception as error:
        raise BadStage(
            f"the metric {name} cannot be taken",
            because=f"{type(error).__name__}: {error}"[:300],
            predicted=repr(predicted[:3]),
            true=repr(truth[:3]),
            remedy="a metric is a function (predicted, true) of two lists that returns a number",
        ) from error


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _usual_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
