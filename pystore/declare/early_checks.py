"""Early checks: errors that are known before anything is built."""

from collections.abc import Sequence

from ..core.derivation import Derivation
from ..core.ports import StoreReader
from .metric_names import check_metrics
from .return_values import check_returns


def check_early(derivations: Sequence[Derivation], store: StoreReader) -> None:
    """Raises BadStage or BadMetric for the first derivation that would be built in vain."""
    for derivation in derivations:
        check_returns(derivation)
    check_metrics(derivations, store)
