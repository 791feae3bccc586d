"""Sweeps: derivations of one stage with many parameters, as a dict for `instantiate`.

SW1  A larger sample begins with the smaller one; a new parameter leaves the others as they are.
SW2  Samples are the same on every machine: numbers have six digits.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from keyword import iskeyword
from random import Random
from typing import Any

from ..core.class_names import unboxed
from ..core.dataclasses import dataclass, field
from ..core.derivation import Derivation
from ..core.errors import BadStage
from ..core.options import checked_count
from ..core.printable import listed
from ..core.refs import DRef
from .identity.once import asked_once

_PATIENCE = 100  # draws for each wanted sample, before the space is taken to have no more


@dataclass(frozen=True)
class Space:
    """Values to draw from; `value` turns a number in [0, 1) into one of them."""

    name: str
    value: Callable[[float], Any] = field(compare=False, repr=False)
    kind: str = field(default="", compare=False, repr=False)  # the function that made it
    of: tuple[Any, ...] = field(default=(), compare=False, repr=False)  # its bounds, or values

    def __repr__(self) -> str:
        return self.name


def uniform(low: float, high: float) -> Space:
    """Numbers between `low` and `high`, equally likely. Raises BadStage unless `low` < `high`."""
    _check_bounds("uniform", low, high)
    return Space(
        f"uniform({low}, {high})", lambda u: rounded(low + u * (high - low)), "uniform", (low, high)
    )


def loguniform(low: float, high: float) -> Space:
    """Positive numbers between `low` and `high`, each order of magnitude equally likely.

    Raises BadStage unless 0 < `low` < `high`.
    """
    _check_bounds("loguniform", low, high)
    if low <= 0:
        raise BadStage(f"loguniform({low}, {high}) begins above zero", remedy="use uniform")
    return Space(
        f"loguniform({low}, {high})",
        lambda u: rounded(low * (high / low) ** u),
        "loguniform",
        (low, high),
    )


def randint(low: int, high: int) -> Space:
    """Whole numbers from `low` to `high`, both included, as in Python's own `randint`.

    Raises BadStage when one is not whole, or unless `low` < `high`.
    """
    _check_bounds("randint", low, high)
    if type(low) is not int or type(high) is not int:
        raise BadStage(f"randint({low}, {high}) takes whole numbers", remedy="use uniform")
    return Space(
        f"randint({low}, {high})", lambda u: low + int(u * (high - low + 1)), "randint", (low, high)
    )


def choice(values: Sequence[Any]) -> Space:
    """One of these values, equally likely. Raises BadStage when there are none."""
    if isinstance(values, str) or not len(values):
        raise BadStage(
            "a choice of nothing, or of one text",
            given=repr(values)[:200],
            remedy="write choice([32, 64])",
        )
    of = tuple(unboxed(value) for value in values)
    return Space(f"choice({values})", lambda u: of[int(u * len(of))], "choice", of)


def sweep(stage: Callable[..., Any], /, **parameters: Any) -> dict[str, Derivation]:
    """The derivations of a stage for every combination of the parameters given as lists.

    Keys read `epochs=1 learning_rate=0.01`. A value that is no list, tuple, range or array is the
    same in all of them; a list that is one value goes into a list: `layers=[[64, 64]]`. Raises
    BadStage when no parameter is a list, or one is empty.
    """
    swept = {name: _values(name, v) for name, v in parameters.items() if _is_many(v)}
    for name, value in parameters.items():
        if isinstance(value, Space):
            raise BadStage(
                f"sweep takes lists, and {name} is {value}",
                remedy="draw with sample(train, n, …), or write a list",
            )
    if not swept:
        raise BadStage(
            "a sweep over nothing: no parameter is a list",
            given=listed(parameters) or "no parameters",
            remedy="write sweep(train, epochs=[1, 3])",
        )
    fixed = {name: value for name, value in parameters.items() if name not in swept}
    found: dict[str, dict[str, Any]] = {}
    for values in product(*swept.values()):
        _add(dict(zip(swept, values, strict=True)), found)
    with asked_once():
        return {key: derivation_of(stage, {**fixed, **point}) for key, point in found.items()}


def sample(
    stage: Callable[..., Any], n: int, /, *, seed: int = 0, **parameters: Any
) -> dict[str, Derivation]:
    """`n` different derivations of a stage, with parameters drawn from their spaces.

    Spaces are `uniform`, `loguniform`, `randint` and `choice`; any other value is the same in all.
    The same `seed`, which is no parameter of the stage, gives the same sample; a larger sample
    begins with it. Raises BadStage when the spaces hold fewer than `n` combinations.
    """
    n = checked_count("n", n)
    if type(seed) is not int:
        raise BadStage(
            "the seed of a sample is a whole number, and no parameter of the stage",
            given=repr(seed),
            remedy="a parameter that is drawn needs another name; attempts have seeds of their own",
        )
    spaces = {name: v for name, v in parameters.items() if isinstance(v, Space)}
    if not spaces:
        raise BadStage(
            "a sample of nothing: no parameter is a space",
            given=listed(parameters) or "no parameters",
            remedy="write sample(train, 10, learning_rate=loguniform(1e-4, 1e-1))",
        )
    fixed = {name: value for name, value in parameters.items() if name not in spaces}
    found: dict[str, dict[str, Any]] = {}
    for point in _draw(spaces, seed, n * _PATIENCE):
        _add(point, found)
        if len(found) == n:
            with asked_once():
                return {key: derivation_of(stage, {**fixed, **at}) for key, at in found.items()}
    raise BadStage(
        f"there are not {n} different combinations",
        found=len(found),
        spaces=listed(f"{name}={space}" for name, space in spaces.items()),
        remedy="ask for fewer, or sweep over all of them",
    )


def _draw(spaces: Mapping[str, Space], seed: int, most: int) -> Iterable[dict[str, Any]]:
    # A stream for each name: adding a parameter changes no other (SW1). Only random() is promised
    # to give the same numbers in every version of Python.
    streams = {name: Random(f"{seed} {name}") for name in spaces}
    for _ in range(most):
        yield {name: space.value(streams[name].random()) for name, space in spaces.items()}


def derivation_of(stage: Callable[..., Any], parameters: Mapping[str, Any]) -> Derivation:
    """What a call of the stage declares. Raises BadStage unless that is one derivation."""
    made = stage(**parameters)
    if isinstance(made, Derivation):
        return made
    raise BadStage(
        "a sweep takes a stage that returns a Derivation",
        stage=getattr(stage, "__qualname__", repr(stage))[:200],
        returned=repr(made)[:200],
        remedy="decorate it with @stage or @two_way",
    )


def _add(point: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Adds a point, unless it is there, under a key of its own: two stages may have one name."""
    key, number = key_of(point), 1
    while found.setdefault(key, point) != point:
        number += 1
        key = f"{key_of(point)} ({number})"


def key_of(point: Mapping[str, Any]) -> str:
    """The key of these parameters: `epochs=1 learning_rate=0.01`."""
    return " ".join(f"{name}={brief(value)}" for name, value in point.items())


def brief(value: Any) -> str:
    """The value as a key names it."""
    dref = getattr(value, "dref", None)
    if isinstance(dref, DRef):
        return dref.short
    name = getattr(value, "stage_name", None)
    if isinstance(name, str):
        return name
    # A text that reads like another value is quoted, so that keys are distinct.
    plain = isinstance(value, str) and value.isidentifier() and not iskeyword(value)
    return str(value) if plain else repr(value)


def _is_many(value: Any) -> bool:
    return isinstance(value, (list, tuple, range)) or getattr(value, "ndim", 0) == 1


def _values(name: str, value: Any) -> list[Any]:
    # As numbers of Python, so that keys read `lr=0.1`.
    values = value.tolist() if hasattr(value, "tolist") else [unboxed(one) for one in value]
    if not values:
        raise BadStage(
            f"a sweep over nothing: {name} is empty", remedy=f"write {name}=[…], one value or more"
        )
    return values


def _check_bounds(name: str, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise BadStage(f"{name}({low}, {high}) holds nothing", remedy="write the lower one first")


def rounded(value: float) -> float:
    """Six digits: short to read, and the same whatever a machine's `**` does last (SW2)."""
    return float(f"{value:.6g}")
