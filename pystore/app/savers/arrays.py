"""Arrays of NumPy, and its scalars, as npy.

NP1  The bytes follow from the items: what lies between the fields of a structured array is zero.
"""

import io
from typing import TYPE_CHECKING, Any, Literal

from .kind import Stored, Written, no_saver

if TYPE_CHECKING:
    import numpy as np

_FILE = "data.npy"


def write(value: Any) -> Written:
    """An array or a scalar. Raises BadStage for arrays of objects and for subclasses."""
    import numpy as np

    scalar = isinstance(value, np.generic)
    if type(value) is not np.ndarray and not scalar:
        raise no_saver(value, because="only arrays and scalars of NumPy itself come back as such")
    array = np.asarray(value)
    if array.dtype.hasobject or array.dtype.kind == "T":
        raise no_saver(value, because="its items are Python objects", dtype=array.dtype)
    return Written({"scalar": scalar}, {_FILE: npy(array)})


def read(stored: Stored) -> Any:
    """The array or the scalar."""
    array = from_npy(stored.files[_FILE])
    return array[()] if stored.about["scalar"] else array


def npy(array: "np.ndarray[Any, Any]") -> bytes:
    """The bytes of an npy file (NP1)."""
    import numpy as np

    out = io.BytesIO()
    np.save(out, _unpadded(array), allow_pickle=False)
    return out.getvalue()


def from_npy(content: bytes) -> "np.ndarray[Any, Any]":
    """The array of an npy file, which has all of it and no more. Raises ValueError."""
    import numpy as np

    file = io.BytesIO(content)
    array = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):
        raise ValueError("there is more behind the array")
    return array


def _unpadded(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The same items, with zeros between the fields, where memory has what was there before."""
    import numpy as np

    if array.dtype.names is None:
        return array
    order: Literal["C", "F"] = "F" if np.isfortran(array) else "C"
    # Not zeros_like, which sets the fields to zero, and leaves what is between them.
    clean = np.zeros(array.shape, array.dtype, order=order)
    for name in array.dtype.names:
        clean[name] = _unpadded(array[name])
    return clean
