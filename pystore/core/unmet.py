"""Unmet: why a matcher cannot have what it wants."""

from collections.abc import Mapping
from typing import Protocol

from .errors import MatcherUnsatisfied
from .matchers import Need
from .refs import DRef, RRef


class Unmet(Protocol):
    """What a matcher wants, and what there is."""

    @property
    def dref(self) -> DRef:
        """Of which derivation."""

    @property
    def need(self) -> Need:
        """How much more it wants."""

    @property
    def attempts(self) -> int:
        """How many succeeded so far."""

    @property
    def realizations(self) -> int:
        """How many exist."""


def nothing_new(report: Unmet) -> MatcherUnsatisfied:
    """The failure of a derivation whose every attempt makes the same."""
    return MatcherUnsatisfied(
        "building again brings nothing new",
        dref=report.dref,
        wanted=f"{report.need.n} more {report.need.of}",
        realizations=report.realizations,
        attempts=report.attempts,
        remedy="ask for fewer, count attempts with match_some(n), or use build_seed(b)",
    )


def too_many(report: Unmet, used: int) -> MatcherUnsatisfied:
    """The failure of a derivation that was built as often as it may be in one call."""
    return MatcherUnsatisfied(
        "the matcher still wants more after max_attempts builds",
        dref=report.dref,
        wanted=f"{report.need.n} more {report.need.of}",
        builds=used,
        remedy="raise realize(…, max_attempts=…), or ask the matcher for less",
    )


def rejected_again(report: Unmet, rejected: Mapping[RRef, str]) -> MatcherUnsatisfied:
    """The failure of a derivation that makes again what was rejected, for these reasons."""
    return MatcherUnsatisfied(
        "building it again gives what was rejected",
        dref=report.dref,
        rejected="\n".join(rejected),
        reason="\n".join(dict.fromkeys(rejected.values())),
        wanted=f"{report.need.n} more {report.need.of}",
        remedy="change its code or a parameter, so that it makes something else",
    )
