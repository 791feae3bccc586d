"""Kinds: what a saver makes of a value, and what a loader gets to make the value again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.dataclasses import dataclass, field
from ...core.errors import BadStage

Fresh = Callable[[], Any]


@dataclass(frozen=True)
class Written:
    """A value as its saver writes it: plain facts, the bytes of files, and values within it."""

    about: dict[str, Any] = field(default_factory=dict)  # JSON, in an order that is always the same
    files: Mapping[str, bytes] = field(default_factory=dict)
    parts: Sequence[object] = ()  # each is saved in a folder of its own


@dataclass(frozen=True)
class Stored:
    """A value as its loader finds it. The bytes are those that were written."""

    about: dict[str, Any]
    files: Mapping[str, bytes]
    load_part: Callable[[int, Fresh | None], Any]  # the part of this number
    part_count: int
    fresh: Fresh | None
    trusted: frozenset[str]
    ours: bool


@dataclass(frozen=True)
class Kind:
    """One row of the table of kinds."""

    write: Callable[[Any], Written]
    read: Callable[[Stored], Any]
    types: Callable[[Mapping[str, bytes]], list[str]] = lambda files: []  # that need trust


def no_saver(value: object, because: str | None = None, **facts: object) -> BadStage:
    """The error for a value that has no safe form of ours."""
    return BadStage(
        f"{class_of(value)} cannot be saved without pickle",
        because=because,
        **facts,
        remedy="give `@model.saver` and `@model.loader`: functions that write and read one file",
    )


def class_of(value: object) -> str:
    """The class of a value, with its module."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def made(stored: Stored, kind: type) -> Any:
    """A new module or model, which takes the saved weights. Raises BadStage."""
    if stored.fresh is None:
        raise BadStage(
            "weights are saved without the code that makes their model",
            remedy=f"pass fresh=, a function that returns a new {kind.__name__}",
        )
    try:
        new = stored.fresh()
    except Exception as error:
        raise BadStage(
            "the function that makes a new model raised",
            because=f"{type(error).__name__}: {error}",
            remedy="call it by itself, and mend what it raises",
        ) from error
    if not isinstance(new, kind):
        raise BadStage(
            f"the function that makes a new model returned {class_of(new)}",
            expected=f"{kind.__module__}.{kind.__qualname__}",
            remedy="return the untrained model whose weights were saved",
        )
    return new


def unfit(model: object, **facts: object) -> BadStage:
    """The error for a new model that the saved weights do not fit."""
    return BadStage(
        f"the saved weights do not fit {class_of(model)}",
        **facts,
        remedy="make the model as it was made for the training: same layers, same sizes",
    )
