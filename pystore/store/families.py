"""Families: all derivations of one name, removed together.

FA1  A family goes as a whole or not at all: while anything of it is pinned, used by another
    process, or an input of something that stays, nothing is removed.
"""

from collections.abc import Collection, Sequence

from ..core.dataclasses import dataclass
from ..core.errors import InUse, NotInStore
from ..core.printable import counted, listed
from ..core.refs import DRef, RRef, check_name
from . import rights
from .live_file import users
from .pins import pins
from .reader import Reader
from .remove import dependents, dependents_first, remove_derivation


@dataclass(frozen=True)
class Family:
    """The derivations of one name, with all that was made of them."""

    name: str
    drefs: tuple[DRef, ...]
    realizations: tuple[RRef, ...]
    attempts: int
    removed: bool  # False: a dry run

    def __str__(self) -> str:
        held = [
            counted(len(self.drefs), "derivation"),
            counted(len(self.realizations), "realization"),
            counted(self.attempts, "attempt"),
        ]
        return f"{'removed' if self.removed else 'would remove'} {', '.join(held)} of {self.name}"


@rights.explained
def remove_family(store: Reader, name: str, *, dry_run: bool = True) -> Family:
    """Removes all derivations of a name, their realizations and attempts; dry by default.

    Those in a store below stay. Raises NotInStore when there are none, InUse when something needs
    one of them (FA1), in a dry run as well.
    """
    store = store.own
    found = _family(store, name)
    if dry_run:
        _refuse_needed(store, found)
        return found
    with store.parts.session.closed_gate():
        found = _family(store, name)
        _refuse_needed(store, found)
        for ref in dependents_first(store, found.drefs):
            remove_derivation(store, ref.dref)
    return Family(name, found.drefs, found.realizations, found.attempts, removed=True)


def _family(store: Reader, name: str) -> Family:
    drefs = tuple(dref for dref in store.drefs() if dref.name == check_name(name))
    if not drefs:
        raise NotInStore(
            "the store has no derivation of this name",
            name=name,
            there_are=listed(sorted({dref.name for dref in store.drefs()})) or "none at all",
            remedy="name one that there is: `pystore ls`",
        )
    realizations = tuple(rref for dref in drefs for rref in store.realizations(dref))
    attempts = sum(len(store.attempts(dref)) for dref in drefs)
    return Family(name, drefs, realizations, attempts, removed=False)


def _refuse_needed(store: Reader, family: Family) -> None:
    own = set(family.realizations)
    pinned = [f"{name}: {rref}" for name, rref in pins(store).items() if rref in own]
    using = _using(store, own)
    needing = sorted(set().union(*(dependents(store, dref) for dref in family.drefs)))
    needing = [ref for ref in needing if _name(ref) != family.name]
    if pinned or using or needing:
        raise InUse(
            f"something needs what {family.name} has made",
            pinned_as=listed(pinned, "\n") or None,
            used_by=listed(using, "\n") or None,
            needed_by=listed(needing, "\n") or None,
            remedy=_remedy(pinned, using),
        )


def _name(ref: str) -> str:
    return (RRef(ref) if ref.startswith("rref:") else DRef(ref)).name


def _using(store: Reader, own: Collection[RRef]) -> list[str]:
    """Other processes that use something of it, each with what it uses."""
    parts = store.parts
    found: dict[str, list[RRef]] = {}
    for rref, by in users(parts.tmp, without=parts.session.names).items():
        for who in by if rref in own else ():
            found.setdefault(who, []).append(rref)
    return [f"{who}: {listed(sorted(rrefs), most=3)}" for who, rrefs in found.items()]


def _remedy(pinned: Sequence[str], using: Sequence[str]) -> str:
    if pinned:
        return " ".join(["pystore unpin", *(one.partition(":")[0] for one in pinned)])
    return "end what uses it first" if using else "remove what needs it first"
