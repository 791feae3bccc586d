"""Remembered: what an earlier call has chosen for a large closure, so that nobody reads it again.

RH1  Of a large closure, what an earlier call has chosen is used again, while no record and no
     realization of its derivation has come or gone, and its inputs are chosen as they were. A
     user's own matcher is asked each time, and so is every matcher where something is forced, or
     where there is something to warn of. Planning and realizing remember the same.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..core.derivation import Closure, Derivation
from ..core.refs import RRef
from ..declare.identity.by_hand import source_digest

if TYPE_CHECKING:
    from ..core.ports import Choices
    from ..store.staging import Builder

_OURS = "pystore.core."  # where the rules of our matchers are
_LARGE = range(50, 200_001)  # derivations of which choices are kept: it is worth it, and has room


def remembered(closure: Closure, attempts: int, store: Builder) -> Choices | None:
    """What earlier calls have chosen, where that is kept and serves a call for so many attempts.

    A call that forces something does not ask.
    """
    if len(closure) not in _LARGE or attempts > 1:
        return None
    return store.choices(closure.drefs)


def chosen_earlier(earlier: Choices | None, derivation: Derivation) -> tuple[RRef, ...] | None:
    """What was chosen for a derivation, while nothing has changed."""
    if earlier is None or (rule := rule_of(derivation)) is None:
        return None
    return earlier.find(derivation.dref, rule, derivation.config.inputs)


def rule_of(derivation: Derivation) -> str | None:
    """How a choice is made, with the code that it warns of; None for a user's own matcher.

    A user's own rule may have the name, the module and the arguments of one of ours.
    """
    matcher = derivation.matcher
    rule = getattr(matcher.rule, "func", matcher.rule)
    home, name = (str(getattr(rule, key, "")) for key in ("__module__", "__name__"))
    if not home.startswith(_OURS) or getattr(sys.modules.get(home), name, None) is not rule:
        return None
    return f"{matcher} {source_digest(derivation.realizer)}"
