"""Arrays of NumPy."""

from typing import Any

import numpy as np
import pytest
from test_conformance import Conformance

from pystore.app.savers import save
from pystore.app.savers.arrays import from_npy, npy
from pystore.errors import BadStage


class TestArrays(Conformance):
    kind = "array"
    names = ("empty", "floats", "fortran", "padded", "scalar", "texts", "times")

    def same(self, value: Any, loaded: Any):
        assert (loaded.dtype, loaded.shape) == (value.dtype, value.shape)
        assert loaded.flags.f_contiguous == value.flags.f_contiguous
        names = value.dtype.names or ()
        for one, other in [(value[n], loaded[n]) for n in names] or [(value, loaded)]:
            # NumPy's own npy as the judge, which has the bits of the items.
            assert npy(np.asarray(one)) == npy(np.asarray(other))


def test_NP1_what_lies_between_fields_makes_no_difference():
    dtype = np.dtype([("flag", "u1"), ("number", "f8")], align=True)
    noisy, clean = (np.frombuffer(bytearray([fill]) * 32, dtype) for fill in (255, 0))
    noisy["flag"], noisy["number"], clean["flag"], clean["number"] = 1, 2.5, 1, 2.5
    assert noisy.tobytes() != clean.tobytes()
    assert npy(noisy) == npy(clean)
    assert from_npy(npy(noisy)).tolist() == [(1, 2.5), (1, 2.5)]


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array([1, "a"], dtype=object),
        np.zeros(2, [("a", object)]),
        np.ma.masked_array([1, 2], [True, False]),
        np.array(["a"], np.dtypes.StringDType()),
    ],
    ids=["objects", "mixed", "fields", "masked", "strings"],
)
def test_arrays_that_npy_cannot_hold_are_refused(value: object, tmp_path):
    with pytest.raises(BadStage, match=r"@model\.saver"):
        save(value, tmp_path / "value")


def test_more_than_the_array_is_refused():
    with pytest.raises(ValueError, match="behind"):
        from_npy(npy(np.arange(3)) + b"x")


def test_an_array_of_objects_is_not_read():
    """Such a file has a pickle in it."""
    import io

    file = io.BytesIO()
    np.save(file, np.array([1, "a"], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        from_npy(file.getvalue())
