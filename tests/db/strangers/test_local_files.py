import os
from pathlib import Path

import pytest

from pystore.db.errors import FetchRefused, NotFetched
from pystore.db.fetching import Policy, fetch
from pystore.db.strangers.local_files import _opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "a b.png").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    return root


def test_files_below_the_root_are_read(root: Path):
    os.symlink("folder/a b.png", root / "link")
    policy = Policy(root=root)
    inside = root / "folder" / "a b.png"
    urls = ["folder/a b.png", str(inside), f"file://{root}/folder/a%20b.png", inside.as_uri()]
    for url in [*urls, "file:folder/a%20b.png", "link", "folder/../folder/a b.png"]:
        assert fetch(url, policy).content == b"inside"


def test_a_root_may_be_reached_by_a_link(root: Path, tmp_path: Path):
    os.symlink(root, tmp_path / "link")
    assert fetch("folder/a b.png", Policy(root=tmp_path / "link")).content == b"inside"


@pytest.mark.parametrize(
    "url", ["../secret", "folder/../../secret", "/etc/passwd", "file:///etc/passwd", "out", "up/x",
            "file:%2e%2e/secret", "../root2/x"]
)  # fmt: skip
def test_LX1_nothing_outside_of_the_root_is_read(root: Path, url: str):
    os.symlink("../secret", root / "out")
    os.symlink("..", root / "up")
    (root.parent / "root2").mkdir()
    for other in (root.parent / "root2" / "x", root.parent / "x"):
        other.write_bytes(b"outside")
    with pytest.raises(FetchRefused, match="out of the root") as caught:
        fetch(url, Policy(root=root))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["pipe", "folder", "", ".", "file:"])
def test_LX1_only_files_are_opened(root: Path, url: str):
    os.mkfifo(root / "pipe")
    with pytest.raises(FetchRefused, match="of no file"):
        fetch(url, Policy(root=root))


def test_LX1_a_link_that_was_made_meanwhile_is_not_followed(root: Path, tmp_path: Path):
    (root / "turned").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        _opened(root, ("turned", "secret"))
    (root / "file").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        _opened(root, ("file",))


@pytest.mark.parametrize("url", ["missing", "folder/a b.png/x", "loop"])
def test_a_file_that_is_not_there_may_come(root: Path, url: str):
    os.symlink("loop", root / "loop")
    with pytest.raises(NotFetched) as caught:
        fetch(url, Policy(root=root))
    assert caught.value.is_final == (url == "loop")


def test_a_path_that_cannot_be_is_refused(root: Path):
    with pytest.raises(FetchRefused, match="no path"):
        fetch("a\0b", Policy(root=root))


def test_without_a_root_no_file_is_read(root: Path):
    with pytest.raises(FetchRefused, match="no root="):
        fetch(f"file://{root}/folder/a%20b.png", Policy())
    with pytest.raises(FetchRefused, match="without a scheme"):
        fetch(f"{root}/folder/a b.png", Policy())
    with pytest.raises(FetchRefused, match="neither http nor https"):
        fetch("file://host/folder/a", Policy(root=root))


def test_a_file_that_has_not_changed_is_not_read_again(root: Path):
    policy, path = Policy(root=root, max_bytes=10), root / "file"
    path.write_bytes(b"old")
    first = fetch("file", policy)
    assert fetch("file", policy, first.etag).content is None
    path.write_bytes(b"longer")
    assert fetch("file", policy, first.etag).content == b"longer"
    path.write_bytes(b"far too long")
    with pytest.raises(FetchRefused, match="more than 10 bytes"):
        fetch("file", policy)
