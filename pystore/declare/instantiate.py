"""Instantiate: from a stage function, or from what one returns, to a closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.derivation import Closure, Derivation, leaves, reshape
from ..core.errors import BadStage
from ..core.later import later
from ..core.refs import DRef
from ..core.young_garbage import collect_young_only
from ..store.current import current_store
from .calls import check_call
from .nesting import inside, refuse_nested
from .registry import Registry, in_place_registry

if TYPE_CHECKING:
    import inspect

    from ..store.staging import Builder
else:
    later(globals(), "inspect")

Target = Any
"""A Closure, or nested lists and dicts of Derivations and DRefs."""


def instantiate(
    stage: Target | Callable[..., Target], *args: Any, store: Builder | None = None, **kwargs: Any
) -> Closure:
    """The closure of what a stage declares; records its configs in the store, builds nothing.

    `stage` is a function of a registry and these arguments, or what such a function may return:
    Derivations, DRefs that are declared in place, and lists and dicts of them.

    Raises BadStage when the stage returns something else, or is called inside a build.
    """
    refuse_nested("instantiate")
    store = current_store(store)
    closure = declare(stage, Registry(), store, args, kwargs)
    store.record(d.config for d in closure.derivations)
    return closure


def declare(
    stage: Target | Callable[..., Target],
    registry: Registry,
    store: Builder,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> Closure:
    """The closure of what a stage declares in `registry`; touches nothing else.

    DRefs that are not in it are looked up in the in-place registry of the store.
    """
    if isinstance(stage, Closure):
        return stage
    if callable(stage):
        _check_function(stage, (registry, *args), kwargs or {})
        name = getattr(stage, "__name__", stage)
        with inside(f"the stage function {name}"), collect_young_only():
            stage = stage(registry, *args, **(kwargs or {}))
    elif args or kwargs:
        raise BadStage(
            "arguments go to a stage function, and this is none",
            given=repr(stage)[:200],
            remedy="call the stage yourself, or pass the function: instantiate(stage, …)",
        )
    registry.add_all([leaf for leaf in leaves(stage) if isinstance(leaf, Derivation)])
    targets = reshape(stage, dref_of)
    known: Mapping[DRef, Derivation] = registry
    if any(dref not in registry for dref in leaves(targets)):
        known = {**in_place_registry(store), **registry}
    closure = Closure.of(targets, known)
    _check_names(closure)
    return closure


def _check_function(
    stage: Callable[..., Target], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    try:
        signature = inspect.signature(stage, follow_wrapped=False)
    except ValueError:
        return  # a built-in function, which says itself what is wrong
    check_call(getattr(stage, "__name__", "stage"), signature, args, kwargs)


def _check_names(closure: Closure) -> None:
    origins: dict[str, str] = {}
    for derivation in closure.derivations:
        origin, name = derivation.origin, derivation.config.name
        if origin and origins.setdefault(name, origin) != origin:
            raise BadStage(
                f"two stages are called {name}",
                first=origins[name],
                second=origin,
                remedy=f"give one of them another name: @stage(name='other-{name}')",
            )


def dref_of(leaf: object) -> DRef:
    """The reference that a stage returned, itself or as a Derivation. Raises BadStage."""
    if isinstance(leaf, Derivation):
        return leaf.dref
    if isinstance(leaf, str):
        return DRef(leaf)
    raise BadStage(
        "a stage returns DRefs or Derivations, alone or in lists and dicts",
        given=repr(leaf)[:200],
        remedy="end the stage with: return mkdrv(m, config, matcher, realizer)",
    )
