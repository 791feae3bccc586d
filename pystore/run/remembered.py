"""Remembered: what an earlier call has chosen for a large closure, so that nobody reads it again.

RH1  Of a large closure, what an earlier call has chosen is used again, while no record and no
     realization of its derivation has come or gone, and its inputs are chosen as they were. A
     user's own matcher is asked each time, and so is every matcher where something is forced, or
     where there is something to warn of. Planning and realizing remember the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core.derivation import Closure, Derivation
from ..core.refs import DRef, RRef
from ..declare.identity.by_hand import source_digest

if TYPE_CHECKING:
    from ..core.matchers import Matcher
    from ..core.ports import Choices
    from ..core.realizer import Realizer
    from ..store.staging import Builder

_OURS = "pystore.core."  # where the rules of our matchers are
_LARGE = range(50, 200_001)  # derivations of which choices are kept: it is worth it, and has room
_MOST_RULES = 1000  # that are not made anew


def remembered(closure: Closure, attempts: int, store: Builder) -> Remembered | None:
    """What earlier calls have chosen, where that is kept and serves a call for so many attempts.

    A call that forces something does not ask.
    """
    if len(closure) not in _LARGE or attempts > 1:
        return None
    choices = store.choices(closure.drefs)
    return None if choices is None else Remembered(choices)


class Remembered:
    """What earlier calls have chosen for the derivations of one closure."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        # By identities; the objects are kept, so that no other ones have the same.
        self._rules: dict[tuple[int, int], tuple[Matcher, Any, str | None]] = {}

    def find(self, derivation: Derivation) -> tuple[RRef, ...] | None:
        """What was chosen for a derivation, while nothing has changed."""
        rule = self._rule_of(derivation)
        if rule is None:
            return None
        return self._choices.find(derivation.dref, rule, derivation.config.inputs)

    def stamps(self, dref: DRef) -> Any:
        """The state of a derivation, to be read before its candidates are."""
        return self._choices.stamps(dref)

    def note(self, derivation: Derivation, rrefs: Iterable[RRef], stamps: Any) -> None:
        """Notes a choice that was made after this state was read, unless its rule is a user's."""
        rule = self._rule_of(derivation)
        if rule is not None:
            self._choices.note(derivation.dref, rule, rrefs, stamps)

    def end(self, is_true: bool) -> None:
        """Keeps the choices for the next call; forgets all of them if one was not true."""
        self._choices.keep() if is_true else self._choices.forget()

    def _rule_of(self, derivation: Derivation) -> str | None:
        matcher, function = derivation.matcher, derivation.realizer.function
        found = self._rules.get((id(matcher), id(function)))
        if found is None:
            if len(self._rules) >= _MOST_RULES:
                self._rules.clear()  # each stage has a function of its own
            found = matcher, function, _rule_of(matcher, derivation.realizer)
            self._rules[id(matcher), id(function)] = found
        return found[2]


def _rule_of(matcher: Matcher, realizer: Realizer) -> str | None:
    """How a choice is made, with the code that it warns of; None for a user's own matcher.

    A user's own rule may have the name, the module and the arguments of one of ours.
    """
    rule = getattr(matcher.rule, "func", matcher.rule)
    home, name = (str(getattr(rule, key, "")) for key in ("__module__", "__name__"))
    if not home.startswith(_OURS) or getattr(sys.modules.get(home), name, None) is not rule:
        return None
    return f"{matcher} {source_digest(realizer)}"
