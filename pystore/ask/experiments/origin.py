"""Origin: the code by which attempts were made, and which code a name means.

OR1  A stage means attempts by its code as it is now; a name, those by the code that ran last.
OR2  The code of a derivation is its own and that of the stages from which it is built.
OR3  Attempts that are left out are counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...core.attempt import Attempt
from ...core.change import Version, akin
from ...core.config import Config
from ...core.dataclasses import dataclass, field
from ...core.derivation import Derivation, collect, leaves
from ...core.errors import Corrupted, NotInStore
from ...core.left_out import NOTHING, LeftOut
from ...core.ports import StoreReader
from ...core.refs import DRef
from ...declare.identity.by_hand import source_digest
from ...declare.identity.places import ungrouped
from ...declare.stage import Stage, Staged
from .meant import Meant

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
        if tries := known.attempts(dref):
            return cls.of_attempt(tries[-1], known)
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

    def left_out(self, dref: DRef, tries: Sequence[Attempt], known: "Known") -> LeftOut:
        """The count of these attempts of one derivation, by older or by other code."""
        if not tries:
            return NOTHING
        other = _recorded(tries[-1], known.config(dref))
        files = [version.places.get(dref.name, _UNKNOWN)[1] for version in (self.version, other)]
        elsewhere = all(files) and files[0] != files[1]
        renamed = other.config.keys() != self.version.config.keys()
        older = akin(other, self.version) and not (elsewhere and renamed)
        return LeftOut(older=len(tries)) if older else LeftOut(other=len(tries))


@dataclass
class Known:
    """A reader of configs and attempts that reads each of them once."""

    store: StoreReader
    tries: dict[DRef, list[Attempt]] = field(default_factory=dict)  # those that were read
    _configs: dict[DRef, Config | None] = field(default_factory=dict)
    _values: dict[DRef, dict[str, Any]] = field(default_factory=dict)
    _inputs: dict[DRef, Codes] = field(default_factory=dict)

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts of a derivation, first to last."""
        if dref not in self.tries:
            self.tries[dref] = self.store.attempts(dref)
        return self.tries[dref]

    def config(self, dref: DRef) -> dict[str, Any]:
        """The values of a config; only the name if it is damaged or has been removed."""
        if dref not in self._values:
            config = self._read(dref)
            self._values[dref] = config.value if config else {"name": dref.name}
        return self._values[dref]

    def inputs(self, dref: DRef) -> Codes:
        """The codes of the stages from which a derivation is built."""
        if dref not in self._inputs:
            seen: dict[DRef, None] = {}
            left = self._needs(dref)
            while left:
                if (one := left.pop()) not in seen:
                    seen[one] = None
                    left += self._needs(one)
            self._inputs[dref] = _codes(map(self.config, seen))
        return self._inputs[dref]

    def _needs(self, dref: DRef) -> list[DRef]:
        config = self._read(dref)
        return list(config.inputs) if config else []

    def _read(self, dref: DRef) -> Config | None:
        if dref not in self._configs:
            try:
                self._configs[dref] = self.store.config(dref)
            except (Corrupted, NotInStore):
                self._configs[dref] = None
        return self._configs[dref]


def by_code(
    found: Sequence[DRef],
    given: Any,
    store: StoreReader,
    *,
    tried: bool = False,
    alone: bool = False,
) -> Meant:
    """Those derivations of one name that have the code of `given`, and a count of other attempts.

    A name means the code that ran last, or with `tried` that was tried last. With `alone`, `given`
    means its own derivation, and not its family.
    """
    known = Known(store)
    origin = _own(given, found, known, alone) or of_name(found, known, tried=tried)
    if origin is None:
        return Meant(tuple(found), tries=known.tries)
    drefs: list[DRef] = []
    origins: dict[DRef, Origin] = {}
    left_out = NOTHING
    for dref in found:
        tries = known.attempts(dref)
        strange = tries
        if alone or origin.fits(dref, known):
            strange = [attempt for attempt in tries if not origin.has_made(attempt)]
            if alone or not tries or len(strange) < len(tries):
                drefs.append(dref)
                origins |= {dref: origin} if strange else {}
        left_out += origin.left_out(dref, strange, known)
    return Meant(tuple(drefs), left_out, origins, known.tries)


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
    told = {(_code(known.config(d)), tuple(sorted(known.inputs(d).items()))) for d in drefs}
    if len(told) == 1 and None not in {code for code, _ in told}:
        return None
    tries = [attempt for dref in drefs for attempt in known.attempts(dref)]
    made = [attempt for attempt in tries if attempt.succeeded and not tried] or tries
    last = max(made, key=lambda attempt: (known.store.counts_since(attempt), *attempt.order),
               default=None)  # fmt: skip
    return None if last is None else Origin.of_attempt(last, known)


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
