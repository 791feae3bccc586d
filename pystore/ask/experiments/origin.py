"""Origin: the code by which attempts were made, and which code a name means.

OR1  A stage means attempts by its code as it is now; a name, those by the code that ran last.
OR2  The code of a derivation is its own and that of the stages from which it is built.
OR3  Attempts that are left out are counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...core.attempt import Attempt
from ...core.attempt_columns import AttemptColumns
from ...core.change import Version, akin
from ...core.config import Config
from ...core.dataclasses import dataclass, field
from ...core.derivation import Derivation, collect, leaves
from ...core.errors import Corrupted, NotInStore
from ...core.holding import Holding
from ...core.left_out import NOTHING, LeftOut
from ...core.ports import CodeReader
from ...core.refs import DRef
from ...declare.identity.by_hand import source_digest
from ...declare.identity.places import ungrouped
from ...declare.stage import Stage, Staged
from .meant import Meant, others

Codes = Mapping[str, frozenset[str]]
"""The codes of stages, by the names of these."""

_UNKNOWN = ("", "")


@dataclass(frozen=True)
class Origin:
    """The code of a stage."""

    code: str | None  # from a config; None if the config names none
    version: Version  # tells older code of the same stage from another stage of its name
    inputs: Codes  # of the stages from which it is built, if they are known
    made: tuple[str, str] = _UNKNOWN  # digest of the realizer's source, and its name
    keys: frozenset[str] | None = None  # of a config, if a signature tells them

    @classmethod
    def of_stage(cls, stage: Stage[Any]) -> "Origin":
        """The code of a @stage as it is now."""
        code = stage.code().digest if stage.parts else stage.options.code
        keys = stage.keys
        config = {**dict.fromkeys(sorted(keys or ())), "name": stage.stage_name}
        name = getattr(stage.function, "__qualname__", "")
        return cls(code, _version(stage, config), _taken(stage), ("", name), keys)

    @classmethod
    def of_derivation(cls, derivation: Derivation) -> "Origin":
        """The code of a derivation that is declared."""
        held: dict[DRef, Derivation] = {}
        collect(derivation.holds, held)
        value = derivation.config.value
        stage = derivation.stage if isinstance(derivation, Staged) else None
        version = Version(value) if stage is None else _version(stage, value)
        made = (source_digest(derivation.realizer), derivation.realizer.name)
        return cls(_code(value), version, _codes(one.config.value for one in held.values()), made)

    @classmethod
    def of_attempt(cls, attempt: Attempt, known: "Known") -> "Origin":
        """The code of an attempt, as it was recorded."""
        value = known.config(attempt.dref)
        made = (attempt.source, attempt.realizer)
        return cls(_code(value), _recorded(attempt, value), known.inputs(attempt.dref), made)

    @classmethod
    def of_dref(cls, dref: DRef, known: "Known") -> "Origin":
        """The code of a derivation that a store knows."""
        tries = known.attempts(dref)
        if tries.count:
            return cls.of_attempt(known.in_full(tries.outline(tries.count - 1)), known)
        value = known.config(dref)
        return cls(_code(value), Version(value), known.inputs(dref))

    def fits(self, dref: DRef, known: "Known") -> bool:
        """Whether the config of a derivation of this name agrees with this code."""
        value, found = known.config(dref), known.inputs(dref)
        if _code(value) != self.code or (self.keys is not None and value.keys() != self.keys):
            return False
        return all(found[name] <= self.inputs[name] for name in found.keys() & self.inputs.keys())

    def has_made(self, attempt: Attempt) -> bool:
        """Whether this code may have made an attempt of a derivation that fits."""
        source, name = self.made
        if self.code is not None or self.made == _UNKNOWN or "accepted" in attempt.notes:
            return True  # by the config, for want of a record, or by a user's word
        if attempt.source:
            return attempt.source == source
        return attempt.realizer in ("", name)

    def left_out(self, dref: DRef, places: Sequence[int], known: "Known") -> LeftOut:
        """The count of these attempts of one derivation, by older or by other code."""
        if not places:
            return NOTHING
        last = known.in_full(known.attempts(dref).outline(places[-1]))
        other = _recorded(last, known.config(dref))
        files = [version.places.get(dref.name, _UNKNOWN)[1] for version in (self.version, other)]
        elsewhere = all(files) and files[0] != files[1]
        renamed = other.config.keys() != self.version.config.keys()
        older = akin(other, self.version) and not (elsewhere and renamed)
        return LeftOut(older=len(places)) if older else LeftOut(other=len(places))


@dataclass
class Known:
    """A reader of configs and attempts that reads each of them once."""

    store: CodeReader
    held: dict[DRef, Holding]
    _configs: dict[DRef, Config | None] = field(default_factory=dict)
    _values: dict[DRef, Mapping[str, Any]] = field(default_factory=dict)
    _inputs: dict[DRef, Codes] = field(default_factory=dict)

    def attempts(self, dref: DRef) -> AttemptColumns:
        """The attempts of a derivation, first to last."""
        if dref not in self.held:
            self.held |= self.store.holdings([dref])
        return self.held[dref].attempts

    def in_full(self, outline: Attempt) -> Attempt:
        """An attempt with its notes; without them if its record was removed just now."""
        return self.store.in_full(outline) or outline

    def config(self, dref: DRef) -> Mapping[str, Any]:
        """The values of a config; only the name if it is damaged or has been removed."""
        if dref not in self._values:
            config = self._read(dref)
            self._values[dref] = config.shared if config else {"name": dref.name}
        return self._values[dref]

    def inputs(self, dref: DRef) -> Codes:
        """The codes of the stages from which a derivation is built."""
        if dref not in self._inputs:
            left, seen = self._needs(dref), dict[DRef, None]()
            while left:
                if (one := left.pop()) not in seen:
                    seen[one] = None
                    left += self._needs(one)
            self._inputs[dref] = _codes(map(self.config, seen)) if seen else {}
        return self._inputs[dref]

    def _needs(self, dref: DRef) -> list[DRef]:
        config = self._read(dref)
        return list(config.inputs) if config else []

    def _read(self, dref: DRef) -> Config | None:
        if dref not in self._configs:
            try:
                held = self.held.get(dref)
                self._configs[dref] = (held and held.config) or self.store.config(dref)
            except (Corrupted, NotInStore):
                self._configs[dref] = None
        return self._configs[dref]


def by_code(
    found: Sequence[DRef],
    given: Any,
    store: CodeReader,
    *,
    tried: bool = False,
    alone: bool = False,
) -> Meant:
    """Those derivations of one name that have the code of `given`, and a count of other attempts.

    A name means the code that ran last, or with `tried` that was tried last. With `alone`, `given`
    means its own derivation, and not its family.
    """
    known = Known(store, dict(store.holdings(found)))
    origin = _own(given, found, known, alone) or of_name(found, known, tried=tried)
    if origin is None:
        return Meant(tuple(found), known=known.held)
    drefs: list[DRef] = []
    origins: dict[DRef, Origin] = {}
    left_out = NOTHING
    for dref in found:
        tries = known.attempts(dref)
        strange: Sequence[int] = range(tries.count)
        if alone or origin.fits(dref, known):
            strange = others(tries, origin)
            if alone or not tries.count or len(strange) < tries.count:
                drefs.append(dref)
                origins |= {dref: origin} if strange else {}
        left_out += origin.left_out(dref, strange, known)
    return Meant(tuple(drefs), left_out, origins, known.held)


def _own(given: Any, found: Sequence[DRef], known: Known, alone: bool) -> Origin | None:
    """The code of a stage or a derivation; None for a name."""
    if isinstance(given, Derivation):
        origin = Origin.of_derivation(given)
        return origin if alone else completed(origin, found, known)
    if isinstance(given, Stage):
        return completed(Origin.of_stage(given), found, known)
    if isinstance(given, str) and given.startswith("dref:") and not alone:
        return Origin.of_dref(DRef(given), known)
    return None


def of_name(drefs: Sequence[DRef], known: Known, *, tried: bool = False) -> Origin | None:
    """The code that ran last among derivations of one name; None if all have the same code.

    Unless `tried`, attempts that failed count only if none succeeded.
    """
    told = {(_code(known.config(d)), frozenset(known.inputs(d).items())) for d in drefs}
    if len(told) == 1 and None not in {code for code, _ in told}:
        return None
    tries = [known.attempts(dref) for dref in drefs]
    may_be_last = [a for one in tries for a in _last(one, made=not tried)]
    if not may_be_last:
        may_be_last = [a for one in tries for a in _last(one, made=False)]
    last = max(
        may_be_last,
        key=lambda attempt: (known.store.counts_since(attempt), *attempt.order),
        default=None,
    )
    return None if last is None else Origin.of_attempt(known.in_full(last), known)


def _last(tries: AttemptColumns, *, made: bool) -> Iterator[Attempt]:
    """The attempts that may count as the last: the last to start, and all that were adopted."""
    notes = tries.columns["notes"] if tries.count else ()
    found = False
    for at in reversed(range(tries.count)):
        if made and tries.outcomes[at] != "succeeded":
            continue
        if "adopted" in notes[at] or not found:
            yield tries.outline(at)
        found = found or "adopted" not in notes[at]


def completed(origin: Origin, drefs: Iterable[DRef], known: Known) -> Origin:
    """The code, with inputs that it does not name itself taken from the attempts that ran last."""
    fitting = [dref for dref in drefs if origin.fits(dref, known)]
    last = of_name(fitting, known) if fitting else None
    if last is None:
        return origin
    inputs = {**last.inputs, **origin.inputs}
    return Origin(origin.code, origin.version, inputs, origin.made, origin.keys)


def _version(stage: Stage[Any], config: Mapping[str, Any]) -> Version:
    return Version(config, stage.parts, stage.code().places if stage.parts else {})


def _recorded(attempt: Attempt, config: Mapping[str, Any]) -> Version:
    """The version of a derivation as an attempt has recorded it."""
    parts = attempt.notes.get("code")
    known = {str(k): str(v) for k, v in parts.items()} if isinstance(parts, dict) else {}
    return Version(config, known, ungrouped(attempt.notes.get("places")))


def _code(config: Mapping[str, Any]) -> str | None:
    code = config.get("code")
    return code if isinstance(code, str) else None


def _codes(configs: Iterable[Mapping[str, Any]]) -> Codes:
    found: dict[str, set[str]] = {}
    for config in configs:
        if (code := _code(config)) is not None:
            found.setdefault(str(config.get("name", "")), set()).add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


def _taken(stage: Stage[Any]) -> Codes:
    """The codes of the stages that a stage takes by default, and of their inputs."""
    defaults = (leaf for p in stage.signature.parameters.values() for leaf in leaves(p.default))
    held: dict[DRef, Derivation] = {}
    for default in defaults:
        if isinstance(default, Stage):
            default = default()
        if isinstance(default, Derivation):
            collect([default], held)
    return _codes(one.config.value for one in held.values())
