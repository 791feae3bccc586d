"""Fixtures of stores and remotes."""

import os

import pytest

from pystore import Derivation, match_latest
from pystore.store.remote import object_parts


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Derivation:
    """What travels in parts: a file above the size of one, and many small ones."""
    monkeypatch.setattr(object_parts, "SIZE", 1000)
    monkeypatch.setattr(object_parts, "LARGE", 500)

    def fill(b):
        (b.outpath / "large").write_bytes(os.urandom(2500))
        for i in range(40):
            (b.outpath / f"{i}.txt").write_bytes(os.urandom(100))

    return Derivation({"name": "many"}, match_latest(), fill)
