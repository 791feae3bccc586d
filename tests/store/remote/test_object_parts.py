"""How a tree is cut into objects."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pystore.core.manifest import Entry, Manifest
from pystore.store.remote import object_parts

SIZE, LARGE = 100, 40  # [bytes], in place of 16 and 4 MiB


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(object_parts, "SIZE", SIZE)
    monkeypatch.setattr(object_parts, "LARGE", LARGE)


@st.composite
def manifests(draw):
    names = draw(st.sets(st.binary(min_size=1, max_size=3), max_size=12))
    kinds = st.sampled_from(["file", "file", "file", "link", "directory"])
    entries = []
    for name in names:
        kind = draw(kinds)
        size = draw(st.integers(0, 5 * SIZE)) if kind == "file" else 0
        entries.append(Entry(name, kind, size=size, digest="0" * 64))
    return Manifest.of(entries)


def cut(manifest):
    return [part.slices for part in object_parts.parts_of(manifest)]


every = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@every
@given(manifests())
def test_PA1_each_byte_of_each_file_is_in_one_part(manifest):
    found: dict[bytes, int] = {}
    for part in object_parts.parts_of(manifest):
        assert 0 < part.size <= SIZE
        for piece in part.slices:
            assert piece.size > 0
            assert piece.offset == found.get(piece.path, 0)  # in their order, without a gap
            found[piece.path] = piece.offset + piece.size
    sizes = {entry.path: entry.size for entry in manifest.entries if entry.size}
    assert found == sizes


@every
@given(manifests())
def test_PA1_equal_manifests_are_cut_alike(manifest):
    assert cut(Manifest.parse(manifest.text)) == cut(manifest)


@every
@given(manifests(), st.integers(LARGE, 5 * SIZE))
def test_PA3_a_large_file_is_cut_alike_whatever_lies_beside_it(manifest, size):
    large = Entry(b"large", "file", size=size, digest="1" * 64)
    others = [entry for entry in manifest.entries if entry.path != large.path]
    alone = cut(Manifest.of([large]))
    among = [slices for slices in cut(Manifest.of([large, *others])) if slices[0].path == b"large"]
    assert among == alone


def test_PA2_small_files_lie_together():
    files = [Entry(b"%04d" % n, "file", size=10, digest="0" * 64) for n in range(1000)]
    assert len(cut(Manifest.of(files))) == 100
