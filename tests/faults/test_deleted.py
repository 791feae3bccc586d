"""Parts of a store that a hand deleted: verify names them, realize brings back what it can."""

import os
import shutil
from pathlib import Path

import oracle
import pytest
import scenarios
from figures import figure

import pystore as ps
from pystore.store import tree


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    root = tmp_path / "prepared"
    scenarios.SCENARIOS["reuse"].prepare(root)
    return root


def paths(root: Path) -> list[str]:
    """Everything in a store, its rooms and files."""
    found = [os.path.relpath(path, root) for path in root.rglob("*")]
    return sorted(path for path in found if not path.startswith(("tmp/", "locks/")))


def mended(root: Path, deleted: str) -> list[str]:
    """What is wrong after a deletion, a look by verify, and the next call."""
    parent = (root / deleted).parent
    mode = parent.stat().st_mode
    parent.chmod(0o755)
    tree.remove(root / deleted)
    parent.chmod(mode)
    try:
        ps.verify(ps.Store(root))
        scenarios.SCENARIOS["reuse"].act(root, lambda rref: None)
        left = [d for d in ps.verify(ps.Store(root)).damages if d.kind != "attempt"]
    except Exception as error:
        return [f"{deleted}: {error!r}"]
    found = [*map(str, left), *oracle.unsound(root)]
    return [f"{deleted}: {text}" for text in found]


def test_a_store_lives_on_after_the_deletion_of_any_path(prepared, tmp_path):
    everything, found = paths(prepared), []
    for number, deleted in enumerate(everything):
        root = tmp_path / str(number)
        shutil.copytree(prepared, root, symlinks=True)
        found += mended(root, deleted)
    assert found == []
    figure("any one path of a store deleted by hand", "verify and realize mend it",
           f"{len(everything)} of {len(everything)} paths")  # fmt: skip
