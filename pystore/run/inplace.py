"""Declare and realize step by step: one registry for each store remembers the declarations."""

from collections.abc import Callable
from typing import Any

from ..core.derivation import Shape
from ..declare.instantiate import Target, declare
from ..declare.nesting import refuse_nested
from ..declare.registry import in_place_registry
from ..store.current import current_store
from ..store.staging import Builder
from .options import RunOptions
from .verbs import realize, takes


def instantiate_inplace(
    stage: Target | Callable[..., Target], *args: Any, store: Builder | None = None, **kwargs: Any
) -> Shape:
    """The DRef that a stage declares; later stages and `realize_inplace` know its derivation.

    A nested result gives DRefs in the same lists and dicts. Nothing is built. Declaring a DRef
    again with another matcher or realizer replaces its derivation, with a warning. Raises what
    `instantiate` raises.
    """
    refuse_nested("instantiate_inplace")
    store = store or current_store()
    closure = declare(stage, in_place_registry(store), store, args, kwargs)
    store.record(derivation.config for derivation in closure.derivations)
    return closure.targets


@takes(RunOptions)
def realize_inplace(target: Target, **options: Any) -> Any:
    """The RRef for a DRef of `instantiate_inplace`. Options and errors: see `realize`."""
    refuse_nested("realize_inplace")
    return realize(target, **options)
