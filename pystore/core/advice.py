"""Advice: what to write in place of a value that is not JSON."""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from .class_names import descends

_NUMBERS = {"i": "int", "u": "int", "f": "float", "b": "bool"}
_FILE = "make it a file of a stage, which others take as an input"


def advice(value: object) -> str:
    """What to write in place of `value`, which is not JSON."""
    return _of_arrays(value) or next(
        (text for test, text in _ADVICE if test(value)),
        "write None, bool, int, float, str, list or dict",
    )


def _of_arrays(value: Any) -> str:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind and getattr(value, "ndim", 0):
        return "write x.tolist(), or make it a file of a stage"
    return f"write {_NUMBERS[kind]}(x)" if kind in _NUMBERS else ""


def _a(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds)


def _named(*names: str) -> Callable[[object], bool]:
    return lambda value: any(descends(value, name) for name in names)


# The first that fits counts: a str may be an Enum, too.
_ADVICE: list[tuple[Callable[[object], bool], str]] = [
    (_a(complex), "write [x.real, x.imag]"),
    (_named("numpy.complexfloating"), "write [x.real, x.imag]"),
    (_named("numpy.generic"), "write x.item(), if that is JSON, or str(x)"),
    (_a(Enum), "write x.value, or x.name"),
    (_named("pydantic.BaseModel"), "write x.model_dump(mode='json')"),
    (_named("omegaconf.Container"), "write OmegaConf.to_container(x, resolve=True)"),
    (lambda x: is_dataclass(x) and not isinstance(x, type), "write dataclasses.asdict(x)"),
    (lambda x: hasattr(type(x), "__attrs_attrs__"), "write attrs.asdict(x)"),
    (_named("torch.Tensor"), f"write x.tolist(), or {_FILE}"),
    (_named("torch.dtype", "torch.device"), "write str(x)"),
    (_named("pandas.NDFrame", "pandas.Index", "polars.DataFrame", "polars.Series"), _FILE),
    (
        lambda x: isinstance(x, tuple) and hasattr(x, "_asdict"),
        "write x._asdict(), or a list: list(x)",
    ),
    (_a(tuple, range), "write a list: list(x)"),
    (_a(set, frozenset), "write a list: sorted(x)"),
    (_a(bytes, bytearray, memoryview), "write a str, or make it a file of a stage with mkfile"),
    (_a(datetime, date, time), "write x.isoformat()"),
    (_a(timedelta), "write x.total_seconds()"),
    (_a(Decimal, Fraction, UUID), "write str(x)"),
    (_a(SimpleNamespace), "write vars(x)"),
    (_named("argparse.Namespace"), "write vars(x)"),
    (_a(Mapping), "write dict(x)"),
    (
        lambda x: hasattr(x, "__fspath__"),
        "write str(x), which says nothing of what is in it: a file whose content matters comes "
        "from a stage, such as fetchlocal(x), or is [dref, 'file'] of one",
    ),
    (lambda x: hasattr(x, "__next__"), "write a list: list(x)"),
    (
        callable,
        "call it, if it is a stage: what its call returns may stand here; write the name of any "
        "other function or class, and look it up in the stage",
    ),
    (_a(str), "write str(x)"),
    (_a(int), "write int(x)"),
    (_a(float), "write float(x)"),
]
