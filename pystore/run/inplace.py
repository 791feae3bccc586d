"""In place: declare and realize step by step, in notebooks and scripts.

One long-lived registry for each store remembers what was declared.
"""

from collections.abc import Callable
from typing import Any

from ..core.derivation import Shape
from ..declare.instantiate import Target, declare
from ..declare.nesting import refuse_nested
from ..declare.registry import in_place_registry
from ..store.current import current_store
from ..store.ports import StoreProtocol
from .options import RunOptions
from .verbs import realize, takes


def instantiate_inplace(
    stage: Target | Callable[..., Target],
    *args: Any,
    store: StoreProtocol | None = None,
    **kwargs: Any,
) -> Shape:
    """The DRef of what a stage declares, remembered for later stages and `realize_inplace`.

    For nested results, DRefs in the same lists and dicts. Nothing is built. Declaring a DRef
    again with another matcher or realizer replaces it, with a warning. Raises what `instantiate`
    raises.
    """
    refuse_nested("instantiate_inplace")
    store = store or current_store()
    closure = declare(stage, in_place_registry(store), store, args, kwargs)
    store.record(derivation.config for derivation in closure.derivations)
    return closure.targets


@takes(RunOptions)
def realize_inplace(target: Target, **options: Any) -> Any:
    """The RRef for a DRef that `instantiate_inplace` returned.

    Takes the options of `realize`, and raises what it raises.
    """
    refuse_nested("realize_inplace")
    return realize(target, **options)
