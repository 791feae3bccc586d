"""@stage: a plain function becomes a stage, whose derivations can be run at once."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, overload

from ..core.errors import BadStage
from ..core.matchers import match_latest
from ..core.resources import Resources
from ..declare.stage import Stage
from ..declare.stage_options import Options, checked_code
from .verbs import realize

P = ParamSpec("P")


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Protocol

    from ..core.matchers import Matcher
    from ..declare.build import Build

    class _Decorator(Protocol):
        @overload
        def __call__(self, function: Callable[Concatenate[Build, P], None], /) -> Stage[P]: ...
        @overload
        def __call__(self, function: Callable[P, None], /) -> Stage[P]: ...


@overload
def stage(function: Callable[Concatenate[Build, P], None], /) -> Stage[P]: ...
@overload
def stage(function: Callable[P, None], /) -> Stage[P]: ...
@overload
def stage(
    *,
    matcher: Matcher = ...,
    name: str | None = None,
    ignore: Collection[str] = (),
    code: str | None = "project",
    resources: Mapping[str, object] | None = None,
    timeout: float | None = None,
    retries: int | None = None,
) -> _Decorator: ...
def stage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    matcher: Matcher | None = None,
    name: str | None = None,
    ignore: Collection[str] = (),
    code: str | None = "project",
    resources: Mapping[str, object] | None = None,
    timeout: float | None = None,
    retries: int | None = None,
) -> Any:
    """Makes a stage from a function, whose parameters are the stage's config.

    `output("file")` as a default promises a file; a stage or a derivation is an input, and
    arrives as its View; a parameter named `build` gets the Build. `name` is the readable part of
    references (default: the function's); `ignore` names parameters that are no identity. `code`
    says how much code is: "project" follows the functions that it uses, "function" looks at it
    alone, None at nothing; any other text is a name of yours in place of the digest.

    No identity either: `resources` that an attempt takes, `{"gpu": 1, "memory": "8G", "cpus": 2}`;
    `timeout`, after how many seconds a worker is stopped; `retries`, how often a failure is tried
    again.

    Raises BadStage for `*args`, `**kwargs`, and names that a View has.
    """
    if function is not None and not isinstance(function, FunctionType):
        raise BadStage(
            "@stage makes a stage of a function",
            given=repr(function)[:200],
            remedy="write @stage above a def, options by name: @stage(code='v1')",
        )
    given = Resources.of(resources, timeout, retries)
    options = Options(matcher or match_latest(), name, tuple(ignore), checked_code(code), given)
    if function is None:
        return lambda function: Stage(function, options, realize)
    return Stage(function, options, realize)
