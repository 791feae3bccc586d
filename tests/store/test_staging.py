"""Where what is being built lies, when a user has named a place for it."""

import os

import pytest

from pystore import Store
from pystore.errors import BadPlace


def test_a_folder_of_another_user_is_no_place_for_what_is_being_built(tmp_path, monkeypatch):
    store = Store(tmp_path / "store", durable=False)
    scratch = tmp_path / "scratch"
    area = Store(store.root, custom_tmp=scratch).parts.staging_area
    assert area == scratch / f"pystore-{store.id}"
    monkeypatch.setattr(os, "geteuid", lambda: area.stat().st_uid + 1)
    with pytest.raises(BadPlace, match="not ours") as caught:
        Store(store.root, custom_tmp=scratch)
    assert (caught.value.path, caught.value.owner) == (area, area.stat().st_uid)


def test_a_link_is_no_place_for_it_either(tmp_path):
    store = Store(tmp_path / "store", durable=False)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "scratch" / f"pystore-{store.id}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadPlace, match="not ours"):
        Store(store.root, custom_tmp=tmp_path / "scratch")
