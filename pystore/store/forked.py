"""Forked: children that a process forks close the locks and pipes of their parent.

A flock is held, and a pipe is open, as long as any process has the descriptor. Otherwise a living
child would hold them when its parent was killed.
"""

import os
from typing import Protocol
from weakref import ref


class Owner(Protocol):
    """An object with a descriptor that only its own process may have open."""

    def forget(self) -> None:
        """Closes the descriptor in a forked child; the parent keeps its own."""


# A WeakSet calls back when an owner goes, and would lose what a signal handler raises then.
_owners: dict[int, ref[Owner]] = {}
_FEW = 64


def forgotten_by_children(owner: Owner) -> None:
    """Makes forked children forget what the owner holds."""
    if len(_owners) >= _FEW and len(_owners) & (len(_owners) - 1) == 0:
        _drop_the_dead()
    known = ref(owner)
    _owners[id(known)] = known


def _drop_the_dead() -> None:
    for key, owner in list(_owners.items()):
        if owner() is None:
            _owners.pop(key, None)


def _forget() -> None:
    for owner in list(_owners.values()):
        if (living := owner()) is not None:
            living.forget()
    _owners.clear()


os.register_at_fork(after_in_child=_forget)
