"""What to write in place of a value that is not JSON: the call that makes JSON of it."""

import collections
import dataclasses
import datetime
import decimal
import enum
import pathlib
import types
import uuid

import numpy as np
import pytest

from pystore.core.advice import advice


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Name(str, enum.Enum):  # noqa: UP042  # as people write it
    A = "a"


@dataclasses.dataclass
class Options:
    rate: float = 0.1


Point = collections.namedtuple("Point", "x y")


def stand_in(base: str, module: str, **names: object) -> object:
    """An instance of a class that descends from one of a package that is not installed."""
    parent = type(base, (), {"__module__": module})
    return type("Own", (parent,), {"__module__": "own", **names})()


@pytest.mark.parametrize(
    ("value", "call"),
    [
        (Colour.RED, "x.value"),
        (Level.LOW, "x.value"),
        (Name.A, "x.value"),
        (Options(), "dataclasses.asdict(x)"),
        (stand_in("BaseModel", "pydantic.main"), "x.model_dump(mode='json')"),
        (stand_in("Container", "omegaconf.base"), "OmegaConf.to_container(x, resolve=True)"),
        (stand_in("Thing", "other", __attrs_attrs__=()), "attrs.asdict(x)"),
        (pathlib.Path("/data"), "str(x)"),
        (datetime.date(2020, 1, 1), "x.isoformat()"),
        (datetime.datetime(2020, 1, 1), "x.isoformat()"),
        (datetime.timedelta(hours=1), "x.total_seconds()"),
        (decimal.Decimal("0.1"), "str(x)"),
        (uuid.UUID(int=1), "str(x)"),
        (types.SimpleNamespace(a=1), "vars(x)"),
        (types.MappingProxyType({"a": 1}), "dict(x)"),
        (Point(1, 2), "list(x)"),
        (range(3), "list(x)"),
        ({1, 2}, "sorted(x)"),
        (iter([1]), "list(x)"),
        (1j, "[x.real, x.imag]"),
        (np.zeros(3), "x.tolist()"),
        (np.array(3), "int(x)"),
        (stand_in("Tensor", "torch"), "x.tolist()"),
        (stand_in("NDFrame", "pandas.core.generic"), "a file of a stage"),
        (len, "the name of any other function"),
    ],
)
def test_the_call_that_makes_json_of_a_value_is_named(value, call):
    assert call in advice(value)


def test_what_the_named_calls_make_is_taken_where_the_package_is_installed():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[name-defined]  # where it is installed
        rate: float = 0.1

    assert advice(Model()) == "write x.model_dump(mode='json')"
    assert Model().model_dump(mode="json") == {"rate": 0.1}
