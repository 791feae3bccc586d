"""Rules: matchers as text, so that a store can record how its realizations are chosen."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .errors import PystoreError
from .later import later
from .matchers import (
    Matcher,
    match_all,
    match_best,
    match_exact,
    match_latest,
    match_only,
    match_some,
)
from .matchers_by_statistics import match_top, match_until

if TYPE_CHECKING:
    import inspect
else:
    later(globals(), "inspect")

_OURS: dict[str, Callable[..., Matcher]] = {
    made.__name__: made
    for made in (
        match_all, match_best, match_exact, match_latest, match_only, match_some, match_top,
        match_until,
    )
}  # fmt: skip


@lru_cache(256)
def rule_text(matcher: Matcher) -> str:
    """A matcher as one line of JSON: its name and arguments; only the name of a user's own rule."""
    if not is_ours(matcher):
        return json.dumps({"name": matcher.name})
    arguments = dict(matcher.arguments)
    return json.dumps({"name": matcher.name, "arguments": arguments}, sort_keys=True)


def is_ours(matcher: Matcher) -> bool:
    """Whether one of our functions has made the matcher."""
    return _made(matcher.name, dict(matcher.arguments)) == matcher


def as_called(matcher: Matcher) -> str:
    """The shortest call that makes the matcher, for a message; all arguments of a user's own."""
    if not is_ours(matcher):
        return str(matcher)
    given = dict(matcher.arguments)
    texts: list[str] = []
    for name, parameter in inspect.signature(_OURS[matcher.name]).parameters.items():
        if name in given and given[name] != parameter.default:
            texts.append(f"{name}={given[name]!r}" if texts or name == "n" else repr(given[name]))
    return f"{matcher.name}({', '.join(texts)})"


def parse_rule(text: str) -> Matcher | None:
    """The matcher in a text; None for a user's own rule, and for a text that cannot be read."""
    try:
        value = json.loads(text)
        return _made(value["name"], value["arguments"])
    except (ValueError, KeyError, TypeError):
        return None


def _made(name: str, arguments: dict[str, Any]) -> Matcher | None:
    make = _OURS.get(name)
    try:
        return make(**arguments) if make else None
    except (TypeError, ValueError, PystoreError):
        return None
