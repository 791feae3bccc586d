"""Brought: what a script defines and has sent by value, found by its name where it runs.

pickle, and the pools of multiprocessing, write functions and classes by the names of their
modules; a worker's `__main__` is none of the script's.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

from ...declare.programs import run_as_program, run_no_more

CACHE = type(lru_cache(len))
NAMED = (FunctionType, type, CACHE)  # what is pickled by its name
Named = Any
"""One of them."""

_ABSENT = object()


def is_named(one: Named) -> bool:
    """Whether its module has this object under its name."""
    module = sys.modules.get(getattr(one, "__module__", None) or "")
    return getattr(module, one.__qualname__, _ABSENT) is one


@contextmanager
def findable(brought: Sequence[Named]) -> Iterator[None]:
    """In the block, the modules of these have them; a module that is not there stands empty."""
    with ExitStack() as undo:
        _make_findable(brought, undo)
        yield


def found_from_now_on(brought: Sequence[Named]) -> None:
    """The modules of these have them, until this process ends."""
    _make_findable(brought, ExitStack())


def _make_findable(brought: Sequence[Named], undo: ExitStack) -> None:
    for one in brought:
        module = sys.modules.get(one.__module__) or _stand_in(one.__module__, undo)
        _set(vars(module), one.__qualname__, one, undo)


def _stand_in(name: str, undo: ExitStack) -> ModuleType:
    """A module for a file that the command line runs, which no other process imports."""
    from cloudpickle import register_pickle_by_value, unregister_pickle_by_value

    module = ModuleType(name)
    _set(sys.modules, name, module, undo)
    register_pickle_by_value(module)
    undo.callback(unregister_pickle_by_value, module)
    run_as_program(name)
    undo.callback(run_no_more, name)
    return module


def _set(names: dict[str, Any], name: str, value: object, undo: ExitStack) -> None:
    before = names.get(name, _ABSENT)
    if before is _ABSENT:
        undo.callback(names.pop, name, None)
    else:
        undo.callback(names.__setitem__, name, before)
    names[name] = value
