"""Changes: whether the code that a stage was declared with is still the code that runs.

A change that a stage makes while it runs is excused, with a warning: later attempts in the process
run with it, too. Any other change between a declaration and its run is an error, since the result
would have the name of one code and come from another.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ...core.config import Config
from ...core.errors import BadStage
from ...core.kept_code import LARGEST, CodeText, part_digest
from ...core.refs import DRef
from ..build import Build
from .code import RULE, Code, Functions, code_of_all, is_still, surveys_of
from .places import grouped
from .survey import Place, Survey
from .warn import warn_of_change

_excused: set[Place] = set()  # places that changed while a stage ran in this process
_notes: dict[int, tuple[Code, Config]] = {}  # of a code, by its id
_MOST = 100  # codes whose notes are kept


@contextmanager
def noted(b: Build, functions: Functions, depth: str, sent: Code | None) -> Iterator[None]:
    """Notes the code of a stage in the record of its attempt, and checks it with `checked`.

    `sent` is the code as the process found and checked it that sent the stage here, if one did.
    """
    if sent is None:
        with checked(functions, depth, b.config.value.get("code", ""), b.config.dref) as code:
            _note(b, code)
            yield
    else:
        _note(b, sent)
        yield


def _note(b: Build, code: Code) -> None:
    known = _notes.get(id(code))
    if known is None or known[0] is not code:
        places = grouped(code.places)
        known = code, Config({"code": dict(code.parts), "places": places, "rule": RULE})
        if len(_notes) >= _MOST:
            _notes.clear()
        _notes[id(code)] = known
    b.notes(known[1])


@contextmanager
def checked(functions: Functions, depth: str, declared: str, dref: DRef) -> Iterator[Code]:
    """The code of a stage, around its run. Warns of what the stage changes in the block.

    Raises BadStage when the digest of the code is no longer the `declared` one.
    """
    surveys, code = surveys_of(functions, depth)
    if code.digest != declared:
        surveys, code = _surveys_now(functions, depth)
    before = _changed(surveys)
    if not before <= _excused and is_still(code, functions, depth):  # by what does not count
        surveys, code = _surveys_now(functions, depth)
        before = _changed(surveys)
    other = code.digest != declared and not changed_by_a_stage(functions, depth)
    if other or not before <= _excused:
        raise BadStage(
            f"what {dref.name} uses has changed since it was declared",
            dref=dref,
            changed=", ".join(sorted({name for _, name in before - _excused})) or None,
            remedy=f"declare it again: call {dref.name}(…) after the change",
        )
    yield code
    after = _changed(surveys) - before
    if after and not is_still(code, functions, depth):
        _excused.update(after)
        warn_of_change(sorted({name for _, name in after}), dref.name)


def _surveys_now(functions: Functions, depth: str) -> tuple[list[Survey], Code]:
    """The surveys and the code of functions as they are now."""
    code_of_all(functions, depth)
    return surveys_of(functions, depth)


def changed_by_a_stage(functions: Functions, depth: str) -> bool:
    """Whether a stage that ran in this process has changed something that functions use."""
    if not _excused:
        return False
    surveys, _ = surveys_of(functions, depth)
    return any(not _excused.isdisjoint(survey.watched()) for survey in surveys)


def texts_of(functions: Functions, depth: str) -> dict[str, CodeText]:
    """The texts of the parts of the code, by their digests, as `surveys_of` finds them."""
    surveys, _ = surveys_of(functions, depth)
    return {
        part_digest(text): CodeText(text, found.sources.get(name, str)())
        for found in surveys
        for name, text in found.texts.items()
        if len(text) <= LARGEST
    }


def _changed(surveys: list[Survey]) -> set[Place]:
    return {place for survey in surveys for place in survey.changed()}
