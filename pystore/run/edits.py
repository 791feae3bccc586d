"""Edits: whether the code of a realizer has changed since it built what is used now."""

import warnings

from ..model.candidate import Candidate
from ..model.derivation import Derivation
from ..model.errors import PystoreWarning
from ..model.refs import RRef
from .source import source_digest


def made_by(candidate: Candidate, source: str) -> bool:
    """Whether code with this digest has made it, as far as is known."""
    return any(attempt.source in ("", source) for attempt in candidate.attempts)


def warn_of_edits(
    derivation: Derivation, candidates: list[Candidate], chosen: tuple[RRef, ...]
) -> None:
    """Warns when other code made what was chosen, and the config does not tell the two apart."""
    source = source_digest(derivation.realizer)
    if not source:
        return
    made = [c for c in candidates if c.rref in chosen]
    if all(made_by(candidate, source) for candidate in made):
        return
    warnings.warn(
        f"the code of {derivation.realizer.name}() has changed since it built "
        f"{derivation.dref}; the old realization is used, because the config is the same. "
        f"To build again: realize(…, force_rebuild=[…])",
        PystoreWarning,
        stacklevel=2,
    )
