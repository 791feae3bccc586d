"""Places of objects: folders, and what is behind fsspec, by one contract."""

import os
import threading

import fsspec
import pytest

from pystore.errors import BadPlace, FetchError
from pystore.store import disk
from pystore.store.remote.place import FolderPlace
from pystore.store.remote.url_place import UrlPlace


@pytest.fixture(params=["folder", "file", "memory"])
def place(request, tmp_path):
    if request.param == "folder":
        return FolderPlace(tmp_path / "lab")
    fsspec.filesystem("memory").store.clear()
    return UrlPlace("memory://lab" if request.param == "memory" else f"file://{tmp_path}/lab", {})


def test_what_was_put_is_there(place):
    assert place.names("a") == []
    assert place.size("a/b") is None
    place.write("a/b", b"one")
    place.write("a/c", b"two")
    place.write("a/b", b"three")
    assert sorted(place.names("a")) == ["b", "c"]
    assert place.size("a/b") == 5
    assert place.read("a/b", 100) == b"three"


def test_PL2_no_more_is_read_than_was_asked_for(place):
    place.write("x", bytes(1000))
    assert place.read("x", 10) == bytes(10)


def test_PL3_what_is_missing_is_a_file_that_is_not_found(place):
    place.write("a/b", b"")
    for name in ("nothing", "a/nothing", "a/b/nothing"):
        with pytest.raises(FileNotFoundError):
            place.read(name, 10)


@pytest.mark.parametrize("failing", ["write", "rename", "fsync"])
def test_PL1_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, failing):
    place = FolderPlace(tmp_path / "lab")
    place.write("a/b", b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises((FetchError, BadPlace)):
        place.write("a/b", b"new")
    monkeypatch.undo()
    assert place.read("a/b", 10) == b"old"
    assert place.names("a") == ["b"]


def test_PL1_an_object_is_not_seen_before_it_is_whole(tmp_path, monkeypatch):
    place, seen = FolderPlace(tmp_path / "lab"), []
    really = disk.write_all

    def slow(descriptor, content):
        half = len(content) // 2
        really(descriptor, content[:half])
        seen.append(place.size("a/b"))
        really(descriptor, content[half:])

    monkeypatch.setattr(disk, "write_all", slow)
    place.write("a/b", b"whole")
    assert seen == [None]
    assert place.read("a/b", 10) == b"whole"


def test_PL3_an_error_of_the_system_is_ours_and_names_the_place(tmp_path, monkeypatch):
    place = FolderPlace(tmp_path / "lab")
    place.write("a", b"1")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "lab" / "a"))

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(BadPlace, match=str(tmp_path)):
        place.names("")


def test_PL3_what_a_service_raises_is_not_shown(monkeypatch):
    place = UrlPlace("memory://lab", {})

    def fail(*_, **__):
        raise RuntimeError("the password is secret")

    monkeypatch.setattr(type(place._system), "cat_file", fail)
    with pytest.raises(FetchError) as caught:
        place.read("a", 10)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_PL1_of_several_that_write_at_once_one_wins_whole(tmp_path):
    place = FolderPlace(tmp_path / "lab")
    wholes = [bytes([number]) * 10_000 for number in range(8)]
    threads = [threading.Thread(target=place.write, args=("x", whole)) for whole in wholes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.read("x", 20_000) in wholes
    assert place.names("") == ["x"]
