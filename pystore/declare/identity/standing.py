"""Standing: whether the code that a stage was declared with is the code that runs.

What a stage has changed by running is excused, with a warning: a later attempt in the process
finds it so. What was changed between a declaration and its run by anybody else is an error, since
the result would have the name of one thing and be of another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from ...core.errors import BadStage
from ...core.refs import DRef
from ..build import Build
from .code import RULE, Code, code_of, survey_of
from .opaque import warn_of_change
from .places import grouped
from .survey import Place

_moved: set[Place] = set()  # what has changed while a stage ran in this process


@contextmanager
def noted(
    b: Build, function: Callable[..., object], depth: str, brought: Code | None
) -> Iterator[None]:
    """Notes the code of a stage in the record of its attempt, and checks it (`running`).

    What was brought from another process was checked there.
    """
    declared = b.config.value.get("code", "")
    own = running(function, depth, declared, b.config.dref)
    with own if brought is None else nullcontext(brought) as code:
        b.note("code", dict(code.parts))
        b.note("places", grouped(code.places))
        b.note("rule", RULE)
        yield


@contextmanager
def running(
    function: Callable[..., object], depth: str, declared: str, dref: DRef
) -> Iterator[Code]:
    """The code of a stage, around its run. Warns of what counts and changes in the block.

    Raises BadStage when the code is no longer the one of the digest `declared`.
    """
    survey, code = survey_of(function, depth)
    if code.digest != declared:
        code = code_of(function, depth)
        survey, _ = survey_of(function, depth)
    before = set(survey.changed())
    if (code.digest != declared and not excused(function, depth)) or not before <= _moved:
        raise BadStage(
            f"what {dref.name} uses has changed since it was declared",
            dref=dref,
            changed=", ".join(sorted({name for _, name in before - _moved})) or None,
            remedy=f"declare it again: call {getattr(function, '__name__', 'the stage')}(…) after "
            "the change",
        )
    yield code
    after = set(survey.changed()) - before
    if after:
        _moved.update(after)
        warn_of_change(sorted({name for _, name in after}), dref.name)


def excused(function: Callable[..., object], depth: str) -> bool:
    """Whether a stage that ran in this process has changed something that a function uses."""
    if not _moved:
        return False
    survey, _ = survey_of(function, depth)
    return not _moved.isdisjoint(survey.watched())
