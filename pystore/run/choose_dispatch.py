"""The choice between the ways to make attempts, by the executor of a call."""

from concurrent.futures import ThreadPoolExecutor

from ..store.staging import Builder
from .dispatch import Dispatch, Here, SerialExecutor
from .options import RunOptions


def dispatch_of(store: Builder, options: RunOptions) -> Dispatch:
    """The way to make attempts with the executor of these options."""
    executor = options.executor or SerialExecutor()
    if isinstance(executor, (SerialExecutor, ThreadPoolExecutor)):
        return Here(executor, store, options)
    from .workers.dispatch import dispatch_to  # late for weight: most calls send nothing

    return dispatch_to(executor, store, options)
