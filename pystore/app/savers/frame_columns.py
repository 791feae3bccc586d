"""Columns of frames as arrays of Arrow, and back, with their dtypes."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.dataclasses import dataclass
from .kind import class_of, no_saver
from .plain_values import decode, encode, is_plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_UNITS = ("s", "ms", "us", "ns")
_MASKED = {
    "boolean", "Float32", "Float64",
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
}  # fmt: skip
_NAT = -(2**63)  # how NumPy writes that there is no time


@dataclass(frozen=True)
class Column:
    """The items of a column, and the facts that bring back its dtype."""

    about: dict[str, Any]
    items: "pa.Array"
    categories: "pd.Index | None" = None


def to_arrow(values: "pd.Series | pd.Index", place: str) -> Column:
    """A column or an index. Raises BadStage for dtypes that would come back as others."""
    dtype = values.dtype
    name = str(dtype)
    for handles, write in _WRITERS:
        if handles(dtype, name):
            return write(values, place)
    raise no_saver(
        values, because="this dtype has no exact form in Parquet", dtype=name, column=place
    )


def from_arrow(about: dict[str, Any], items: Any, categories: "pd.Index | None") -> Any:
    """The items as an array of pandas or NumPy, of the dtype that they had."""
    return _READERS[about["dtype"]](about, items, categories)


def _numbers(values: Any, place: str) -> Column:
    import pyarrow as pa

    return Column({"dtype": "numpy", "of": str(values.dtype)}, pa.array(values.to_numpy()))


def _numbers_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    array = items.to_numpy()
    if str(array.dtype) != about["of"] or items.null_count:
        raise ValueError(f"no column of {about['of']}")
    return array


def _times(values: Any, place: str) -> Column:
    """Times without a zone, and differences of times."""
    import numpy as np
    import pyarrow as pa

    array = values.to_numpy()
    unit = np.datetime_data(array.dtype)[0]
    return Column({"dtype": "times", "of": array.dtype.kind, "unit": unit}, pa.array(array))


def _times_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    return _whole(items).view(f"{about['of']}8[{about['unit']}]")


def _zoned(values: Any, place: str) -> Column:
    import pandas as pd
    import pyarrow as pa

    zone = str(values.dtype.tz)
    if pd.DatetimeTZDtype(values.dtype.unit, zone) != values.dtype:
        raise no_saver(values, because="its time zone has no name", zone=zone, column=place)
    times = pd.DatetimeIndex(values)
    items = pa.array(times.asi8, mask=times.isna())
    unit = values.dtype.unit
    return Column(
        {"dtype": "zoned", "unit": unit, "zone": zone}, items.cast(pa.timestamp(unit, "UTC"))
    )


def _zoned_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    import pandas as pd

    times = pd.DatetimeIndex(_whole(items).view(f"M8[{about['unit']}]"))
    return times.tz_localize("UTC").tz_convert(about["zone"]).array


def _category(values: Any, place: str) -> Column:
    import pandas as pd
    import pyarrow as pa

    array = pd.Categorical(values)
    about = {"dtype": "category", "ordered": bool(array.ordered)}
    return Column(about, pa.array(array.codes), array.categories)


def _category_back(about: dict[str, Any], items: Any, categories: Any) -> Any:
    import pandas as pd

    dtype = pd.CategoricalDtype(categories, about["ordered"])
    return pd.Categorical.from_codes(items.to_numpy(), dtype=dtype)


def _text(values: Any, place: str) -> Column:
    import pandas as pd

    missing = "NA" if values.dtype.na_value is pd.NA else "nan"
    about = {"dtype": "string", "storage": values.dtype.storage, "missing": missing}
    array = values.to_numpy(object, na_value=None)
    try:
        return Column(about, _strings(array))
    except UnicodeEncodeError:
        raise no_saver(values, because="it holds text that is no UTF-8", column=place) from None


def _text_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    import numpy as np
    import pandas as pd

    missing = {"NA": pd.NA, "nan": np.nan}[about["missing"]]
    dtype = pd.StringDtype(about["storage"], na_value=missing)
    return pd.array(items.to_numpy(zero_copy_only=False), dtype=dtype)


def _masked(values: Any, place: str) -> Column:
    import pyarrow as pa

    return Column({"dtype": "masked", "of": str(values.dtype)}, pa.array(values.array))


def _masked_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    import pandas as pd

    if about["of"] not in _MASKED:
        raise ValueError(f"no nullable dtype: {about['of']}")
    return pd.api.types.pandas_dtype(about["of"]).__from_arrow__(items)


def _objects(values: Any, place: str) -> Column:
    """Texts as they are, other plain values as JSON."""
    items = values.to_numpy()
    if all(item is None or type(item) is str for item in items):
        try:
            return Column({"dtype": "object", "as": "text"}, _strings(items))
        except UnicodeEncodeError:
            pass  # JSON escapes what is no UTF-8
    wrong = next((item for item in items if not is_plain(item)), None)
    if wrong is not None:
        raise no_saver(values, because="an item is not plain", item=class_of(wrong), column=place)
    coded = [json.dumps(encode(item)) for item in items]
    return Column({"dtype": "object", "as": "json"}, _strings(coded))


def _objects_back(about: dict[str, Any], items: Any, _: Any) -> Any:
    import numpy as np

    found = items.to_pylist()
    array = np.empty(len(found), dtype=object)
    array[:] = found
    if about["as"] == "json":
        for number, text in enumerate(found):
            array[number] = decode(json.loads(text))
    return array


def _strings(items: Any) -> "pa.Array":
    import pyarrow as pa

    return pa.array(items, pa.large_string())


def _whole(items: Any) -> Any:
    """Times as whole numbers."""
    import pyarrow as pa

    return items.cast(pa.int64()).fill_null(_NAT).to_numpy()


def _has_kind(kinds: str) -> Callable[[Any, str], bool]:
    """Whether it is a dtype of NumPy of one of these kinds, with the byte order of this machine."""

    def handles(dtype: Any, name: str) -> bool:
        import numpy as np

        if not isinstance(dtype, np.dtype) or dtype.kind not in kinds or dtype.itemsize > 8:
            return False
        return dtype.isnative and (
            dtype.kind not in "mM" or np.datetime_data(dtype) in [(unit, 1) for unit in _UNITS]
        )

    return handles


def _is(kind: str) -> Callable[[Any, str], bool]:
    """Whether it is a dtype of pandas itself, by the name of its class."""
    return lambda dtype, name: type(dtype).__name__ == kind


_WRITERS: list[tuple[Callable[[Any, str], bool], Callable[[Any, str], Column]]] = [
    (_has_kind("biuf"), _numbers),
    (_has_kind("mM"), _times),
    (_has_kind("O"), _objects),
    (_is("DatetimeTZDtype"), _zoned),
    (_is("CategoricalDtype"), _category),
    (_is("StringDtype"), _text),
    (lambda dtype, name: name in _MASKED, _masked),
]
_READERS: dict[str, Callable[[dict[str, Any], Any, Any], Any]] = {
    "numpy": _numbers_back,
    "times": _times_back,
    "object": _objects_back,
    "zoned": _zoned_back,
    "category": _category_back,
    "string": _text_back,
    "masked": _masked_back,
}
