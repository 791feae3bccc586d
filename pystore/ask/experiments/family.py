"""Families: all derivations of one stage, whatever the parameters, found in the store.

They are those of one code, unless any is asked for: of a stage, its own as it is now.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.attempt import Attempt
from ...core.derivation import Closure, Derivation, leaves
from ...core.errors import BadStage, NotInStore, PystoreWarning
from ...core.left_out import NOTHING, LeftOut
from ...core.options import Scope, checked_scope
from ...core.ports import StoreReader
from ...core.printable import listed
from ...core.refs import DRef, check_name
from ...declare.recorder import store_was_read
from ...store.current import current_store

if TYPE_CHECKING:
    from .origin import Known, Origin


@dataclass(frozen=True)
class Meant:
    """Derivations that are meant, and by whose code."""

    drefs: tuple[DRef, ...]
    left_out: LeftOut = NOTHING
    origins: "Mapping[DRef, Origin]" = field(default_factory=dict)  # of those made by several
    tries: Mapping[DRef, list[Attempt]] = field(default_factory=dict)  # that were read to know

    def attempts(self, dref: DRef, store: StoreReader) -> list[Attempt]:
        """The attempts of a derivation that are meant, first to last."""
        tries, origin = self.tries.get(dref), self.origins.get(dref)
        tries = store.attempts(dref) if tries is None else tries
        return [a for a in tries if origin is None or origin.has_made(a)]


def family(stage: Any, *, code: Scope = "now", store: StoreReader | None = None) -> list[DRef]:
    """The derivations in the store that have the name and the code of this stage, sorted.

    `stage` is a @stage function, the name as text, or a derivation or DRef of the family. Of a
    stage, its code as it is now is meant; of a name, the one that ran last; with `code="any"`,
    every one that has its name. Raises BadStage when there are none.
    """
    store_was_read()
    store = store or current_store()
    return list(named(stage, store, checked_scope(code)).drefs)


def named(stage: Any, store: StoreReader, code: Scope, *, tried: bool = False) -> Meant:
    """What is meant by a stage, a name, or a derivation that stands for its family.

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
    from .origin import Known, of_name  # what declares and realizes never asks

    known = Known(store)
    origin = _origin(stage, known) or of_name(found, known, tried=tried)
    if origin is None:
        return Meant(tuple(found), tries=known.tries)
    meant = _chosen(found, origin, known)
    if not meant.drefs:
        raise BadStage(
            f"nothing has been built by the code of {name} as it is now",
            left_out=meant.left_out or None,
            remedy="realize it first",
        )
    return meant


def members(what: Any, store: StoreReader, code: Scope = "now") -> Meant:
    """The derivations meant: families of stages and names, and derivations as they are.

    Of derivations given as values, those that the store does not know yet are left out.
    Raises BadStage when none is left.
    """
    store_was_read()
    drefs: dict[DRef, None] = {}
    origins: dict[DRef, Origin] = {}
    tries: dict[DRef, list[Attempt]] = {}
    left_out: dict[object, LeftOut] = {}
    for leaf in _leaves(what):
        meant = _members(leaf, store, checked_scope(code))
        drefs |= dict.fromkeys(meant.drefs)
        origins |= meant.origins
        tries |= meant.tries
        left_out[_key(leaf)] = meant.left_out
    if drefs:
        return Meant(tuple(drefs), sum(left_out.values(), NOTHING), origins, tries)
    raise BadStage(
        "nothing to show: none of these has been realized or instantiated in this store",
        given=repr(what)[:200],
        there_are=listed(sorted({dref.name for dref in store.drefs()})) or "none at all",
        remedy="realize it first",
    )


def tell(left_out: LeftOut, who: str) -> None:
    """Warns of what is left out, if anything is."""
    if left_out:
        warnings.warn(f"{who}: {left_out}", PystoreWarning, stacklevel=3)


def _key(leaf: Any) -> object:
    """Equal for what means the same."""
    return leaf if isinstance(leaf, str) else getattr(leaf, "dref", id(leaf))


def _leaves(what: Any) -> Iterator[Any]:
    for leaf in leaves(what):
        if isinstance(leaf, Closure):
            yield from (leaf[dref] for dref in leaf.drefs)
        elif isinstance(leaf, Iterable) and not isinstance(leaf, str):
            yield from _leaves(list(leaf))  # such as the values of a dict
        else:
            yield leaf


def _members(leaf: Any, store: StoreReader, code: Scope) -> Meant:
    if isinstance(leaf, Derivation):
        return _alone(leaf.dref, leaf, store, code) if _knows(store, leaf.dref) else Meant(())
    if isinstance(leaf, str) and leaf.startswith("dref:"):
        store.config(DRef(leaf))
        return _alone(DRef(leaf), leaf, store, code)
    return named(leaf, store, code)


def _alone(dref: DRef, given: Any, store: StoreReader, code: Scope) -> Meant:
    """One derivation; only where its config says nothing of code, attempts may be of several."""
    if code == "any" or "code" in store.config(dref).value:
        return Meant((dref,))
    from .origin import Known, Origin, of_name

    known = Known(store)
    origin = Origin.of_derivation(given) if isinstance(given, Derivation) else None
    origin = origin or of_name([dref], known)
    if origin is None:
        return Meant((dref,), tries=known.tries)
    return _chosen([dref], origin, known, alone=True)


def _chosen(
    found: Sequence[DRef], origin: "Origin", known: "Known", *, alone: bool = False
) -> Meant:
    """Those of one name that have this code, and how many attempts the others have."""
    drefs: list[DRef] = []
    origins: dict[DRef, Origin] = {}
    left_out = NOTHING
    for dref in found:
        tries = known.attempts(dref)
        strange = tries
        if alone or origin.fits(dref, known):
            strange = [attempt for attempt in tries if not origin.has_made(attempt)]
            if alone or not tries or len(strange) < len(tries):
                drefs.append(dref)
                origins |= {dref: origin} if strange else {}
        left_out += origin.left_out(dref, strange, known)
    return Meant(tuple(drefs), left_out, origins, known.tries)


def _origin(stage: Any, known: "Known") -> "Origin | None":
    """The code of what is at hand; None of a name, which has none."""
    from ...declare.stage import Stage
    from .origin import Origin, completed

    if isinstance(stage, Stage):
        origin = Origin.of_stage(stage)
    elif isinstance(stage, Derivation):
        origin = Origin.of_derivation(stage)
    elif isinstance(stage, str) and stage.startswith("dref:"):
        return Origin.of_dref(DRef(stage), known)
    else:
        return None
    name = _name(stage)
    return completed(origin, [dref for dref in known.store.drefs() if dref.name == name], known)


def _knows(store: StoreReader, dref: DRef) -> bool:
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
