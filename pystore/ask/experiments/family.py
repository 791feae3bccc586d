"""Families: all derivations of one stage, whatever the parameters, found in the store.

A family is of one code, unless any code is asked for: a stage means its code as it is now.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...core.dataclasses import replace
from ...core.derivation import Closure, Derivation, leaves
from ...core.errors import BadStage, NotInStore, PystoreWarning
from ...core.holding import Holding
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Scope, checked_scope
from ...core.ports import CodeReader
from ...core.printable import listed
from ...core.refs import DRef, check_name
from ...declare.recorder import store_was_read
from ...store.current import current_store
from .meant import Meant, merged


def family(stage: Any, *, code: Scope = "now", store: CodeReader | None = None) -> list[DRef]:
    """The derivations in the store that have the name and the code of this stage, sorted.

    `stage` is a @stage function, the name as text, or a derivation or DRef of the family. A stage
    means its code as it is now, a name the code that ran last; with `code="any"`, all derivations
    of the name are meant. Raises BadStage when there are none.
    """
    store_was_read()
    store = current_store(store)
    return list(named(stage, store, checked_scope(code)).drefs)


def named(stage: Any, store: CodeReader, code: Scope, *, tried: bool = False) -> Meant:
    """The derivations meant by a stage, a name, or a derivation that stands for its family.

    With `tried`, a name means the code that was tried last, whether it succeeded or not.
    Raises BadStage as `family` does.
    """
    name = _name(stage)
    found = [dref for dref in store.drefs() if dref.name == name]
    if not found:
        raise BadStage(
            f"the store has no derivation of a stage named {name!r}",
            there_are=", ".join(sorted({dref.name for dref in store.drefs()})[:20])
            or "none at all",
            remedy="realize one of them first, or name another stage",
        )
    if code == "any":
        return Meant(tuple(found))
    return by_code_of(found, store, stage, tried=tried)


def by_code_of(
    found: Sequence[DRef], store: CodeReader, stage: Any = None, *, tried: bool = False
) -> Meant:
    """Those of the derivations of one name that are meant by a stage; None is their name."""
    meant = _by_code(found, stage, store, tried=tried)
    if not meant.drefs:
        raise BadStage(
            f"nothing has been built by the code of {found[0].name} as it is now",
            left_out=meant.left_out or None,
            remedy="realize it first",
        )
    return meant


def members(what: Any, store: CodeReader, code: Scope = "now") -> Meant:
    """The derivations meant: families of stages and names, and single derivations.

    Derivations that the store does not know yet are left out. Raises BadStage if none is left.
    """
    store_was_read()
    given = list(_leaves(what))
    alone = [_dref(leaf) for leaf in given]
    known = store.holdings(dict.fromkeys(dref for dref in alone if dref))
    if given and all(dref and _names_code(known[dref]) for dref in alone):  # as commands ask
        checked_scope(code)
        return Meant(tuple(known), known=known)
    found: dict[object, Meant] = {}
    for leaf in given:
        if (key := _key(leaf)) not in found:
            found[key] = _members(leaf, store, checked_scope(code), known)
    meant = merged(found[_key(leaf)] for leaf in given)
    if meant.drefs:
        return replace(meant, left_out=sum((one.left_out for one in found.values()), NOTHING))
    raise BadStage(
        "nothing to show: none of these has been realized or instantiated in this store",
        given=repr(what)[:200],
        there_are=listed(sorted({dref.name for dref in store.drefs()})) or "none at all",
        remedy="realize it first",
    )


def tell(left_out: LeftOut, who: str) -> None:
    """Warns of attempts that are left out, if there are any."""
    if left_out:
        warnings.warn(f"{who}: {left_out}", PystoreWarning, stacklevel=3)


def _key(leaf: Any) -> object:
    """Equal for two that mean the same derivations."""
    return leaf if isinstance(leaf, str) else getattr(leaf, "dref", id(leaf))


def _leaves(what: Any) -> Iterator[Any]:
    for leaf in leaves(what):
        if isinstance(leaf, Closure):
            yield from (leaf[dref] for dref in leaf.drefs)
        elif isinstance(leaf, Iterable) and not isinstance(leaf, str):
            yield from _leaves(list(leaf))  # such as the values of a dict
        else:
            yield leaf


def _dref(leaf: Any) -> DRef | None:
    """The derivation that is meant alone; None for a stage or a name."""
    if isinstance(leaf, Derivation):
        return leaf.dref
    return DRef(leaf) if isinstance(leaf, str) and leaf.startswith("dref:") else None


def _names_code(held: Holding) -> bool:
    """Whether the config of a derivation is here, and says by which code all attempts are."""
    return held.config is not None and "code" in held.config


def _members(leaf: Any, store: CodeReader, code: Scope, known: Mapping[DRef, Holding]) -> Meant:
    dref = _dref(leaf)
    if dref is None:
        return named(leaf, store, code)
    try:
        config = known[dref].config or store.config(dref)
    except NotInStore:
        if isinstance(leaf, Derivation):
            return Meant(())
        raise
    # Attempts of one derivation may be by several codes if its config names none.
    if code == "any" or "code" in config:
        return Meant((dref,), known={dref: known[dref]})
    return _by_code([dref], leaf, store, alone=True)


def _by_code(found: Sequence[DRef], given: Any, store: CodeReader, **how: bool) -> Meant:
    from .origin import by_code  # for weight: it reads the code of stages

    return by_code(found, given, store, **how)


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
