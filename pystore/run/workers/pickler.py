"""Pickler: functions by value, as cloudpickle sends them, whose code keeps the name of its file."""

import io
from collections import ChainMap
from collections.abc import Callable
from types import CodeType
from typing import Any, ClassVar

import cloudpickle

_dispatch = cloudpickle.Pickler.dispatch_table


def dumps(value: object) -> bytes:
    """The value, pickled. Raises whatever the objects that it refers to raise."""
    with io.BytesIO() as file:
        _Pickler(file).dump(value)
        return file.getvalue()


def _reduce_code(code: CodeType) -> tuple[Callable[..., CodeType], tuple[Any, ...]]:
    # cloudpickle 3.1.3 calls every file "<dynamic-code>", and tracebacks would show no lines.
    make, parts = _dispatch[CodeType](code)
    return _make_code, (code.co_filename, make, parts)


def _make_code(file: str, make: Callable[..., CodeType], parts: tuple[Any, ...]) -> CodeType:
    return make(*parts).replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _reduce_code}, _dispatch)
