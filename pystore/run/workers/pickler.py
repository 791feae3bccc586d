"""Pickles functions by value, as cloudpickle does; their code keeps the name of its file."""

import io
from collections import ChainMap
from collections.abc import Callable
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any, ClassVar

import cloudpickle

from ...declare.programs import is_program
from .named import CACHE, NAMED, Named, is_named

_dispatch = cloudpickle.Pickler.dispatch_table


def dumps(value: object) -> bytes:
    """The pickled pair of the value and of the list of functions and classes of programs in it.

    Raises whatever its objects raise when they are pickled.
    """
    with io.BytesIO() as file:
        pickler = _Pickler(file)
        pickler.dump((value, pickler.named))
        return file.getvalue()


def _reduce_code(code: CodeType) -> tuple[Callable[..., CodeType], tuple[Any, ...]]:
    # cloudpickle 3.1.3 calls every file "<dynamic-code>", and tracebacks would show no lines.
    make, parts = _dispatch[CodeType](code)
    return _make_code, (code.co_filename, make, parts)


def _make_code(file: str, make: Callable[..., CodeType], parts: tuple[Any, ...]) -> CodeType:
    return make(*parts).replace(co_filename=file)


def _reduce_cached_property(
    one: cached_property[Any],
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    # Before Python 3.12 a cached_property holds a lock, which cannot be pickled.
    return _make_cached_property, (type(one), {k: v for k, v in vars(one).items() if k != "lock"})


def _make_cached_property(kind: type[cached_property[Any]], state: dict[str, Any]) -> Any:
    made = kind.__new__(kind)
    vars(made).update(vars(cached_property(lambda _: None)), **state)
    return made


def _reduce_cache(one: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    # By value, like functions: a worker does not run the program, and would not find the name.
    return _make_cache, (one.__wrapped__, one.cache_parameters())


def _make_cache(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    return lru_cache(**options)(function)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _reduce_code}, _dispatch)

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.named: list[Named] = []  # is pickled last, when it is complete

    def reducer_override(self, one: Any) -> Any:
        """How to pickle an object. Named objects of programs are collected."""
        if isinstance(one, NAMED) and is_program(one.__module__) and is_named(one):
            self.named.append(one)
        if isinstance(one, cached_property):
            return _reduce_cached_property(one)
        if isinstance(one, CACHE) and is_program(one.__module__):
            return _reduce_cache(one)
        return super().reducer_override(one)
