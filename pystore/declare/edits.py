"""Edits: whether the code of a realizer has changed since it built what is used now."""

import warnings
from collections.abc import Collection, Iterable

from ..core.adoption import made_by
from ..core.candidate import Candidate
from ..core.derivation import Derivation
from ..core.errors import PystoreWarning
from ..core.refs import RRef
from .identity.by_hand import source_digest


def edited(
    derivation: Derivation, candidates: Iterable[Candidate], chosen: Collection[RRef]
) -> bool:
    """Whether other code made what was chosen, and the config does not tell the two apart."""
    source = source_digest(derivation.realizer)
    made = (c for c in candidates if c.rref in chosen)
    return bool(source) and not all(made_by(candidate, source) for candidate in made)


def warn_of_edits(
    derivation: Derivation, candidates: Iterable[Candidate], chosen: Collection[RRef]
) -> None:
    """Warns when other code made what was chosen, and the config does not tell the two apart."""
    if edited(derivation, candidates, chosen):
        warnings.warn(
            f"the code of {derivation.realizer.name}() has changed since it built "
            f"{derivation.dref}; the old realization is used, because the config is the same. "
            f"To build it again: realize(…, force_rebuild=[…]), or pystore run --force "
            f"{derivation.dref.name}",
            PystoreWarning,
            stacklevel=2,
        )
