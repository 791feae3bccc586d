"""Caching: a folder in the cache of the user that nobody else writes to."""

import os
import stat

import pytest

from pystore.store import caching, rights
from pystore.store.caching import InForce


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(InForce, "find", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_the_folder_of_a_kind_is_made_for_its_user_alone(home):
    old = os.umask(0)
    try:
        assert caching.folder("choices") == home / "choices"
    finally:
        os.umask(old)
    assert stat.S_IMODE((home / "choices").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777], ids=oct)
def test_a_folder_that_others_may_write_to_is_not_believed(mode, home):
    (home / "choices").mkdir(parents=True)
    (home / "choices").chmod(mode)
    assert caching.folder("choices") is None
    (home / "choices").chmod(0o755)
    assert caching.folder("choices") == home / "choices"


def test_a_folder_of_another_user_in_our_cache_is_not_believed(home, monkeypatch):
    (home / "choices").mkdir(parents=True)
    owners = {home: None, home / "choices": 1234}
    monkeypatch.setattr(rights, "strange_owner", owners.get)
    assert caching.folder("choices") is None
