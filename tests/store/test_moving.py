"""Moving and removing trees: all of it or nothing, and past what cannot go."""

import errno
import os

import pytest

from pystore.store import sealing, tree
from pystore.store.moving import copy


def test_a_copied_tree_has_the_same_files_links_and_modes(tmp_path):
    source = tmp_path / "source"
    (source / "a" / "empty").mkdir(parents=True)
    (source / "a" / "run.sh").write_text("#!/bin/sh")
    (source / "a" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("a/run.sh")
    manifest = sealing.seal(source, durable=False)
    copy(source, tmp_path / "copied", durable=True)
    assert tree.scan(tmp_path / "copied") == manifest
    assert not any(tree.writable(tmp_path / "copied"))
    tree.remove(source)
    assert (tmp_path / "copied" / "link").read_text() == "#!/bin/sh"


def test_a_copy_that_fails_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("x")

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "sendfile", refuse)
    with pytest.raises(OSError, match="No space"):
        copy(tmp_path / "source", tmp_path / "copied", durable=False)
    assert not (tmp_path / "copied").exists()


def test_what_cannot_be_removed_is_told_and_all_the_rest_goes(tmp_path, monkeypatch):
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    for name in ("a/stays", "a/goes", "a/b/goes", "z"):
        (root / name).write_text("")
    unlink = os.unlink

    def refuse(path, **kwargs):
        if path == b"stays":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
        unlink(path, **kwargs)

    monkeypatch.setattr(os, "unlink", refuse)
    barred: list[OSError] = []
    tree.remove(root, barred)
    assert [error.filename for error in barred] == [str(root / "a" / "stays")]
    assert sorted(p.name for p in root.rglob("*")) == ["a", "stays"]
    with pytest.raises(PermissionError) as caught:
        tree.remove(root)
    assert caught.value.filename == str(root / "a" / "stays")
