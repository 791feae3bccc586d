"""Earlier: derivations with the same name that were built. A new one is compared with them."""

from collections.abc import Mapping
from functools import cached_property
from itertools import islice

from ...core.attempt import Attempt
from ...core.change import Change, Version, akin, changes, distance, masked, pairs
from ...core.config import Config
from ...core.dataclasses import dataclass
from ...core.derivation import Derivation
from ...core.errors import Corrupted, NotInStore
from ...core.ports import StoreReader
from ...core.refs import DRef, RRef
from ...declare.identity.code import RULE
from ...declare.identity.places import ungrouped
from ...declare.stage import Staged

MOST = 200  # the latest derivations of one name; a new one is compared with these only


@dataclass(frozen=True)
class Reached:
    """A derivation that was built: at least one attempt has succeeded."""

    config: Config
    succeeded: tuple[Attempt, ...]  # first to last

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs of its config, for `distance`."""
        return pairs(self.config.value)

    @property
    def first(self) -> int:
        """The start of its first success [ns since the epoch, UTC]."""
        return self.succeeded[0].start

    @property
    def last(self) -> int:
        """The start of its last success [ns since the epoch, UTC]."""
        return self.succeeded[-1].start

    @property
    def adopted(self) -> RRef | None:
        """The realization that its first result was adopted from; None if it was built here."""
        note = self.succeeded[0].notes.get("adopted")
        return RRef(note) if isinstance(note, str) else None

    @property
    def version(self) -> Version:
        """The version that its last success has recorded."""
        notes = self.succeeded[-1].notes
        parts, rule = _parts(notes), notes.get("rule", 1)
        known = rule if parts and isinstance(rule, int) else None
        return Version(self.config.value, parts, ungrouped(notes.get("places")), known)


class Earlier:
    """The derivations in a store that were built. They are read once for each name."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._reached: dict[str, list[Reached]] = {}
        self._masked: dict[str, set[str]] = {}

    @cached_property
    def _names(self) -> Mapping[str, list[DRef]]:
        names: dict[str, list[DRef]] = {}
        for dref in self._store.drefs():
            names.setdefault(dref.name, []).append(dref)
        return names

    def of(self, name: str) -> list[Reached]:
        """The derivations of this name that were built, latest first."""
        if name not in self._reached:
            found = [self._read(dref) for dref in self._names.get(name, [])]
            known = [one for one in found if one is not None]
            self._reached[name] = sorted(known, key=lambda one: one.last, reverse=True)
        return self._reached[name]

    def find(self, dref: DRef) -> Reached | None:
        """This derivation, if it was built."""
        return next((one for one in self.of(dref.name) if one.config.dref == dref), None)

    def _read(self, dref: DRef) -> Reached | None:
        succeeded = tuple(a for a in self._store.attempts(dref) if a.succeeded)
        try:
            return Reached(self._store.config(dref), succeeded) if succeeded else None
        except (NotInStore, Corrupted):
            return None  # it was removed meanwhile, or is damaged

    def alike(self, config: Config) -> bool:
        """Whether an earlier derivation differs only in the references of its inputs.

        Only then can the store have results that were made from the same bytes.
        """
        if config.name not in self._masked:
            self._masked[config.name] = {masked(one.config.text) for one in self.of(config.name)}
        return masked(config.text) in self._masked[config.name]

    def nearest(
        self, config: Config, version: Version, before: int | None = None
    ) -> Reached | None:
        """The derivation that differs the least. Of equally near ones, it is the latest.

        `before` leaves out derivations that were first built at that time or later [ns]. None if
        even the nearest is not akin: two projects may share a store.
        """
        own = pairs(config.value)
        others = (
            one
            for one in self.of(config.name)
            if one.config.dref != config.dref and (before is None or one.first < before)
        )
        # Of equally near ones, min takes the first: the latest.
        near = islice(others, MOST)
        found = min(near, key=lambda one: distance(one.pairs, own), default=None)
        return found if found and akin(found.version, version) else None

    def changes(self, near: Reached, version: Version) -> list[Change]:
        """The changes from an earlier derivation to this version."""
        present = self._store.realizations(near.config.dref)
        return changes(near.version, version, len(present))


def version_of(derivation: Derivation) -> Version:
    """The version of a declared derivation, with the parts of its code as they are now."""
    if not isinstance(derivation, Staged):
        return Version(derivation.config.value)
    parts = derivation.stage.parts
    if not parts:
        return Version(derivation.config.value, parts)
    return Version(derivation.config.value, parts, derivation.stage.code().places, RULE)


def _parts(notes: Mapping[str, object]) -> dict[str, str]:
    parts = notes.get("code")
    return {str(k): str(v) for k, v in parts.items()} if isinstance(parts, dict) else {}
