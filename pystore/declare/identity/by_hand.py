"""By hand: the code of realizers that no config names, so that an edit is noticed all the same."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from ...core.candidate import Candidate
from ...core.derivation import Derivation
from ...core.errors import BadStage
from ...core.kept_code import CodeText, by_hand_digest
from ...core.later import later
from ...core.realizer import Realizer
from ...core.refs import RRef
from ...core.warned import warn

if TYPE_CHECKING:
    import ast
    import inspect
    import textwrap
else:
    later(globals(), "ast", "inspect", "textwrap")

_HEAD = 1000  # characters in which a file may say that its encoding is not UTF-8

_known: dict[CodeType, str] = {}


def source_digest(realizer: Realizer) -> str:
    """32 hex digits of the code of a hand-written realizer, without comments and layout.

    "" when its source cannot be read, and for a @stage, whose code is in the config.
    """
    if getattr(realizer.function, "identified", False):
        return ""
    function = realizer.plain
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    if code not in _known:
        text = _text(function)
        _known[code] = by_hand_digest(text.text) if text else ""
    return _known[code]


def source_text(realizer: Realizer) -> CodeText | None:
    """The text behind that digest; None where there is none."""
    return _text(realizer.plain) if source_digest(realizer) else None


def _text(function: Any) -> CodeText | None:
    try:
        source = _at_margin(function.__code__)
        source = source or textwrap.dedent(inspect.getsource(function))
        return CodeText(ast.unparse(ast.parse(source)), source)
    except (OSError, TypeError, SyntaxError):
        return None  # typed into a console, or part of a larger expression


def _at_margin(code: CodeType) -> str:
    """The source of a function that stands at the margin of a plain file; else "".

    As `inspect` gives it, without the weight of `inspect`.
    """
    file = code.co_filename
    if file in getattr(sys.modules.get("linecache"), "cache", ()):
        return ""  # perhaps of a console or a notebook
    try:
        text = Path(file).read_bytes().decode()
        if "\r" in text or "\f" in text or "coding" in text[:_HEAD]:
            return ""
        body = ast.parse(text).body
    except (OSError, ValueError, SyntaxError):
        return ""
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if first == code.co_firstlineno:
                lines = text.split("\n")[first - 1 : node.end_lineno]
                # Lines of nothing but blanks are empty, as `textwrap.dedent` leaves them.
                return "\n".join(line if line.strip(" \t") else "" for line in lines) + "\n"
    return ""


def edited(
    derivation: Derivation, candidates: Iterable[Candidate], chosen: Collection[RRef]
) -> bool:
    """Whether other code built a chosen realization, though the config is the same."""
    source = source_digest(derivation.realizer)
    made = (c for c in candidates if c.rref in chosen)
    return bool(source) and not all(candidate.made_by(source) for candidate in made)


def warn_of_edits(
    derivation: Derivation, candidates: Iterable[Candidate], chosen: Collection[RRef]
) -> None:
    """Warns when other code built a chosen realization, though the config is the same."""
    if edited(derivation, candidates, chosen):
        warn(
            f"the code of {derivation.realizer.name}() has changed since it built "
            f"{derivation.dref}; the old realization is used, because the config is the same. "
            f"To build it again: realize(…, force_rebuild=[…]), or pystore run --force "
            f"{derivation.dref.name}",
            stacklevel=2,
        )


def check_planned(derivation: Derivation, source: str) -> None:
    """Raises BadStage when this process has other code for a derivation than the planning one.

    Code that is sent by name is what this process imported: perhaps earlier, perhaps edited since,
    and without the values that the planning process has set in its modules.
    """
    realizer, here = derivation.realizer, ""
    if (code := getattr(realizer.function, "imported_code", None)) is not None:
        here, source = code(), derivation.config.value.get("code", "")
    elif _is_imported(realizer.plain):
        here = source_digest(realizer)
    if here and source and here != source:
        raise BadStage(
            f"the worker has other code for {realizer.name} than what was planned",
            dref=derivation.dref,
            module=getattr(realizer.plain, "__module__", None),
            remedy="pass what the script sets in a module at run time as a parameter; after an "
            "edit, start new workers",
        )


def _is_imported(function: Any) -> bool:
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    return getattr(module, getattr(function, "__qualname__", ""), None) is function
