"""Particulars: all that a store knows about a derivation or a realization, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.attempt import Attempt
from ...core.config import Config
from ...core.errors import NotInStore
from ...core.refs import DRef, RRef
from ...store.pins import pins
from ...store.store import Store
from .attempts import newest_first
from .inventory import size_of


@dataclass(frozen=True)
class Particulars:
    """What a derivation or a realization is, what was made of it, and how."""

    ref: DRef | RRef
    config: Config
    path: Path | None  # of the artifacts, or of a derivation's own folder; None: gone
    inputs: Mapping[DRef, tuple[RRef, ...]]  # of a derivation, without realizations
    attempts: tuple[Attempt, ...]  # first to last
    sizes: Mapping[RRef, tuple[int, int] | None]  # files and bytes; None: gone
    pins: tuple[str, ...]
    verdicts: Mapping[str, str]  # "rejected" or "damaged": why

    @property
    def dref(self) -> DRef:
        """The derivation, or the one that the realization belongs to."""
        return self.ref.dref


def particulars(ref: DRef | RRef, store: Store) -> Particulars:
    """All that the store knows about this. Raises NotInStore when that is nothing."""
    attempts = tuple(reversed(newest_first([ref], store)))
    if isinstance(ref, DRef):
        config = store.config(ref)
        home: Path | None = store.home(ref)
        inputs: dict[DRef, tuple[RRef, ...]] = dict.fromkeys(config.inputs, ())
        rrefs = store.realizations(ref)
    else:
        config, (home, inputs), rrefs = store.config(ref.dref), _place(ref, attempts, store), [ref]
    names = tuple(name for name, pinned in pins(store).items() if pinned in rrefs)
    sizes = {rref: size_of(rref, store) for rref in rrefs}
    why = store.verdicts(ref) if isinstance(ref, RRef) else {}
    return Particulars(ref, config, home, inputs, attempts, sizes, names, why)


def _place(
    rref: RRef, attempts: tuple[Attempt, ...], store: Store
) -> tuple[Path | None, dict[DRef, tuple[RRef, ...]]]:
    out = store.home(rref) / "out"
    try:
        return out, dict(store.context(rref))
    except NotInStore:
        if not attempts:
            raise
        return None, dict.fromkeys(store.config(rref.dref).inputs, ())
