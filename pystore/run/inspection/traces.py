"""Traces: the metrics that an attempt told over its steps."""

from ...model.attempt import Attempt
from ...store.metrics import Trace
from ...store.protocol import StoreProtocol


def read_trace(store: StoreProtocol, attempt: Attempt) -> Trace:
    """The points (step, name, value) that an attempt told, in order; empty when it told none."""
    return store.trace(attempt)
