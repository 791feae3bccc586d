"""Registries, and what declares derivations in them by hand: `mkconfig` and `mkdrv`."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.config import Config
from ..core.derivation import Derivation, check_agrees, collect, unknown
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import Matcher
from ..core.realizer import Realizer
from ..core.refs import DRef
from ..core.resources import Resources

if TYPE_CHECKING:
    from ..core.ports import StoreReader
    from .build import Build


class Registry(Mapping[DRef, Derivation]):
    """The derivations that stages have declared, by DRef: the first argument of such a stage.

    With `overwrite`, as in the long-lived in-place registry, a second declaration of a DRef
    replaces the first, for its dependents too, with a warning; otherwise it must agree.
    """

    def __init__(self, *, overwrite: bool = False) -> None:
        self._known: dict[DRef, Derivation] = {}
        self._overwrite = overwrite

    def __getitem__(self, dref: DRef) -> Derivation:
        return self._known[dref]

    def __iter__(self) -> Iterator[DRef]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} derivations>"

    def add(self, derivation: Derivation) -> DRef:
        """Declares a derivation, and all that it holds.

        Raises BadStage when an input is not declared here, or one DRef means two things.
        """
        dref, inputs = derivation.dref, derivation.config.inputs
        if derivation.holds or dref in self._known or not self._known.keys() >= set(inputs):
            self.add_all([derivation])
        self._known[dref] = derivation
        return dref

    def add_all(self, derivations: Sequence[Derivation]) -> None:
        """Declares these, and all that they hold, each once. Raises BadStage as `add` does."""
        new: dict[DRef, Derivation] = {}
        collect(derivations, new)
        for one in new.values():
            if not self._overwrite and one.dref in self._known:
                check_agrees(self._known[one.dref], one)
            for need in one.config.inputs:
                if need not in self._known and need not in new:
                    raise unknown(need, needed_by=one.dref)
        for one in new.values():
            self._put(one)

    def _put(self, derivation: Derivation) -> None:
        old = self._known.get(derivation.dref)
        if old is not None and not old.agrees(derivation):
            warnings.warn(
                f"Overwriting matcher or realizer of derivation {derivation.dref}, "
                f"configured as: {derivation.config.text}",
                PystoreWarning,
                stacklevel=4,
            )
        self._known[derivation.dref] = derivation


def mkconfig(value: Mapping[str, Any]) -> Config:
    """The config with these values; made for `mkconfig(locals())`.

    A registry or a module among them is dropped. Raises BadConfig, which names the place, when
    a value is not JSON.
    """
    if not isinstance(value, Mapping):
        return Config(value)
    dropped = (Registry, ModuleType)
    return Config({key: v for key, v in value.items() if not isinstance(v, dropped)})


def mkdrv(
    m: Registry,
    config: Config | Mapping[str, Any],
    matcher: Matcher,
    realizer: Realizer | Callable[["Build"], object] | None = None,
    *,
    resources: Mapping[str, object] | None = None,
    timeout: float | None = None,
    retries: int | None = None,
) -> DRef:
    """Declares a derivation in a registry and returns its reference; touches nothing else.

    `resources`, `timeout` [s] and `retries` are those of `@stage`; they are no identity.

    Raises BadStage when an input of the config is not declared in `m`.
    """
    if not isinstance(m, Registry) or realizer is None:
        raise BadStage(
            "the first argument of mkdrv is the registry of the stage",
            given=repr(m)[:200],
            remedy="write def stage(m): return mkdrv(m, config, matcher, realizer)",
        )
    given = Resources.of(resources, timeout, retries)
    return m.add(Derivation(config, matcher, realizer, given))


_in_place: dict[tuple[Path, str], Registry] = {}


def in_place_registry(store: "StoreReader") -> Registry:
    """The registry of the derivations that were declared in place, for this store."""
    return _in_place.setdefault((store.root, store.id), Registry(overwrite=True))
