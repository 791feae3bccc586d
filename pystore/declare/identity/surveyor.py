"""Surveyor: goes from a function to all that it uses, breadth first, and writes down each."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from .classes import class_text
from .code_text import function_text, module_text
from .describer import Describer
from .functions import unwrapped
from .listing import refresh
from .notes import Constant, Met, Notes
from .origin import Origin
from .scope import Read
from .survey import Survey


def survey(function: Any, depth: str) -> Survey:
    """The survey of a function: of itself alone, or with all that it uses of the project."""
    refresh()
    *wrappers, plain = unwrapped(function)
    read = Read()
    with _no_collection():
        while True:
            notes = Notes(plain, depth == "project", read)
            _survey(notes, wrappers)
            if notes.reads | read == read:
                return notes.survey
            read |= notes.reads  # it reads docstrings or annotations: then these count, too


def _survey(notes: Notes, wrappers: list[Any]) -> None:
    describer, function = Describer(notes), notes.function
    name = notes.name(function, function.__code__.co_qualname)
    origin = notes.origins[id(function)] = Origin(function.__globals__, function.__name__)
    notes.queue.append(Met(function, name))
    for one in wrappers if notes.follow else ():
        if isinstance(one, FunctionType):
            describer.value(one, one.__name__, origin, (id(one), "wrapper"))
    while notes.queue:
        match notes.queue.popleft():
            case Constant() as constant:
                notes.survey.texts[constant.label] = describer.constant(constant)
            case Met(thing, name):
                notes.survey.texts[name] = _text(describer, thing, name)


def _text(describer: Describer, thing: Any, name: str) -> str:
    if isinstance(thing, ModuleType):
        return module_text(describer, thing, name)
    if isinstance(thing, type):
        return class_text(describer, thing, name)
    return function_text(describer, thing, name)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Holds the garbage collector: a syntax tree is ten thousand objects, and all are in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # All objects become old ones: else the next look at young objects, which is due
                # at once, would go through all of these trees.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
