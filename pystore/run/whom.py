"""Whom: the derivations that a follower chooses among, and by which matcher."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

from ..core.dataclasses import dataclass
from ..core.derivation import Closure, Derivation, leaves
from ..core.errors import BadStage, Corrupted, NotInStore
from ..core.matchers import Matcher
from ..core.ports import StoreReader
from ..core.printable import listed
from ..core.refs import DRef, check_name
from ..core.rules import as_called
from ..declare.stage import Stage

Members = Callable[[StoreReader], list[DRef]]
"""The derivations of a target that a store knows now."""


@runtime_checkable
class Comparable(Protocol):
    """What knows itself which derivations are to be compared, as a model does."""

    @property
    def matcher(self) -> Matcher:
        """The matcher to choose by, if no other one is given."""

    def comparable(self) -> list[DRef]:
        """The derivations to choose among; an empty list while there is none."""


@dataclass(frozen=True)
class Whom:
    """A target with a matcher, or the name of a pin."""

    matcher: Matcher | None = None
    pin: str | None = None
    members: tuple[Members, ...] = ()

    @classmethod
    def of(cls, target: Any, matcher: Matcher | None, pin: str | None) -> "Whom":
        """Whom to follow. Raises BadStage unless it is a target with a matcher, or a pin."""
        if (target is None) == (pin is None) or (pin is not None and matcher is not None):
            raise _either(target, matcher, pin)
        if pin is not None:
            return cls(pin=check_name(pin))
        parts = list(_parts(target))
        if not parts:
            raise BadStage(
                "there is no derivation to follow",
                given=repr(target)[:200],
                remedy="follow(train(), match_best('accuracy.txt')), or a stage, or a sweep",
            )
        chosen = _checked(matcher) if matcher is not None else _of_target(parts)
        return cls(chosen, members=tuple(map(_members, parts)))

    def drefs(self, store: StoreReader) -> list[DRef]:
        """The derivations to choose among now."""
        return list(dict.fromkeys(dref for ask in self.members for dref in ask(store)))

    def __str__(self) -> str:
        return as_called(self.matcher) if self.matcher else f"pin {self.pin}"


def _parts(target: Any) -> Iterator[Any]:
    for leaf in leaves(target):
        if isinstance(leaf, Closure):
            yield from (leaf[dref] for dref in leaf.drefs)
        else:
            yield leaf


def _members(part: Any) -> Members:
    if isinstance(part, Derivation):
        return lambda _: [part.dref]
    if isinstance(part, str):
        dref = DRef(part)
        return lambda _: [dref]
    if isinstance(part, Comparable):
        return lambda _: part.comparable()
    if isinstance(part, Stage):
        return _Family(part).drefs
    raise BadStage(
        "nobody can follow this",
        given=repr(part)[:200],
        remedy="give a derivation, its reference, a @stage, or a list of these: "
        "follow(train, match_best('accuracy.txt'))",
    )


class _Family:
    """The derivations of the name and the code of a stage, whatever the parameters."""

    def __init__(self, stage: Stage[Any]) -> None:
        self._stage = stage
        self._code = stage.code().digest if stage.parts else stage.options.code
        self._fits: dict[DRef, bool] = {}  # a config never changes

    def drefs(self, store: StoreReader) -> list[DRef]:
        """Those that the store knows."""
        named = [dref for dref in store.drefs() if dref.name == self._stage.stage_name]
        return [dref for dref in named if self._has(dref, store)]

    def _has(self, dref: DRef, store: StoreReader) -> bool:
        if dref not in self._fits:
            try:
                value = store.config(dref).value
            except (Corrupted, NotInStore):
                return False
            self._fits[dref] = value.get("code") == self._code
        return self._fits[dref]


def _of_target(parts: list[Any]) -> Matcher:
    """The matcher that the target itself has."""
    found = dict.fromkeys(map(_own_matcher, parts))
    if len(found) == 1 and (matcher := next(iter(found))) is not None:
        return _checked(matcher)
    raise BadStage(
        "by which matcher is the realization to be chosen?",
        there_are=listed(as_called(one) for one in found if one) or None,
        remedy="name it: follow(target, match_best('accuracy.txt'))",
    )


def _own_matcher(part: Any) -> Any:
    if isinstance(part, Stage) and not isinstance(part, Comparable):
        return part.options.matcher
    return getattr(part, "matcher", None)


def _checked(matcher: object) -> Matcher:
    if isinstance(matcher, Matcher):
        return matcher
    raise BadStage(
        "not a matcher",
        given=repr(matcher)[:200],
        remedy="call it: match_latest(), match_best('accuracy.txt'); or follow(pin='serving')",
    )


def _either(target: Any, matcher: object, pin: object) -> BadStage:
    return BadStage(
        "a follower follows either a target, by a matcher, or a pin",
        target=None if target is None else repr(target)[:200],
        matcher=matcher,
        pin=pin,
        remedy="follow(train, match_best('accuracy.txt')), or follow(pin='serving')",
    )
