"""Choices: the realization that each matcher which was used would choose now."""

from typing import Any

from ...core.dataclasses import dataclass
from ...core.errors import BadMatcher, in_one_line
from ...core.matchers import Matcher
from ...core.pick import Pick, pick
from ...core.refs import DRef, RRef
from ...core.rules import as_called
from ...store.chosen import matchers_of
from ...store.store import Store


@dataclass(frozen=True)
class Choice:
    """The choice of a matcher among the realizations of a derivation, in any context."""

    matcher: str  # the call that makes it
    rref: RRef | None
    why_not: str  # why it chooses none; "" if it chooses one

    def to_dict(self) -> dict[str, Any]:
        """The choice as a JSON object: `matcher`, `rref` or null, `why_not`."""
        return {"matcher": self.matcher, "rref": self.rref, "why_not": self.why_not}


def choices(dref: DRef, store: Store) -> list[Choice]:
    """The choices of the matchers that have chosen here, and of `match_latest`."""
    return [_choice(dref, matcher, store) for matcher in matchers_of(store, dref)]


def _choice(dref: DRef, matcher: Matcher, store: Store) -> Choice:
    candidates = store.all_candidates(dref, matcher.reads)
    if not candidates and store.rejected(dref):
        return Choice(as_called(matcher), None, "each realization was rejected")
    try:
        picked = pick(matcher, candidates)
    except BadMatcher as error:
        picked = Pick(None, in_one_line(error.what))
    return Choice(as_called(matcher), picked.rref, picked.why_not)
