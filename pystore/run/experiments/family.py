"""Families: all derivations of one stage, whatever the parameters, found in the store."""

from collections.abc import Iterable, Iterator
from typing import Any

from ...model.derivation import Closure, Derivation, leaves
from ...model.errors import BadStage, NotInStore
from ...model.printable import listed
from ...model.refs import DRef, check_name
from ...store.current import current_store
from ...store.protocol import StoreProtocol
from ..recorder import store_was_read


def family(stage: Any, *, store: StoreProtocol | None = None) -> list[DRef]:
    """The derivations in the store that have the name of this stage, sorted.

    `stage` is a @stage function, the name as text, or a derivation or DRef of the family.
    Raises BadStage when there are none.
    """
    name = _name(stage)
    store_was_read()
    known = (store or current_store()).drefs()
    found = [dref for dref in known if dref.name == name]
    if found:
        return found
    raise BadStage(
        f"the store has no derivation of a stage named {name!r}",
        there_are=listed(sorted({dref.name for dref in known})) or "none at all",
        remedy="realize one of them first, or name another stage",
    )


def members(what: Any, store: StoreProtocol) -> list[DRef]:
    """The derivations meant: families of stages and names, and derivations as they are.

    Of derivations given as values, those that the store does not know yet are left out.
    Raises BadStage when none is left.
    """
    store_was_read()
    found = list(dict.fromkeys(dref for leaf in _leaves(what) for dref in _members(leaf, store)))
    if found:
        return found
    raise BadStage(
        "nothing to show: none of these has been realized or instantiated in this store",
        given=repr(what)[:200],
        there_are=listed(sorted({dref.name for dref in store.drefs()})) or "none at all",
        remedy="realize it first",
    )


def _leaves(what: Any) -> Iterator[Any]:
    for leaf in leaves(what):
        if isinstance(leaf, Closure):
            yield from leaf.drefs
        elif isinstance(leaf, Iterable) and not isinstance(leaf, str):
            yield from _leaves(list(leaf))  # such as the values of a dict
        else:
            yield leaf


def _members(leaf: Any, store: StoreProtocol) -> list[DRef]:
    if isinstance(leaf, Derivation):
        return [leaf.dref] if _knows(store, leaf.dref) else []
    if isinstance(leaf, str) and leaf.startswith("dref:"):
        store.config(DRef(leaf))
        return [DRef(leaf)]
    return family(leaf, store=store)


def _knows(store: StoreProtocol, dref: DRef) -> bool:
    try:
        store.config(dref)
    except NotInStore:
        return False
    return True


def _name(stage: Any) -> str:
    if isinstance(stage, Derivation):
        return stage.dref.name
    if isinstance(stage, str) and stage.startswith("dref:"):
        return DRef(stage).name
    name = getattr(stage, "stage_name", stage)
    if isinstance(name, str) and not name.startswith("rref:"):
        return check_name(name)
    raise BadStage(
        "not a stage, the name of one, or derivations",
        given=repr(stage)[:200],
        remedy="write results(train) of a @stage function, results('train'), or results(dref)",
    )
