"""Programs: modules that are run rather than imported, as `__main__` is.

A worker does not run them again: their functions and classes are sent to it by value.
"""

import sys
from types import ModuleType

_programs = {"__main__"}


def run_as_program(name: str) -> None:
    """Marks a module as a program: loading it does things."""
    _programs.add(name)


def run_no_more(name: str) -> None:
    """Takes back `run_as_program`."""
    _programs.discard(name)


def is_program(name: str) -> bool:
    """Whether this module must not be imported by another process."""
    return name in _programs


def programs() -> list[ModuleType]:
    """The loaded programs beside `__main__`."""
    names = sorted(_programs - {"__main__"})
    return [sys.modules[name] for name in names if name in sys.modules]
