"""Replaying: a line of the log of a service is predicted again, by the realization that it names.

RY1  A prediction agrees when it is the one that was logged, by the rule for examples; where the
    code that answers is another one now, this is said.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from ..core.refs import RRef
from .decoding import from_log
from .loaded import Loaded
from .predictions import same


@dataclass(frozen=True)
class Replayed:
    """A logged answer, and the one that is given now."""

    rref: RRef
    agrees: bool
    now: list[Any]
    then: list[Any]
    code_differs: bool  # whether the code that answers is another than when it was answered

    def __str__(self) -> str:
        if self.agrees:
            verb = "predicts the same"
        else:
            verb = f"predicts {str(self.now)[:100]}, and predicted {str(self.then)[:100]}"
        return f"{self.rref} {verb}{'; its code is another now' if self.code_differs else ''}"


def replayed(
    load: Callable[[RRef], Loaded], line: Mapping[str, Any] | str | bytes, raw: Any = None
) -> Replayed:
    """Predicts a logged question again, by the realization that `load` gets.

    Raises BadStage when the line has no input, or is none, or its picture cannot be read.
    """
    told = _parsed(line)
    if raw is None:
        raw = _input(told)
    loaded = load(RRef(told["rref"]))
    try:
        known = loaded.features(raw)
        now = [None] if known is None else loaded.predict([known])[0]
        then = told["reply"]
        agrees = same(now, then, loaded.tolerance)
        return Replayed(loaded.rref, agrees, now, then, _differs(loaded, told))
    finally:
        loaded.close()


def _differs(loaded: Loaded, told: Mapping[str, Any]) -> bool:
    """Whether other code answers now. A line without a digest was answered by unknown code."""
    digest = told.get("digest")
    return loaded.code_differs if digest is None else bool(digest != loaded.digest)


def _parsed(line: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    because = None
    try:
        told = json.loads(line) if isinstance(line, str | bytes) else line
    except ValueError as error:
        told, because = None, str(error)[:200]
    if isinstance(told, Mapping) and isinstance(told.get("rref"), str):
        if isinstance(told.get("reply"), list):
            return told
        because = "it has no reply"
    raise BadStage(
        "this is no line of the log of a service",
        given=repr(line)[:200],
        because=because,
        remedy="pass a line that `pystore serve --log FILE` has written",
    )


def _input(told: Mapping[str, Any]) -> Any:
    if "input" in told:
        return told["input"]
    if "picture" in told:
        return from_log(told["picture"])
    raise BadStage("this line has no input", remedy="pass raw, or serve with --log-inputs")
