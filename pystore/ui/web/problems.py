"""Problems: what went wrong with a request, as `application/problem+json` (RFC 9457).

PJ1  A problem has at most 1 KB, whatever was sent: no text of it is longer than a few lines.
PJ2  A problem names the expected features, or says what to try.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from ...app.errors import BadFeatures
from ...core.errors import PystoreError
from ...core.printable import printable
from ...core.refs import RRef

MOST = 1024  # [bytes]
MEDIA_TYPE = "application/problem+json"
_TEXT = 300  # [characters] of one text
_ITEMS = 5  # of one list


class Problem(Exception):
    """A request that gets no predictions; `closing` ends its connection too."""

    def __init__(self, status: int, title: str, *, closing: bool = False, **facts: Any) -> None:
        super().__init__(title)
        self.status = status
        self.error: BaseException | None = None  # for whoever runs the service
        self.closing = closing
        self.facts = {"type": "about:blank", "status": status, "title": title, **facts}

    def body(self) -> bytes:
        """The JSON text; of many facts the first ones, and the remedy."""
        facts = {k: _short(v) for k, v in self.facts.items() if v is not None}
        text = _text(facts)
        for name in reversed([k for k in facts if k not in ("type", "status", "title")]):
            if len(text) <= MOST:
                return text
            if name != "remedy":
                del facts[name]
                text = _text(facts)
        return text if len(text) <= MOST else _text({k: _brief(v) for k, v in facts.items()})


def bad_features(error: BaseException, expected: Mapping[str, Any]) -> Problem:
    """The problem of a question that the features cannot be made of."""
    if isinstance(error, PystoreError):
        facts = {"expected": dict(expected), **error.facts, "remedy": error.remedy or None}
        return Problem(422, error.what, **_renamed(facts))
    because = f"{type(error).__name__}: {error}"
    return Problem(422, "no features can be made of this", because=because, expected=expected)


def failed(error: BaseException, rref: RRef) -> Problem:
    """The problem of a predictor that failed: its class, but none of its words."""
    if isinstance(error, BadFeatures):
        return bad_features(error, {})
    what = error.what if isinstance(error, PystoreError) else "the predictor failed"
    remedy = "ask for other features; whoever runs this service sees more in its output"
    problem = Problem(500, what, because=type(error).__name__, rref=rref, remedy=remedy)
    problem.error = error
    return problem


def _renamed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts under names that a problem has not itself."""
    taken = ("status", "title", "type", "closing")
    return {f"the_{name}" if name in taken else name: fact for name, fact in facts.items()}


def _text(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts).encode()


def _short(value: Any, depth: int = 0) -> Any:
    match value:
        case str():
            shown = printable(value[: _TEXT + 1])
            return shown if len(shown) <= _TEXT else f"{shown[:_TEXT]}…"
        case bool() | int() if abs(value) < 10**30:
            return value
        case float() if isfinite(value):
            return value
        case dict() if depth < 3:
            first = [*value.items()][:_ITEMS]
            return {str(_short(str(k), 3)): _short(v, depth + 1) for k, v in first}
        case list() | tuple() if depth < 3:
            some = [_short(one, depth + 1) for one in value[:_ITEMS]]
            return [*some, *(["…"] if len(value) > _ITEMS else [])]
        case None:
            return None
    return _short(str(value)[: _TEXT + 1], depth)


def _brief(value: Any) -> Any:
    """At most 60 characters in JSON's escapes, of which a character may need 12 bytes."""
    return (
        value
        if isinstance(value, (int, float))
        else str(value)[:60].encode("ascii", "replace").decode()
    )
