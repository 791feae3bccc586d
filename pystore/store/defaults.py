"""Defaults: what holds where a program says nothing. They are composed when they are first needed.

The package composes them of what reads the environment and draws on the terminal; a store that is
used without them knows of no remotes, and shows nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ..core.dataclasses import dataclass, replace
from ..core.errors import NotAStore
from ..core.events import Listener, ignore
from ..core.listeners import both, guarded
from .composing import composed

if TYPE_CHECKING:
    from ..core.derivation import Closure
    from ..core.ports import StoreReader
    from .store import Store

# The display of a call of realize, whose `progress` is the last argument.
Display = Callable[["Closure", "StoreReader", bool | None], AbstractContextManager[Listener]]
Bar = Callable[[], AbstractContextManager[Listener]]


def _no_store() -> "Store":
    raise NotAStore("no store is named", remedy="with Store(path).use(): …")


def _nothing_shown(
    closure: "Closure", store: "StoreReader", progress: bool | None
) -> AbstractContextManager[Listener]:
    return nullcontext(ignore)


@dataclass(frozen=True)
class Defaults:
    """The surroundings of a program: each part is asked when it is needed."""

    find_store: Callable[[], "Store"] = _no_store
    substituters: Callable[[], Iterable[str]] = tuple
    trusted_keys: Callable[[], Iterable[str] | None] = lambda: None
    diffs: Callable[[], bool] = lambda: True
    keeps_code: Callable[[], bool] = lambda: True
    measures_usage: Callable[[], bool] = lambda: True
    display: Display = _nothing_shown
    bar: Bar = lambda: nullcontext(ignore)  # for one thing that goes on, such as a copy


class InForce:
    """The defaults of this process."""

    defaults: Defaults | None = None


def defaults() -> Defaults:
    """The defaults in force."""
    if InForce.defaults is None:
        made = composed()
        InForce.defaults = made if isinstance(made, Defaults) else Defaults()
    return InForce.defaults


def change_defaults(**parts: Any) -> None:
    """From now on, these parts of the defaults are others."""
    InForce.defaults = replace(defaults(), **parts)


@contextmanager
def displaying(display: Display) -> Iterator[None]:
    """Inside the block, calls of realize are shown in this way, in all threads."""
    before = defaults().display
    change_defaults(display=display)
    try:
        yield
    finally:
        change_defaults(display=before)


@contextmanager
def heard(progress: bool, listener: Listener) -> Iterator[Listener]:
    """The listener; with `progress`, also a bar for the one thing that goes on in the block."""
    with defaults().bar() if progress else nullcontext(ignore) as bar:
        yield both(bar, guarded(listener))
