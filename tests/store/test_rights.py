"""Rights: what a store makes follows its folder and the umask, and refusals say whose they are."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.core.context import Context
from pystore.errors import BadSettings, NoAccess, NotAStore
from pystore.store import rights
from pystore.store.current import ProcessWide
from pystore.store.sharing import share_with_group
from pystore.ui.cli import main


def write(b: ps.Build) -> None:
    (b.outpath / "weights.bin").write_bytes(b"w" * 8192)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def own(store: ps.Store) -> dict[str, int]:
    """The modes of the store's folders and of what is in tmp/ and locks/."""
    dref = store.drefs()[0]
    paths = [
        store.root, store.parts.layout.drv, store.parts.tmp, store.parts.layout.trash,
        Path(store.parts.layout.derivation(dref)), Path(store.parts.layout.attempts(dref)),
        *store.parts.layout.locks.iterdir(), *store.parts.tmp.glob("live-*"),
    ]  # fmt: skip
    return {str(path.relative_to(store.root)): mode(path) for path in paths}


def built(root: Path) -> ps.Store:
    store = ps.Store(root, durable=False)
    rref = ps.realize(Derivation({}, match_latest(), write), store=store)
    assert mode(store.path(rref)) == 0o555
    assert mode(store.path(rref) / "weights.bin") == 0o444
    return store


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o027])
def test_RI1_what_a_store_makes_follows_the_umask(tmp_path, umask, mask):
    os.umask(mask)
    for path, found in own(built(tmp_path / "store")).items():
        assert found & mask == 0, path
        assert found & 0o7000 == 0, path


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
def test_RI2_the_group_of_a_shared_store_may_use_all_that_is_not_sealed(tmp_path, umask, mask):
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o2770)
    os.umask(mask)
    store = built(tmp_path / "store")
    for path, found in own(store).items():
        wanted = 0o2070 if (store.root / path).is_dir() else 0o060
        assert found & wanted == wanted, path
    assert ps.verify(store).sound


def test_RI2_a_umask_that_gives_to_the_group_makes_a_shared_store(tmp_path, umask):
    os.umask(0o002)
    store = built(tmp_path / "store")
    os.umask(0o022)
    assert rights.shared(store.root)
    assert ps.verify(store).sound


def test_a_store_that_is_there_can_be_shared_later(tmp_path, umask, capsys):
    store = built(tmp_path / "store")
    assert not rights.shared(store.root)
    assert main.run(["init", "--shared", "group", str(store.root)]) == 0
    assert "shared with the group" in capsys.readouterr().out
    for path, found in own(store).items():
        wanted = 0o2070 if (store.root / path).is_dir() else 0o060
        assert found & wanted == wanted, path
    assert ps.verify(store).sound  # what is sealed has kept its modes
    assert share_with_group(store) == []


def test_a_program_can_share_the_store_that_it_initializes(tmp_path, umask, monkeypatch):
    monkeypatch.setattr(ProcessWide, "store", None)
    store = ps.store_initialize(tmp_path / "store", shared="group")
    assert rights.shared(store.root)
    assert rights.shared(store.parts.layout.drv)
    with pytest.raises(BadSettings, match="shared with its group"):
        ps.store_initialize(tmp_path / "other", shared="all")  # type: ignore[arg-type]  # the mistake
    assert not (tmp_path / "other").exists()


def test_sharing_a_store_goes_through_no_link(tmp_path, umask):
    store = built(tmp_path / "store")
    outside = tmp_path / "outside"
    outside.mkdir()
    for place in (store.parts.layout.drv / "planted", store.parts.layout.locks / "planted.lock"):
        place.symlink_to(outside)
    share_with_group(store)
    assert mode(outside) == 0o755
    assert rights.shared(store.parts.layout.locks)


def test_what_stands_in_the_way_is_named_without_steering_a_terminal():
    assert "\x1b" not in str(rights.Obstacle("/lab/\x1b[31m", "anna (1001)", "it stays"))


def test_what_others_than_the_group_may_write_is_reported(tmp_path, umask):
    os.umask(0o002)
    store = built(tmp_path / "store")
    store.root.chmod(0o2777)
    assert [damage.kind for damage in ps.verify(store).damages] == ["access"]


def test_RI3_a_refusal_says_the_path_its_owner_and_what_to_try(tmp_path):
    path = tmp_path / "file"
    path.write_text("")

    @rights.explained
    def refused() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with pytest.raises(NoAccess) as caught:
        refused()
    error = caught.value
    assert error.path == str(path)
    assert str(path.stat().st_uid) in str(error.owner)
    assert error.remedy
    assert isinstance(error, PermissionError)
    assert (error.errno, error.filename) == (errno.EACCES, str(path))


def test_RI3_of_what_cannot_be_seen_the_nearest_owner_is_named(tmp_path):
    assert str(tmp_path) in rights.owner_of(tmp_path / "not" / "there")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_hard_links_no_store_is_made_and_nothing_is_left(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(NotAStore, match="no hard links"):
        ps.Store(tmp_path / "deep" / "store")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_made_leaves_the_folders_that_were_there(tmp_path, monkeypatch):
    (tmp_path / "store" / "tmp").mkdir(parents=True)

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        with pytest.raises(OSError, match="No space"):
            ps.Store(tmp_path / "store")
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["tmp"]
    assert ps.Store(tmp_path / "store")


def test_a_lock_that_another_user_made_is_locked_all_the_same(tmp_path, monkeypatch):
    store = ps.Store(tmp_path / "store", durable=False)
    dref = Derivation({}, match_latest(), write).dref
    first = store.lock(dref, Context())
    assert first.acquire()
    opened = rights.open_file

    def refuse(path, flags):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags)

    monkeypatch.setattr(rights, "open_file", refuse)
    second = store.lock(dref, Context())
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
