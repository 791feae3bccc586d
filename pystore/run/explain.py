"""Explaining: why a derivation is new, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.config import Config
from ..model.derivation import Derivation
from ..model.refs import DRef
from ..store.current import current_store
from ..store.protocol import StoreProtocol
from .stage import Stage, Staged


@dataclass(frozen=True)
class Explanation:
    """Why a derivation is what it is, compared with the nearest one of the same name."""

    dref: DRef
    nearest: DRef | None  # what it was compared with; None: nothing to compare with
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((self.dref, *self.reasons))


def explain(
    derivation: Derivation | Stage[Any], *, store: StoreProtocol | None = None
) -> Explanation:
    """Says what makes a derivation new: which function, parameter or input changed.

    It is compared with the derivation of the same name that differs the least, and among such
    the one that was built last.
    """
    store = store or current_store()
    derivation = derivation() if isinstance(derivation, Stage) else derivation
    built = sum(a.succeeded for a in store.attempts(derivation.dref))
    if built:
        return Explanation(derivation.dref, None, (f"not new: {built} attempts have succeeded",))
    nearest = _nearest(store, derivation.config)
    if nearest is None:
        reason = f"new: nothing named {derivation.config.name} has been built here"
        return Explanation(derivation.dref, None, (reason,))
    old = store.config(nearest).value
    reasons = [*_code(store, nearest, derivation), *_parameters(store, nearest, old, derivation)]
    return Explanation(derivation.dref, nearest, tuple(f"new because {r}" for r in reasons))


def _nearest(store: StoreProtocol, config: Config) -> DRef | None:
    new = config.value
    ranked = []
    for dref in store.drefs():
        succeeded = [a for a in store.attempts(dref) if a.succeeded] if _same(dref, config) else []
        if succeeded:
            distance = len(_different(store.config(dref).value, new))
            ranked.append((distance, -succeeded[-1].start, dref))
    return min(ranked)[2] if ranked else None


def _same(dref: DRef, config: Config) -> bool:
    return dref.name == config.name and dref != config.dref


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))


def _code(store: StoreProtocol, nearest: DRef, derivation: Derivation) -> list[str]:
    if store.config(nearest).get("code") == derivation.config.get("code"):
        return []
    recorded = [a.notes.get("code") for a in store.attempts(nearest) if a.succeeded]
    from .identity.code import changes  # imported when first needed, as @stage does

    parts = derivation.stage.parts if isinstance(derivation, Staged) else {}
    if not parts or not recorded or not recorded[-1]:
        return [f"its code is another: {derivation.config.get('code')}"]
    return [f"of its code, {words}" for words in changes(recorded[-1], parts)]


def _parameters(
    store: StoreProtocol, nearest: DRef, old: Mapping[str, Any], derivation: Derivation
) -> list[str]:
    new, reasons = derivation.config.value, []
    for key in _different(old, new):
        if key == "code":
            continue
        value = _dref(new.get(key))
        held = next((h for h in derivation.holds if h.dref == value), None)
        if held is not None:
            inner = explain(held, store=store).reasons
            reasons.append(f"its input {key} is another: {'; '.join(inner)}")
        else:
            reasons.append(f"{key}: {_shown(old, key)} → {_shown(new, key)}")
    if reasons and not any(reason.startswith("its input") for reason in reasons):
        count = len({a.rref for a in store.attempts(nearest) if a.rref})
        exist = "1 realization exists" if count == 1 else f"{count} realizations exist"
        reasons[-1] += f"; {exist} for the old value"
    return reasons


def _dref(value: object) -> object:
    """The reference that a config's value is, or the path of a file in it."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else value


def _shown(config: Mapping[str, Any], key: str) -> str:
    return repr(config[key])[:80] if key in config else "(not there)"
