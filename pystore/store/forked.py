"""Forked: what a process holds open is no business of the children that it forks.

A lock of flock is held, and a pipe is open, as long as any process has the descriptor: by a child
that lives on, after its parent was killed.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Owner(Protocol):
    """What holds something open that is its process's alone."""

    def forget(self) -> None:
        """In a forked child: closes what it holds, and takes nothing from the parent."""


_owners: WeakSet[Owner] = WeakSet()


def forgotten_by_children(owner: Owner) -> None:
    """Sees to it that forked children forget what the owner holds, now and later."""
    _owners.add(owner)


def _forget() -> None:
    for owner in list(_owners):
        owner.forget()
    _owners.clear()


os.register_at_fork(after_in_child=_forget)
