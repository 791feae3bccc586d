"""Torch options: how a network is trained: lengths, batches, optimizer, validation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, Self

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from ..core.printable import listed

IGNORED = ("loader", "device")  # no part of an identity
LOADER = (
    "num_workers", "drop_last", "pin_memory", "prefetch_factor", "persistent_workers", "timeout",
    "multiprocessing_context",
)  # fmt: skip


@dataclass(frozen=True)
class LoopOptions:
    """The options of a training. Raises BadStage for what makes no training."""

    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 32
    optimizer: str | None = None  # a class of torch.optim
    lr: float | None = None
    optimizer_options: Mapping[str, Any] | None = None
    validate_every: int | None = None  # [steps]; by default, at the end of each epoch
    patience: int | None = None  # validations without a better value of `monitor`
    monitor: str | None = None
    clip: float | None = None  # the largest norm of all gradients
    mixed: bool | None = None
    loader: Mapping[str, Any] | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise BadStage(
                "how long is the training?",
                steps=self.steps,
                epochs=self.epochs,
                remedy="give one of them: steps=1000, or epochs=5",
            )
        for name in ("steps", "epochs", "batch_size", "validate_every", "patience"):
            self._check(name, int, 1)
        for name in ("lr", "clip"):
            self._check(name, (int, float), 0)
        strange = [name for name in self.loader or () if name not in LOADER]
        if strange:
            raise BadStage(
                f"{listed(strange)} is no option of the loader",
                options=listed(LOADER),
                remedy="batch_size is an option of the training; rows are shuffled by its seed",
            )

    def _check(self, name: str, kind: Any, least: float) -> None:
        value = getattr(self, name)
        if value is None:
            return
        fits = isinstance(value, kind) and not isinstance(value, bool)
        if not fits or not value >= least or (least == 0 and value == 0):
            raise BadStage(
                f"{name} is a number above 0",
                given=repr(value)[:80],
                remedy=f"give another {name}, or leave it out",
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Those among the values of a config."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def length(self, rows: int) -> tuple[int, int]:
        """The steps of an epoch, and those of the training. Raises BadStage for none."""
        drops = bool((self.loader or {}).get("drop_last"))
        epoch = rows // self.batch_size if drops else -(-rows // self.batch_size)
        if not epoch:
            raise BadStage(
                "there are too few rows for one step",
                rows=rows,
                batch_size=self.batch_size,
                remedy="take a snapshot of more rows, or a smaller batch_size",
            )
        return epoch, self.steps or (self.epochs or 1) * epoch


@dataclass(frozen=True)
class Monitor:
    """The metric by which a training is stopped early, and the best weights are kept."""

    metric: str
    is_loss: bool

    @classmethod
    def of(
        cls, options: LoopOptions, known: Collection[str], valid: Collection[str]
    ) -> Self | None:
        """The monitor; None where nothing is monitored. Raises BadStage for an unknown metric."""
        if options.monitor is None and options.patience is None:
            return None
        named = options.monitor or f"{min(valid, default='train')}/loss"
        metric, _, mode = named.partition(":")
        if metric not in known or mode not in ("", "min", "max"):
            raise BadStage(
                "there is no such metric to monitor",
                given=named,
                metrics=listed(sorted(known)),
                remedy='monitor="gold/acc", or "gold/error:min" where less is better',
            )
        return cls(metric, mode == "min" or (not mode and metric.endswith("/loss")))

    def is_better(self, value: float | None, best: float | None) -> bool:
        """Whether a value is better than the best so far; what is not finite never is."""
        if value is None or value != value or value in (float("inf"), float("-inf")):
            return False
        return best is None or (value < best if self.is_loss else value > best)


def optimizer_of(
    own: Callable[..., Any] | str | None, options: LoopOptions, parameters: Any
) -> Any:
    """The optimizer of a training: the option names it, else the model. Raises BadStage."""
    import torch

    named = options.optimizer or own or "Adam"
    make = getattr(torch.optim, named, None) if isinstance(named, str) else named
    given = {
        **({} if options.lr is None else {"lr": options.lr}),
        **(options.optimizer_options or {}),
    }
    try:
        if make is None:
            raise AttributeError(f"torch.optim has no {named}")
        return make(parameters, **given)
    except Exception as error:
        raise BadStage(
            "there is no such optimizer",
            optimizer=named if isinstance(named, str) else named.__qualname__,
            given=listed(f"{key}={value!r}" for key, value in given.items()) or None,
            because=f"{type(error).__name__}: {error}"[:300],
            remedy='optimizer="SGD", lr=0.1, optimizer_options={"momentum": 0.9}',
        ) from error


def optimizer_name(given: Any) -> Any:
    """The name of an optimizer that a call names by its class. Raises BadStage."""
    if not inspect.isclass(given):
        return given
    if given.__module__.startswith("torch.optim"):
        return given.__name__
    raise BadStage(
        "an optimizer of your own belongs to the model",
        given=given.__qualname__,
        because="its code counts, and what a call is given stands in a config",
        remedy=f"TorchModel(…, optimizer={given.__name__})",
    )
