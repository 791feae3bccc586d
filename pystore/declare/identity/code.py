"""Code: the digest of a function and of all that it uses, part by part."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from ...core.change import Places
from ...core.dataclasses import dataclass, field
from ...core.digest import short
from ...core.errors import BadStage
from ...core.kept_code import PART, part_digest
from ..stage_options import DEPTHS
from .functions import unwrapped
from .once import asked
from .survey import Survey
from .surveyor import survey

Functions = Mapping[str, Callable[..., object]]
"""The functions of a stage, by their roles; the role of an only function is ""."""

MOST_FUNCTIONS = 1000  # whose code is remembered; the oldest are forgotten
RULE = 2  # by which code counts; a change of the rule changes the context of digests, too
_known: dict[tuple[int, str], tuple[Any, Survey, "Code"]] = {}


@dataclass(frozen=True)
class Code:
    """The digest of a function and of what it uses, and the digests of its parts."""

    digest: str  # 32 hex digits
    parts: Mapping[str, str]  # 16 hex digits of each function, class and constant, by its name
    places: Places = field(default_factory=dict, compare=False)  # of each part, for people


def code_of(function: Callable[..., object], depth: str = "project") -> Code:
    """The code of a function: with all that it uses of its project, or of the function alone.

    The first call costs some 0.1 ms a function that is used, 0.3 ms where its file is new; later
    calls cost next to nothing while no name has changed its value. Raises BadStage when it is no
    function, or when its file was edited after it was loaded.
    """
    if depth not in DEPTHS:
        raise BadStage("not a depth of code", given=repr(depth), remedy=" or ".join(DEPTHS))
    key, once = (id(function), depth), asked.get()
    known = _known.get(key)
    again = once is not None and key in once
    if once is not None:
        once.add(key)
    if known is not None and known[0] is function and (again or known[1].stands()):
        return known[2]
    _check(function)
    found = survey(function, depth)
    code = _digested(found)
    _known.pop(key, None)
    _known[key] = function, found, code
    if len(_known) > MOST_FUNCTIONS:
        del _known[next(iter(_known))]
    return code


def code_of_all(functions: Functions, depth: str) -> Code:
    """The code of several functions as one, as `code_of` finds it."""
    return _joined({role: code_of(function, depth) for role, function in functions.items()})


def surveys_of(functions: Functions, depth: str) -> tuple[list[Survey], Code]:
    """The surveys and the code of functions, as they were when these were last looked at."""
    found = {role: _last(function, depth) for role, function in functions.items()}
    return [one for one, _ in found.values()], _joined({role: c for role, (_, c) in found.items()})


def is_still(code: Code, functions: Functions, depth: str) -> bool:
    """Whether functions have this code now, though values were replaced that they use.

    Python puts names that do not count into classes: `__slotnames__` where an instance is copied or
    pickled. What is remembered of the functions stays.
    """
    try:
        now = {role: _digested(survey(one, depth)) for role, one in functions.items()}
    except BadStage:
        return False  # a file was edited meanwhile
    return _joined(now).digest == code.digest


def _last(function: Callable[..., object], depth: str) -> tuple[Survey, Code]:
    known = _known.get((id(function), depth))
    if known is None or known[0] is not function:
        code_of(function, depth)
        known = _known[id(function), depth]
    return known[1], known[2]


def _joined(codes: Mapping[str, Code]) -> Code:
    """The code of several functions as one; of one function without a role, its own."""
    if list(codes) == [""]:
        return codes[""]
    parts: dict[str, str] = {}
    places: dict[str, tuple[str, str]] = {}
    for role, code in sorted(codes.items()):
        for name, digest in code.parts.items():
            label = name if parts.get(name, digest) == digest else f"{name} ({role})"
            parts[label] = digest
            places |= {label: code.places[name]} if name in code.places else {}
    whole = "\n".join(f"{code.digest} {role}" for role, code in sorted(codes.items()))
    return Code(_digest(f"codes\n{whole}"), parts, places)


def _check(function: Any) -> None:
    if not isinstance(unwrapped(function)[-1], FunctionType):
        raise BadStage(
            "only a function has code that can be followed",
            given=repr(function)[:200],
            remedy='write a function, or name its version: @stage(code="v1")',
        )


def _digested(found: Survey) -> Code:
    parts = {name: part_digest(text) for name, text in found.texts.items()}
    whole = "\n".join(f"{digest} {name}" for name, digest in parts.items())
    return Code(_digest(f"code\n{whole}"), parts, found.places)


def _digest(text: str) -> str:
    return short(PART, text.encode())
