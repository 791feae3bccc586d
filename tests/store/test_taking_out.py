"""Taking out: copies of artifacts in folders of the user."""

import errno
import os
import stat
from pathlib import Path

import pytest

from pystore.errors import BadRef
from pystore.store import disk
from pystore.store.taking_out import BadPlace, Taken, take_out


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A folder as the store keeps one."""
    source = tmp_path / "sealed"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (source / "deep" / "run.sh").chmod(0o555)
    (source / "text").write_text("text")
    (source / "text").chmod(0o444)
    (source / "deep" / "link").symlink_to("../text")
    for folder in ("deep/empty", "deep", "."):
        (source / folder).chmod(0o555)
    yield source
    for folder in (".", "deep", "deep/empty"):
        (source / folder).chmod(0o755)


def test_GT4_all_may_be_changed_and_nothing_is_shared(sealed, tmp_path):
    before = os.umask(0o027)
    try:
        assert take_out(sealed, tmp_path / "mine") == Taken(2, 14)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(tmp_path / "mine")): stat.S_IMODE(path.lstat().st_mode)
        for path in (tmp_path / "mine").rglob("*")
        if not path.is_symlink()
    }
    assert modes == {"deep": 0o750, "deep/empty": 0o750, "deep/run.sh": 0o750, "text": 0o640}
    assert not (tmp_path / "mine" / "text").samefile(sealed / "text")
    assert (tmp_path / "mine" / "deep" / "link").read_text() == "text"


@pytest.mark.parametrize("name", ["text", "."])
def test_GT1_nothing_is_left_of_a_copy_that_fails(sealed, tmp_path, monkeypatch, name):
    def full(source: int, target: int, name: bytes) -> None:
        os.write(target, b"half")
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(disk, "copy", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="no space"):
        take_out(sealed / name, tmp_path / "mine")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("there", ["folder", "full folder", "fifo"])
@pytest.mark.parametrize("name", ["text", "deep"])
def test_GT2_what_is_no_file_is_never_replaced(sealed, tmp_path, name, there, force):
    place = tmp_path / "place"
    os.mkfifo(place) if there == "fifo" else place.mkdir()
    if there == "full folder":
        (place / "mine").touch()
    before = place.lstat().st_ino
    with pytest.raises(BadPlace, match="something is there already"):
        take_out(sealed / name, place, force=force)
    assert place.lstat().st_ino == before


def test_GT2_a_file_is_replaced_by_force_and_by_a_file_only(sealed, tmp_path):
    place = tmp_path / "place"
    place.write_text("mine")
    for name, force in (("text", False), ("deep", True)):
        with pytest.raises(BadPlace):
            take_out(sealed / name, place, force=force)
        assert place.read_text() == "mine"
    take_out(sealed / "text", place, force=True)
    assert place.read_text() == "text"


@pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP])
def test_GT2_without_hard_links_it_is_named_by_a_rename(sealed, tmp_path, monkeypatch, error):
    def refuse(*_: object) -> None:
        raise OSError(error, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    take_out(sealed / "text", tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "text"


def test_GT2_what_another_process_has_put_there_meanwhile_stays(sealed, tmp_path, monkeypatch):
    real = disk.copy

    def slow(source: int, target: int, name: bytes) -> None:
        real(source, target, name)
        (tmp_path / "mine").write_text("theirs")

    monkeypatch.setattr(disk, "copy", slow)
    for name in ("text", "."):
        with pytest.raises(BadPlace):
            take_out(sealed / name, tmp_path / "mine")
        assert (tmp_path / "mine").read_text() == "theirs"
        (tmp_path / "mine").unlink()


@pytest.mark.parametrize(
    ("link", "target", "leads_out"),
    [
        ("a", "/etc/passwd", True),
        ("a", "..", True),
        ("a", "sub/../../b", True),
        ("a", "sub/../b", True),
        ("sub/a", "../../b", True),
        ("sub/a", "..", False),
        ("sub/a", "./../b", False),
        ("sub/a", "b//c", False),
        ("a", "not/there", False),
    ],
)
def test_GT3_a_link_is_copied_where_it_stays_within(tmp_path, link, target, leads_out):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / link).symlink_to(target)
    if leads_out:
        with pytest.raises(BadRef, match="links in this folder lead out"):
            take_out(source, tmp_path / "mine")
        assert not (tmp_path / "mine").exists()
        return
    take_out(source, tmp_path / "mine")
    assert os.readlink(tmp_path / "mine" / link) == target


def test_GT3_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="no regular file, but a link"):
        take_out(tmp_path / "link", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
