"""Explaining: why a derivation is new, or what will happen to it."""

from typing import Any

from ...core.derivation import reshape
from ...core.refs import parse_ref
from ...declare.instantiate import Target, declare
from ...declare.registry import Registry, in_place_registry
from ...store.current import current_store
from ...store.staging import Builder
from .explanation import HistoryExplainer, OutlookExplainer


def explain(target: Target, *, store: Builder | None = None) -> Any:
    """Says what will happen to a derivation and why: which function, parameter or input changed.

    Takes the targets of `realize`. Nested targets give Explanations in the same lists and dicts.
    A new derivation is compared with the derivation of the same name that differs the least; of
    several, with the one that was built last. For a reference whose stage is not declared here, the
    records tell what made it new when it was built.

    Raises NotInStore for a reference that the store does not hold.
    """
    store = store or current_store()
    if isinstance(target, str) and target not in in_place_registry(store):
        return HistoryExplainer(store).explanation(parse_ref(target))
    explainer = OutlookExplainer(declare(target, Registry(), store), store)
    return reshape(explainer.closure.targets, explainer.explanation)
