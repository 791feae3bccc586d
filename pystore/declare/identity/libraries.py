"""Libraries: the texts of arrays, tensors, frames and settings of packages, which count by value.

No package is imported for this: a value of a package shows that the package is imported.
"""

import sys
from collections.abc import Callable
from typing import Any

from .functions import attributes_of
from .values import Writer
from .warn import warn_of_size

LARGE = 100 * 2**20  # [bytes] from this size on, a value had better be an input of the stage
_ONE_CORE = 2**20  # [bytes] below this size, one core is quicker than several


def library_text(writer: Writer, value: Any, kind: type) -> str | None:
    """The text of a value of a package, if its class is in the table; None otherwise."""
    if kind.__module__.partition(".")[0] not in _PACKAGES:
        return None
    own = library_writer(kind) or _inherited(kind)
    return None if own is None else own(writer, value)


def _inherited(kind: type) -> Callable[[Writer, Any], str] | None:
    if kind.__module__.partition(".")[0] in _SETTINGS:
        return None
    return next(filter(None, map(library_writer, kind.__mro__)), None)


def library_writer(kind: type) -> Callable[[Writer, Any], str] | None:
    """The function that writes values of a class in the table; None for any other class."""
    top = kind.__module__.partition(".")[0]
    return _WRITERS.get(f"{top}.{kind.__qualname__}") if top in _PACKAGES else None


def digest(data: Any, name: str) -> str:
    """The digest of bytes; warns when they are so many that the value had better be an input."""
    from blake3 import blake3  # for weight, and for Pythons that lack it

    view = memoryview(data).cast("B")
    if view.nbytes >= LARGE:
        warn_of_size(name, view.nbytes)
    threads = blake3.AUTO if view.nbytes >= _ONE_CORE else 1
    return blake3(view, max_threads=threads).hexdigest(16)


def _ndarray(writer: Writer, value: Any) -> str:
    import numpy as np

    plain = np.asarray(value).view(np.ndarray)
    return f"{_kind(value)}({_cells(writer, plain)}{_extra(writer, value)})"


def _cells(writer: Writer, plain: Any) -> str:
    import numpy as np

    described = f"{plain.dtype.descr if plain.dtype.names else plain.dtype.str!a},{plain.shape}"
    if plain.dtype.hasobject:
        return f"{described},{writer.text(plain.tolist())}"
    flat = np.ascontiguousarray(plain).reshape(-1)
    return f"{described},{digest(flat.view(np.uint8), writer.hint) if flat.size else ''}"


def _extra(writer: Writer, value: Any) -> str:
    """The text of a mask and of attributes, which an array may have beside its elements."""
    own = own_attributes(value)
    if _masked(value):
        own |= {"mask": value.mask, "fill_value": value.fill_value, "hard": value.hardmask}
    return "," + writer.state(own) if own else ""


def own_attributes(value: Any) -> dict[str, Any]:
    """The attributes of a value without those in which its package keeps the content."""
    return {name: one for name, one in attributes_of(value).items() if name not in _INTERNAL}


def _masked(value: Any) -> bool:
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(value, ma.MaskedArray)


def _repr(writer: Writer, value: Any) -> str:
    return f"{type(value).__name__}({repr(value)!a})"


def _tensor(writer: Writer, value: Any) -> str:
    import torch

    plain = value.detach().cpu()
    text = f"{plain.dtype},{tuple(plain.shape)},{value.requires_grad}"
    if plain.layout != torch.strided or plain.is_quantized:
        return f"tensor({text},{writer.text(plain.to_dense().tolist())},{plain.layout})"
    flat = plain.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
    cells = digest(flat.numpy(), writer.hint) if flat.numel() else ""
    own = own_attributes(value)
    return f"{_kind(value)}({text},{cells}{writer.state(own)})"


def _eager(writer: Writer, value: Any) -> str:
    """The text of a tensor or variable of TensorFlow, or of an array of JAX."""
    import numpy as np

    return f"tensor({_cells(writer, np.asarray(value))})"


def _frame(writer: Writer, value: Any) -> str:
    columns = [value.iloc[:, at] for at in range(value.shape[1])]
    text = writer.all([value.columns, value.index, *map(_column, columns)])
    return f"{_kind(value)}({text}{writer.text(dict(value.attrs))})"


def _series(writer: Writer, value: Any) -> str:
    return f"{_kind(value)}({writer.all([value.name, value.index, _column(value)])})"


def _index(writer: Writer, value: Any) -> str:
    return f"{_kind(value)}({writer.all([list(value.names), _column(value)])})"


def _pandas_array(writer: Writer, value: Any) -> str:
    import pandas

    return f"{_kind(value)}({writer.all(_column(pandas.Series(value)))})"


def _column(value: Any) -> tuple[str, Any]:
    """The type of a column, and its content: an array, or a list if values are missing."""
    numeric = getattr(value.dtype, "kind", "O") in "biufcmM" and hasattr(value.dtype, "itemsize")
    plain = value.to_numpy()
    if hasattr(value.dtype, "categories"):
        return f"{value.dtype.ordered}", [list(value.dtype.categories), plain.tolist()]
    if numeric and not plain.dtype.hasobject:
        return str(value.dtype), plain
    missing = getattr(sys.modules.get("pandas"), "NA", None)
    return str(value.dtype), [None if one is missing else one for one in plain.tolist()]


def _timestamp(writer: Writer, value: Any) -> str:
    return f"{_kind(value)}({str(value)!a},{getattr(value, 'value', '')})"


def _polars(writer: Writer, value: Any) -> str:
    columns = value.get_columns() if hasattr(value, "get_columns") else [value]
    described = [(one.name, str(one.dtype), one.to_list()) for one in columns]
    return f"{_kind(value)}{writer.text(described)}"


def _arrow(writer: Writer, value: Any) -> str:
    schema = getattr(value, "schema", getattr(value, "type", ""))
    metadata = getattr(schema, "metadata", None) or {}
    rows = value.to_pylist() if hasattr(value, "to_pylist") else value.as_py()
    return f"{_kind(value)}({str(schema)!a}{writer.text(dict(metadata))}{writer.text(rows)})"


def _sparse(writer: Writer, value: Any) -> str:
    cells = value.tocoo()
    return f"{_kind(value)}({value.shape}{writer.all([cells.data, *cells.coords])})"


def _omega(writer: Writer, value: Any) -> str:
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(value, resolve=False)
    return f"omegaconf({writer.text(plain)},{OmegaConf.is_readonly(value)})"


def _matcher(writer: Writer, value: Any) -> str:
    rule = value.rule
    own = writer.project.code(rule.__code__, rule.__globals__) if hasattr(rule, "__code__") else 0
    text = writer.all([value.name, value.arguments, value.reads, *([rule] if own else [])])
    return f"matcher{text}"


def _recipe(writer: Writer, value: Any) -> str:
    """The text of a Dataset or a Model: its settings, and the functions of its training."""
    return f"{type(value).__name__}{writer.all(value.identity())}"


def _kind(value: Any) -> str:
    """The name of the package's class; the class of the value may extend it."""
    named = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__)
    return next((f"{top}.{name}" for top, name in named if top in _PACKAGES), "")


_INTERNAL = {"_mgr", "_item_cache", "_attrs", "_flags", "_name", "_cache", "_id", "_mask", "_df"}
_INTERNAL |= {"_fill_value", "_basedict", "_optinfo", "_hardmask", "_sharedmask", "_isfield"}
_INTERNAL |= {"_baseclass", "_backward_hooks", "_no_setting_name"}
_PACKAGES = {"numpy", "pandas", "polars", "pyarrow", "torch", "tensorflow", "jaxlib", "jax"}
_PACKAGES |= {"scipy", "omegaconf", "pystore"}
_SETTINGS = {"omegaconf", "pystore"}  # packages whose subclasses are not written as the base is
_WRITERS: dict[str, Callable[[Writer, Any], str]] = {
    "numpy.ndarray": _ndarray,
    "numpy.generic": lambda w, value: f"scalar({value.dtype.str!a},{value.tobytes().hex()})",
    "numpy.dtype": _repr,
    "torch.Tensor": _tensor,
    "torch.dtype": _repr,
    "torch.Size": _repr,
    "tensorflow.EagerTensor": _eager,
    "tensorflow.ResourceVariable": _eager,
    "tensorflow.DType": _repr,
    "jaxlib.ArrayImpl": _eager,
    "jaxlib.Array": _eager,
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.Index": _index,
    "pandas.Categorical": _pandas_array,
    "pandas.ExtensionArray": _pandas_array,
    "pandas.Timestamp": _timestamp,
    "pandas.Timedelta": _timestamp,
    "pandas.NAType": _repr,
    "polars.DataFrame": _polars,
    "polars.Series": _polars,
    "pyarrow.Table": _arrow,
    "pyarrow.RecordBatch": _arrow,
    "pyarrow.Array": _arrow,
    "pyarrow.ChunkedArray": _arrow,
    "pyarrow.Scalar": _arrow,
    "pyarrow.Schema": _repr,
    "pyarrow.DataType": _repr,
    "scipy._spbase": _sparse,
    "scipy.spmatrix": _sparse,
    "omegaconf.DictConfig": _omega,
    "omegaconf.ListConfig": _omega,
    "pystore.Dataset": _recipe,
    "pystore.Model": _recipe,
    "pystore.TorchModel": _recipe,
    "pystore.Reader": lambda writer, value: f"reader({writer.text(value.dataset)})",
    "pystore.Stage": lambda writer, value: f"stage({writer.text(value.function)})",
    "pystore.Derivation": lambda writer, value: f"derivation({value.dref})",
    "pystore.Staged": lambda writer, value: f"derivation({value.dref})",
    "pystore.View": lambda writer, value: f"view({value.rref})",
    "pystore.Matcher": _matcher,
    "pystore.Field": lambda writer, value: f"field{writer.all(vars(value).values())}",
    "pystore.Output": lambda writer, value: f"output{writer.text(value.parts)}",
}
