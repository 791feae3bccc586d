"""Usage: how much room realizations take, with what they share counted once."""

import os
from pathlib import Path

import pytest

from pystore import Derivation, Store, build_outpath, gc, lsref, match_latest, realize
from pystore.ask.inspection.usage import By, usage
from pystore.errors import BuildError

SIZE = 10_000  # large enough to be stored once


def write(b):
    (build_outpath(b) / "sub").mkdir()
    (build_outpath(b) / "sub" / "data.bin").write_bytes(bytes(SIZE))
    (build_outpath(b) / "own.txt").write_text("1234567890")


@pytest.fixture
def linked(store: Store):
    """Two realizations that share the larger of their files."""
    rrefs = [realize(Derivation({"name": n}, match_latest(), write)) for n in ("one", "other")]
    first, second = (Path(store.parts.layout.out(rref)) / "sub" / "data.bin" for rref in rrefs)
    if first.stat().st_ino != second.stat().st_ino:
        second.parent.chmod(0o755)
        second.unlink()
        os.link(first, second)
    for rref in rrefs:  # and nothing else
        own = Path(store.parts.layout.out(rref)) / "own.txt"
        if own.stat().st_nlink > 1:
            own.parent.chmod(0o755)
            own.unlink()
            own.write_text("1234567890")
    return rrefs


def test_alone_a_file_counts_as_shared_when_another_has_it_too(linked, store: Store):
    for rref in linked:
        found = usage([rref], "realization", store)[0][0]
        assert (found.size, found.disk, found.shared) == (SIZE + 10, SIZE + 10, SIZE)
        assert found.files == 2


def test_together_it_is_counted_once_and_shared_with_nobody(linked, store: Store):
    each, found = usage(linked, "name", store)
    assert [one.of for one in each] == ["one", "other"]
    assert found == usage(linked, "derivation", store)[1]
    assert (found.size, found.disk, found.shared) == (2 * SIZE + 20, SIZE + 20, 0)
    assert found.files == 4


def test_what_has_gone_takes_nothing(linked, store: Store):
    store.remove(linked[0])
    _, found = usage(linked, "name", store)
    assert (found.size, found.shared) == (SIZE + 10, 0)
    assert lsref(linked[1].dref) == [linked[1]]


def test_as_json_a_row_is_named_by_its_kind(linked, store: Store):
    keys: dict[By, str] = {"name": "name", "derivation": "dref", "realization": "rref"}
    for by, key in keys.items():
        row = usage(linked[:1], by, store)[0][0]
        counts = {"realizations": 1, "files": 2, "size": SIZE + 10, "disk": SIZE + 10}
        of = {"name": "one", "dref": linked[0].dref, "rref": linked[0]}[key]
        assert row.to_dict() == {key: of, **counts, "shared": SIZE, "failed": 0}


def test_what_failed_attempts_have_left_is_counted_apart(store):
    def fails(build):
        (build.outpath / "half.bin").write_bytes(b"x" * 1000)
        raise ArithmeticError

    def holds(build):
        (build.outpath / "half.bin").write_bytes(b"x" * 500)
        looks.append(usage(store.drefs(), "name", store)[1].failed)

    looks = []
    broken = Derivation({"name": "broken"}, match_latest(), fails)
    with pytest.raises(BuildError):
        realize(broken)
    left = [path for _, path in store.failed_stagings()]
    size = sum(p.stat().st_size for path in left for p in path.rglob("*") if p.is_file())
    assert size >= 1000
    groups: dict[By, str] = {"name": "broken", "derivation": broken.dref}
    for by, of in groups.items():
        (row,), total = usage([broken.dref], by, store)
        assert (row.of, row.failed, row.size, total.failed) == (of, size, 0, size)
        assert row.to_dict()["failed"] == size
    assert usage([broken.dref], "realization", store)[1].failed == size
    realize(Derivation({"name": "holds"}, match_latest(), holds))
    assert looks == [size]  # what runs has not failed
    rref = realize(Derivation({"name": "holds"}, match_latest(), holds))
    assert usage([rref], "name", store)[1].failed == 0
    gc(dry_run=False)
    assert usage([broken.dref], "name", store)[1].failed == 0
