"""Origin: by which code attempts were made, and which of those that have one name are meant.

OR1  Of a stage, what its code as it is now made; of a name, what the code made that ran last.
OR2  The code of a derivation is its own, and that of the stages that it is built from.
OR3  What is left out is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.attempt import Attempt
from ...core.change import Version, akin
from ...core.config import Config
from ...core.derivation import Derivation, collect, leaves
from ...core.errors import Corrupted, NotInStore
from ...core.left_out import NOTHING, LeftOut
from ...core.ports import StoreReader
from ...core.refs import DRef
from ...declare.identity.by_hand import source_digest
from ...declare.identity.places import ungrouped
from ...declare.stage import Stage, Staged

Codes = Mapping[str, frozenset[str]]
"""The codes of stages, by the names of these."""

_UNKNOWN = ("", "")


@dataclass(frozen=True)
class Origin:
    """The code that is meant."""

    code: str | None  # as a config has it; None where it has none
    version: Version  # tells older code of the same stage from another stage of its name
    inputs: Codes  # of the stages that it is built from, as far as they are known
    made: tuple[str, str] = _UNKNOWN  # digest of the realizer's source, and its name
    keys: frozenset[str] | None = None  # of a config, where a signature says so

    @classmethod
    def of_stage(cls, stage: Stage[Any]) -> "Origin":
        """That of a @stage as its code is now."""
        code = stage.code().digest if stage.parts else stage.options.code
        keys = {"name", *stage.parameters} - set(stage.options.ignore)
        keys |= {"code"} if code is not None else set()
        config = {**dict.fromkeys(sorted(keys)), "name": stage.stage_name}
        name = getattr(stage.function, "__qualname__", "")
        return cls(code, _version(stage, config), _taken(stage), ("", name), frozenset(keys))

    @classmethod
    def of_derivation(cls, derivation: Derivation) -> "Origin":
        """That of a derivation which is declared."""
        held: dict[DRef, Derivation] = {}
        collect(derivation.holds, held)
        value = derivation.config.value
        stage = derivation.stage if isinstance(derivation, Staged) else None
        version = Version(value) if stage is None else _version(stage, value)
        made = (source_digest(derivation.realizer), derivation.realizer.name)
        return cls(_code(value), version, _codes(one.config.value for one in held.values()), made)

    @classmethod
    def of_attempt(cls, attempt: Attempt, known: "Known") -> "Origin":
        """That of an attempt, as it was recorded."""
        value = known.config(attempt.dref)
        made = (attempt.source, attempt.realizer)
        return cls(_code(value), _recorded(attempt, value), known.inputs(attempt.dref), made)

    @classmethod
    def of_dref(cls, dref: DRef, known: "Known") -> "Origin":
        """That of a derivation that a store knows."""
        if tries := known.attempts(dref):
            return cls.of_attempt(tries[-1], known)
        value = known.config(dref)
        return cls(_code(value), Version(value), known.inputs(dref))

    def fits(self, dref: DRef, known: "Known") -> bool:
        """Whether a derivation of this name has this code, as far as its config says."""
        value, found = known.config(dref), known.inputs(dref)
        if _code(value) != self.code or (self.keys is not None and value.keys() != self.keys):
            return False
        return all(found[name] <= self.inputs[name] for name in found.keys() & self.inputs.keys())

    def has_made(self, attempt: Attempt) -> bool:
        """Whether this code made an attempt of a derivation that fits, as far as is known."""
        source, name = self.made
        if self.code is not None or self.made == _UNKNOWN or "accepted" in attempt.notes:
            return True  # the config says it, nothing does, or a user has said it
        if attempt.source:
            return attempt.source == source
        return attempt.realizer in ("", name)

    def left_out(self, dref: DRef, tries: Sequence[Attempt], known: "Known") -> LeftOut:
        """The count of these attempts of one derivation, which are not meant."""
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
    """What a store knows of its derivations, each config and each record read once."""

    store: StoreReader
    tries: dict[DRef, list[Attempt]] = field(default_factory=dict)  # as far as they were read
    _configs: dict[DRef, Config | None] = field(default_factory=dict)
    _values: dict[DRef, dict[str, Any]] = field(default_factory=dict)
    _inputs: dict[DRef, Codes] = field(default_factory=dict)

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts of a derivation, first to last."""
        if dref not in self.tries:
            self.tries[dref] = self.store.attempts(dref)
        return self.tries[dref]

    def config(self, dref: DRef) -> dict[str, Any]:
        """The values of a config; but the name none, where it is damaged or has been removed."""
        if dref not in self._values:
            config = self._read(dref)
            self._values[dref] = config.value if config else {"name": dref.name}
        return self._values[dref]

    def inputs(self, dref: DRef) -> Codes:
        """The codes of the stages that a derivation is built from."""
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


def of_name(drefs: Sequence[DRef], known: Known, *, tried: bool = False) -> Origin | None:
    """The code that ran last among derivations of one name; None where nothing tells them apart.

    Of attempts, those that succeeded come first, unless `tried`.
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
    """The same, where stages that it takes, and does not name itself, are those that ran last."""
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
    """The codes of the stages that a stage takes by default, and of those behind them."""
    defaults = (leaf for p in stage.signature.parameters.values() for leaf in leaves(p.default))
    held: dict[DRef, Derivation] = {}
    for default in defaults:
        if isinstance(default, Stage):
            default = default()
        if isinstance(default, Derivation):
            collect([default], held)
    return _codes(one.config.value for one in held.values())
