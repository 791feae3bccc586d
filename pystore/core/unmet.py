"""Unmet: the errors that say why a matcher cannot have what it wants."""

from collections.abc import Mapping

from .errors import MatcherUnsatisfied
from .matchers import Need
from .refs import DRef, RRef


def not_to_be_built(dref: DRef, need: Need) -> MatcherUnsatisfied:
    """The error for a derivation of a call that must build nothing."""
    return MatcherUnsatisfied(
        "it would have to be built",
        dref=dref,
        wanted=_more(need),
        remedy="realize it with build=True",
    )


def nothing_new(dref: DRef, need: Need, attempts: int, realizations: int) -> MatcherUnsatisfied:
    """The error for a derivation whose every attempt makes the same."""
    return MatcherUnsatisfied(
        "building again brings nothing new",
        dref=dref,
        wanted=_more(need),
        realizations=realizations,
        attempts=attempts,
        remedy="ask for fewer, count attempts with match_some(n), or use build_seed(b)",
    )


def too_many(dref: DRef, need: Need, builds: int) -> MatcherUnsatisfied:
    """The error for a derivation that was built as often as it may be in one call."""
    return MatcherUnsatisfied(
        "the matcher still wants more after max_attempts builds",
        dref=dref,
        wanted=_more(need),
        builds=builds,
        remedy="raise realize(…, max_attempts=…), or ask the matcher for less",
    )


def rejected_again(dref: DRef, need: Need, rejected: Mapping[RRef, str]) -> MatcherUnsatisfied:
    """The error for a derivation that makes again what was rejected, for these reasons."""
    return MatcherUnsatisfied(
        "building it again gives what was rejected",
        dref=dref,
        rejected="\n".join(rejected),
        reason="\n".join(dict.fromkeys(rejected.values())),
        wanted=_more(need),
        remedy="change its code or a parameter, so that it makes something else",
    )


def _more(need: Need) -> str:
    return f"{need.n} more {need.of}"
