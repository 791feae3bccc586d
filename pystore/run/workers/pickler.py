"""Pickler: functions by value, as cloudpickle sends them, whose code keeps the name of its file."""

import io
from collections import ChainMap
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, ClassVar

import cloudpickle

from ..programs import is_program
from .brought import is_named

_dispatch = cloudpickle.Pickler.dispatch_table


def dumps(value: object) -> bytes:
    """The value, and a list of what of programs goes along, pickled.

    Raises whatever the objects that it refers to raise.
    """
    with io.BytesIO() as file:
        pickler = _Pickler(file)
        pickler.dump((value, pickler.brought))
        return file.getvalue()


def _reduce_code(code: CodeType) -> tuple[Callable[..., CodeType], tuple[Any, ...]]:
    # cloudpickle 3.1.3 calls every file "<dynamic-code>", and tracebacks would show no lines.
    make, parts = _dispatch[CodeType](code)
    return _make_code, (code.co_filename, make, parts)


def _make_code(file: str, make: Callable[..., CodeType], parts: tuple[Any, ...]) -> CodeType:
    return make(*parts).replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _reduce_code}, _dispatch)

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.brought: list[FunctionType | type] = []  # grows until it is pickled itself, last

    def reducer_override(self, one: Any) -> Any:
        """How to pickle an object; what has a name in a program is noted."""
        if isinstance(one, (FunctionType, type)) and is_program(one.__module__) and is_named(one):
            self.brought.append(one)
        return super().reducer_override(one)
