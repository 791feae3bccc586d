"""Children: what the processes that a realizer starts get of a program.

Those of `multiprocessing` import the main program of their parent, if it has one. A worker has
none: what it was sent of a program goes on to its children as it came, by value.
"""

import pickle
from typing import Any

from ...declare.programs import is_program
from .by_value import NAMED, found_from_now_on


def send_programs_on() -> None:
    """From now on, this process sends its children what they use of programs by value."""
    from multiprocessing.reduction import ForkingPickler  # only where something was sent

    ForkingPickler.reducer_override = _reduced  # type: ignore[method-assign]  # as Pickler says


def _reduced(_: pickle.Pickler, one: Any) -> Any:
    if isinstance(one, NAMED) and is_program(one.__module__):
        from .pickler import dumps  # only where a process is started

        return _received, (dumps(one),)
    return NotImplemented


def _received(packed: bytes) -> Any:
    # From the process that started this one, over a channel that no other has.
    one, brought = pickle.loads(packed)
    found_from_now_on(brought)  # what goes back is pickled by its name
    send_programs_on()
    return one
