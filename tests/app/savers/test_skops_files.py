"""Skops files in canonical form."""

import io
import json
import zipfile
from typing import Any

import pytest

from pystore.app.savers.skops_files import canonical

np = pytest.importorskip("numpy")
skops_io = pytest.importorskip("skops.io")


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def saved(value: Any) -> bytes:
    return canonical(skops_io.dumps(value))


def test_SK1_two_files_of_equal_values_have_the_same_bytes():
    def value() -> Any:
        words = {f"word {n}" for n in range(40)}
        array = np.arange(3.0)
        return {"words": words, "twice": [array, array], "equal": np.arange(3.0), "half": 0.5}

    assert skops_io.dumps(value()) != skops_io.dumps(value())
    assert saved(value()) == saved(value())


def test_SK1_a_canonical_file_stays_as_it_is():
    content = saved({"a": [np.arange(2), "text", (1, 2.5)], "b": {"c": None}})
    assert canonical(content) == content


def test_SK1_the_archive_has_no_time_no_version_and_is_not_compressed():
    content = saved([np.arange(2)])
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for member in file.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED
    assert "_skops_version" not in json.loads(members(content)["schema.json"])


def test_SK1_equal_members_are_one():
    content = saved([np.arange(99), np.arange(99), np.arange(98)])
    assert sorted(members(content)) == ["1.npy", "2.npy", "schema.json"]


def test_SK2_what_was_one_object_is_one_and_what_were_two_are_two():
    array = np.arange(2)
    one, same, other = skops_io.loads(saved([array, array, np.arange(2)]))
    assert one is same
    assert other is not one
    assert np.array_equal(other, one)


@pytest.mark.parametrize(
    "value",
    [
        {"__id__": 1, "file": "a", "__loader__": "SetNode", "__class__": "b"},
        {"set": {1, "a", (2, 3)}, "types": [int, float], "slice": slice(1, 2), "bytes": b"ab"},
        {"refit_time_": 1.5, "mean_fit_time": [1, 2]},
        np.array([None, "a", 1.5], dtype=object),
    ],
    ids=["keys of skops", "kinds", "no search", "objects"],
)
def test_SK2_skops_loads_the_same_from_both(value: Any):
    plain, ours = skops_io.loads(skops_io.dumps(value)), skops_io.loads(saved(value))
    assert told(ours) == told(plain) == told(value)


def told(value: Any) -> Any:
    """A value as text; equal sets may have another order."""
    if isinstance(value, dict):
        return [(key, told(one)) for key, one in value.items()]
    return sorted(map(repr, value)) if isinstance(value, set) else repr(value)
