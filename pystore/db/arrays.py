"""Arrays: kept as files of numpy; those of strangers are measured before they are read."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from .errors import BadContent, BadRow

_NUMBERS = "biufc"  # the kinds of types that numpy has for numbers


def dump_array(value: Any, settings: Mapping[str, Any]) -> bytes:
    """The bytes of the file of an array. Raises BadRow for what it would not give again."""
    import numpy as np

    try:
        given = np.asanyarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _unlike(value, str(error)) from None
    if isinstance(given, np.ma.MaskedArray):
        raise _unlike(value, "an array with a mask would come back without it")
    found, shape = np.asarray(given), settings.get("shape")
    if found.dtype.kind not in _NUMBERS or (shape is not None and tuple(shape) != found.shape):
        raise _unlike(value, f"its shape is {found.shape}, its type {found.dtype}")
    file = io.BytesIO()
    made = _of_type(found, settings.get("dtype"))
    np.save(file, np.ascontiguousarray(made).reshape(made.shape), allow_pickle=False)
    return file.getvalue()


def _of_type(found: Any, name: str | None) -> Any:
    """The array in the type of its field: floats may be rounded, other numbers stay as they are."""
    import numpy as np

    if name is None or found.dtype == name:
        return found
    if found.dtype.kind == "c" and np.dtype(name).kind != "c":
        raise _unlike(found, f"as {np.dtype(name)} it would be another array")
    with np.errstate(all="ignore"):
        made = found.astype(name)
    are_floats = found.dtype.kind in "fc" and made.dtype.kind in "fc"
    is_kept = np.isfinite(made) == np.isfinite(found) if are_floats else made == found
    if not np.all(is_kept):
        raise _unlike(found, f"as {made.dtype} it would be another array")
    return made


def load_array(stored: Any, settings: Mapping[str, Any]) -> Any:
    """The array in the bytes of its file. Raises BadContent."""
    import numpy as np

    if not isinstance(stored, bytes | bytearray | memoryview):
        raise _other(stored, "these are no bytes")
    file = io.BytesIO(stored)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, dtype = read(file)
        body = file.read()
        if dtype.kind not in _NUMBERS or math.prod(shape) * dtype.itemsize != len(body):
            raise ValueError("the bytes are more or less than its shape says")
        found = np.frombuffer(body, dtype).reshape(shape, order="F" if is_fortran else "C").copy()
    except (ValueError, EOFError, OSError, TypeError, OverflowError, SyntaxError) as error:
        raise _other(stored, str(error)[:200]) from None
    wanted, name = settings.get("shape"), settings.get("dtype")
    if wanted is not None and tuple(wanted) != found.shape:
        raise _other(stored, f"its shape is {found.shape}, and not {tuple(wanted)}")
    if name is not None and found.dtype != name:
        raise _other(stored, f"its type is {found.dtype}, and not {np.dtype(name)}")
    return found


def _unlike(value: Any, because: str) -> BadRow:
    return BadRow(
        "this is no value of the kind array",
        given=repr(value)[:80],
        because=because,
        remedy="give an array of numbers, or None where the field is not required",
    )


def _other(stored: Any, because: str) -> BadContent:
    return BadContent(
        "this is no array",
        stored=repr(stored[:16] if isinstance(stored, bytes) else stored)[:80],
        because=because,
        remedy="declare the field by the type that is stored there",
    )
