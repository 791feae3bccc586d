"""The options of @stage, and what it asks of a function's signature."""

import inspect
from collections.abc import Callable
from typing import Any

from ..core.dataclasses import dataclass, field
from ..core.errors import BadStage
from ..core.matchers import Matcher, match_latest
from ..core.printable import listed
from ..core.resources import Resources
from .view import RESERVED

DEPTHS = ("project", "function")  # how far the code of a stage is followed
RESERVED_PARAMETERS = frozenset((*RESERVED, "code", "name"))


@dataclass(frozen=True)
class Options:
    """The options of @stage."""

    matcher: Matcher = field(default_factory=match_latest)
    name: str | None = None
    ignore: tuple[str, ...] = ()
    code: str | None = "project"
    resources: Resources = field(default_factory=Resources)


def checked_code(code: str | None) -> str | None:
    """The option `code` of @stage. Raises BadStage for what is no text, or a misspelt word."""
    from difflib import get_close_matches

    if code is not None and not isinstance(code, str):
        raise BadStage(
            f"code={code!r} is no text",
            remedy='write code="project" (the default), code="function", code="v1", or None',
        )
    if code is None or code in DEPTHS or not get_close_matches(code, DEPTHS, cutoff=0.7):
        return code
    raise BadStage(
        f"code={code!r} would be a version's name, and looks like a misspelt word",
        remedy='write code="function", code="project", or a name such as code="v1"',
    )


def checked_signature(
    function: Callable[..., Any], options: Options
) -> tuple[inspect.Signature, bool]:
    """The signature of a stage's function without `build`, and whether it takes `build`.

    Raises BadStage for `*args`, `**kwargs` and reserved names, and when `ignore` names no
    parameter.
    """
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadStage(
                f"a stage cannot take {parameter}",
                stage=function.__qualname__,
                remedy="name each parameter: what a stage depends on stands in its signature",
            )
        if name in RESERVED_PARAMETERS:
            raise BadStage(
                f"the parameter {name!r} of a stage would hide the {name} of its view",
                stage=function.__qualname__,
                reserved=", ".join(sorted(RESERVED_PARAMETERS)),
                remedy="choose another name",
            )
    strange = set(options.ignore) - set(signature.parameters)
    if strange:
        raise BadStage(
            "ignore names something that is no parameter",
            stage=function.__qualname__,
            strange=listed(sorted(strange)),
            parameters=listed(signature.parameters),
            remedy="name parameters of the function, or leave it out",
        )
    kept = [p for name, p in signature.parameters.items() if name != "build"]
    return signature.replace(parameters=kept), len(kept) < len(signature.parameters)
