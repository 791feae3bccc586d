"""Code: what a function's identity consists of, name by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from ...core.change import Places
from ...core.digest import short
from ...core.errors import BadStage
from .functions import unwrapped
from .once import asked
from .survey import Survey
from .surveyor import survey

DEPTHS = ("project", "function")
KEPT = 1000  # functions whose code is known; the oldest are forgotten
RULE, CONTEXT = 2, "pystore code 2"  # by which code counts; a change of the rule changes both
_known: dict[tuple[int, str], tuple[Any, Survey, "Code"]] = {}


@dataclass(frozen=True)
class Code:
    """The digest of a function and of what it uses, and the digests that it is made of."""

    digest: str  # 32 hex digits
    parts: Mapping[str, str]  # 16 hex digits of each function, class and constant, by its name
    places: Places = field(default_factory=dict, compare=False)  # of each part, for people


def code_of(function: Callable[..., object], depth: str = "project") -> Code:
    """The code of a function: with all that it uses of its project, or of the function alone.

    Costs some 0.1 ms a function once, and next to nothing while no name has changed its meaning.
    Raises BadStage when it is no function, or was edited after it was loaded.
    """
    if depth not in DEPTHS:
        raise BadStage("not a depth of code", given=repr(depth), remedy=" or ".join(DEPTHS))
    key, once = (id(function), depth), asked.get()
    kept = _known.get(key)
    again = once is not None and key in once
    if once is not None:
        once.add(key)
    if kept is not None and kept[0] is function and (again or kept[1].stands()):
        return kept[2]
    _check(function)
    found = survey(function, depth)
    code = _digested(found)
    _known.pop(key, None)
    _known[key] = function, found, code
    if len(_known) > KEPT:
        del _known[next(iter(_known))]
    return code


def survey_of(function: Callable[..., object], depth: str) -> tuple[Survey, Code]:
    """What the code of a function was found to consist of when it was last looked at."""
    kept = _known.get((id(function), depth))
    if kept is None or kept[0] is not function:
        code_of(function, depth)
        kept = _known[id(function), depth]
    return kept[1], kept[2]


def _check(function: Any) -> None:
    if not isinstance(unwrapped(function)[-1], FunctionType):
        raise BadStage(
            "only a function has code that can be followed",
            given=repr(function)[:200],
            remedy='write a function, or name its version: @stage(code="v1")',
        )


def _digested(found: Survey) -> Code:
    parts = {name: _digest(f"part\n{text}")[:16] for name, text in found.texts.items()}
    whole = "\n".join(f"{digest} {name}" for name, digest in parts.items())
    return Code(_digest(f"code\n{whole}"), parts, found.places)


def _digest(text: str) -> str:
    return short(CONTEXT, text.encode())
