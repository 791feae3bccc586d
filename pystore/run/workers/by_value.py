"""Makes functions and classes that were pickled by value importable by name in a worker.

pickle and the pools of multiprocessing write functions and classes by module and name, and a
worker's `__main__` is not the script.
"""

import pickle
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from ...declare.programs import is_program, run_as_program, run_no_more
from .named import NAMED, Named

_ABSENT = object()


@contextmanager
def importable(named: Sequence[Named]) -> Iterator[None]:
    """Inside the block, the modules of these objects have them; missing modules are made."""
    with ExitStack() as undo:
        _make_importable(named, undo)
        yield


def _make_importable(named: Sequence[Named], undo: ExitStack) -> None:
    for one in named:
        module = sys.modules.get(one.__module__) or _empty_module(one.__module__, undo)
        _set(vars(module), one.__qualname__, one, undo)


def _empty_module(name: str, undo: ExitStack) -> ModuleType:
    """A module in place of a file that the command line runs, which no other process imports."""
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


def send_programs_on() -> None:
    """From now on, the children of this process get objects of programs by value, too.

    Children that multiprocessing starts import the main program of their parent. A worker has none.
    """
    from multiprocessing.reduction import ForkingPickler  # late for weight: only workers need it

    ForkingPickler.reducer_override = _reduced  # type: ignore[method-assign]  # as Pickler says


def _reduced(_: pickle.Pickler, one: Any) -> Any:
    if isinstance(one, NAMED) and is_program(one.__module__):
        from .pickler import dumps  # late for weight: cloudpickle, only where a process is started

        return _received, (dumps(one),)
    return NotImplemented


def _received(packed: bytes) -> Any:
    # The process that started this one has written it; no other process has the channel.
    one, named = pickle.loads(packed)
    _make_importable(named, ExitStack())  # for good: what goes back is pickled by name
    send_programs_on()
    return one
