"""Forked: what a process holds open is no business of the children that it forks.

A lock of flock is held, and a pipe is open, as long as any process has the descriptor: by a child
that lives on, after its parent was killed.
"""

import os
from typing import Protocol
from weakref import ref


class Owner(Protocol):
    """What holds something open that is its process's alone."""

    def forget(self) -> None:
        """In a forked child: closes what it holds, and takes nothing from the parent."""


# A WeakSet calls back when an owner goes: what a signal handler raises then would be lost.
_owners: dict[int, ref[Owner]] = {}
_FEW = 64


def forgotten_by_children(owner: Owner) -> None:
    """Sees to it that forked children forget what the owner holds, now and later."""
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
