"""Premises: what is known to fail is said before anything is built."""

from collections.abc import Sequence

from ..core.derivation import Derivation
from ..store.ports import StoreProtocol
from .misnamed import check_metrics
from .returned import check_returns


def check_premises(derivations: Sequence[Derivation], store: StoreProtocol) -> None:
    """Raises BadStage or BadMetric for the first of these that would be built in vain."""
    for derivation in derivations:
        check_returns(derivation)
    check_metrics(derivations, store)
